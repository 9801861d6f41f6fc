"""Calls Snakemake with a checked configuration, one call at a time in an output folder."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core import files, locks
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import check_path, project_root
from cefr_helpers.pipeline import slurm as cluster

DRY_RUN = ["--dry-run", "--quiet", "host", "rules"]


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """A lock on an output folder, on whatever node, until the end of the block or of this process, however it ends.

    Raises:
        Busy: another run holds it.
        InputError: nothing can be written there.
    """
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = f"output_root: {folder}"
        raise InputError(f"{where}: {error.strerror}; expected a folder that can be written to") from None
    with locks.exclusive_on_all_nodes(folder / "runs" / ".engine.lock", folder / "runs" / ".lease"):
        yield


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

    Raises:
        InputError: the profile goes to a cluster that can't be had.
    """
    more = [] if set(DRY_RUN) <= set(arguments) else _ready(folder, profile)
    called = [*command(config, folder, profile), *arguments, *more]
    return subprocess.run(called, preexec_fn=_die_with_command).returncode == 0


def planned(config: dict, folder: Path, profile: Path, arguments: list[str]) -> list[str]:
    """The names of the rules that Snakemake would run for the targets, by its own dry run.

    Raises:
        RuntimeError: the dry run failed; the message is Snakemake's.
    """
    done = told(config, folder, profile, [*arguments, *DRY_RUN])
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    # its table of jobs comes twice; each of our rules is one job
    return list(dict.fromkeys(words[0] for words in lines if len(words) == 2 and words[1] == "1"))


def told(config: dict, folder: Path, profile: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """What Snakemake says of its plan, as text, for arguments with which it runs nothing.

    Raises:
        RuntimeError: it failed; the message is Snakemake's.
    """
    done = subprocess.run([*command(config, folder, profile), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"Snakemake's dry run failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done


def _ready(folder: Path, profile: Path) -> list[str]:
    """Options on top of the profile's, once nothing of an engine that was killed is at work in the folder any more.

    Raises:
        InputError: as `slurm.check` and `slurm.cancel_left_jobs`.
    """
    slurm = cluster.uses_slurm(profile)
    options = cluster.check(profile) if slurm else []
    # a run that began on the cluster may go on without it
    if slurm or ((folder / ".snakemake" / "slurm_logs").is_dir() and shutil.which("squeue")):
        cluster.cancel_left_jobs(folder)
    return options


def command(config: dict, folder: Path, profile: Path) -> list[str]:
    """Snakemake's command line with a checked configuration, to which targets and options are added."""
    root = project_root()
    text = json.dumps(config, indent=1, ensure_ascii=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = files.write_atomically(folder / "runs" / ".configurations" / f"{name}.json", text)
    called = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    # a file that was written again with the same content is no reason to run what reads it; a large bank's examples too
    called += ["--configfile", str(file), "--profile", str(profile), "--max-checksum-file-size", "1GB"]
    if any((folder / ".snakemake" / "locks").glob("*")):
        # the caller holds `only_run`, so the engine that left these is gone
        subprocess.run([*called, "--unlock"], capture_output=True)
    return called


def _die_with_command() -> None:
    """At once, and with it its stages: a lock that is free again must mean that nothing is at work any more."""
    locks.die_with_parent(signal.SIGKILL)
