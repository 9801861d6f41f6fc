"""Calls Snakemake with a checked configuration, one call at a time in an output folder."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from cefr_helpers import records
from cefr_helpers.errors import InputError
from cefr_helpers.paths import check_path, project_root

DRY_RUN = ["--dry-run", "--quiet", "host", "rules"]


class Busy(InputError):
    """Another run is at work in the output folder."""


def only_run(folder: Path):
    """A lock on an output folder for as long as this process lives; it goes with the process, however it ends.

    Raises:
        Busy: another run holds it.
        InputError: nothing can be written there.
    """
    from filelock import FileLock, Timeout

    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = f"output_root: {folder}"
        raise InputError(f"{where}: {error.strerror}; expected a folder that can be written to") from None
    lock = FileLock(folder / "runs" / ".lock")
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        raise Busy(f"{folder}: another run is at work here; wait for it or stop it first") from None


def profile_folder(profile: str) -> Path:
    """The folder of a Snakemake profile: a name in profiles/, or a path.

    Raises:
        InputError: there is no profile.
    """
    check_path(profile)
    there = {path.name: path for path in sorted((project_root() / "profiles").iterdir())}
    folder = Path(profile) if os.sep in profile else there.get(profile)
    if folder is None or not any(folder.glob("config*.yaml")):
        raise InputError(f"profile: {profile!r}: no config.yaml there; expected one of {', '.join(there)}, or a folder")
    return folder


def snakemake(config: dict, folder: Path, profile: Path, arguments: list[str]) -> bool:
    """Run Snakemake with the targets and options in `arguments`; whether all targets are there afterwards.

    Args:
        config: for the Snakefile, as plain values.
        folder: the output folder, in which Snakemake keeps its own state.
        profile: its folder, from `profile_folder`.
    """
    return subprocess.run([*command(config, folder, profile), *arguments]).returncode == 0


def planned(config: dict, folder: Path, profile: Path, arguments: list[str]) -> list[str]:
    """The names of the rules that Snakemake would run for the targets, by its own dry run.

    Raises:
        RuntimeError: the dry run failed; the message is Snakemake's.
    """
    done = subprocess.run([*command(config, folder, profile), *arguments, *DRY_RUN], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"Snakemake's dry run failed:\n{(done.stdout + done.stderr)[-3000:]}")
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    # its table of jobs comes twice; each of our rules is one job
    return list(dict.fromkeys(words[0] for words in lines if len(words) == 2 and words[1] == "1"))


def command(config: dict, folder: Path, profile: Path) -> list[str]:
    """Snakemake's command line with a checked configuration, to which targets and options are added."""
    root = project_root()
    text = json.dumps(config, indent=1, ensure_ascii=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = records.write_atomically(folder / "runs" / ".configurations" / f"{name}.json", text)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(file), "--profile", str(profile)]
    if any((folder / ".snakemake" / "locks").glob("*")):
        # the caller holds `only_run`, so the engine that left these is gone
        subprocess.run([*command, "--unlock"], capture_output=True)
    return command
