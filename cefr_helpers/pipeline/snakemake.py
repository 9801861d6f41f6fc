"""Call Snakemake with a checked configuration, one call at a time per output folder."""

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
    """Lock an output folder, on all nodes, until the end of the block or of this process, however it ends.

    Raises:
        Busy: another run holds the lock.
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
    """Return the folder of a Snakemake profile: a name in profiles/, or a path.

    Raises:
        InputError: there is no such profile.
    """
    check_path(profile)
    there = {path.name: path for path in sorted((project_root() / "profiles").iterdir())}
    folder = Path(profile) if os.sep in profile else there.get(profile)
    if folder is None or not any(folder.glob("config*.yaml")):
        raise InputError(f"profile: {profile!r}: no config.yaml there; expected one of {', '.join(there)}, or a folder")
    return folder


def snakemake(config: dict, folder: Path, profile: Path, arguments: list[str]) -> bool:
    """Run Snakemake with the targets and options in `arguments`; return whether all targets exist afterwards.

    Args:
        config: the configuration for the Snakefile, as plain values.
        folder: the output folder, in which Snakemake keeps its own state.
        profile: its folder, from `profile_folder`.

    Raises:
        InputError: the profile uses a cluster that is not available.
    """
    more = [] if set(DRY_RUN) <= set(arguments) else _ready(folder, profile)
    called = [*command(config, folder, profile), *arguments, *more]
    return subprocess.run(called, preexec_fn=_die_with_command).returncode == 0


def planned(config: dict, folder: Path, profile: Path, arguments: list[str]) -> list[str]:
    """Return the names of the rules that Snakemake would run for the targets, from its dry run.

    Raises:
        RuntimeError: the dry run failed; the message is Snakemake's.
    """
    done = told(config, folder, profile, [*arguments, *DRY_RUN])
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    # its table of jobs is printed twice; each of our rules is one job
    return list(dict.fromkeys(words[0] for words in lines if len(words) == 2 and words[1] == "1"))


def told(config: dict, folder: Path, profile: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """Return Snakemake's output for arguments with which it runs nothing.

    Raises:
        RuntimeError: it failed; the message is Snakemake's.
    """
    done = subprocess.run([*command(config, folder, profile), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"Snakemake's dry run failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done


def _ready(folder: Path, profile: Path) -> list[str]:
    """Return options in addition to the profile's, after cancelling jobs that a killed Snakemake left in the folder.

    Raises:
        InputError: see `slurm.check` and `slurm.cancel_left_jobs`.
    """
    slurm = cluster.uses_slurm(profile)
    options = cluster.check(profile) if slurm else []
    # a run that began on the cluster may continue without it
    if slurm or ((folder / ".snakemake" / "slurm_logs").is_dir() and shutil.which("squeue")):
        cluster.cancel_left_jobs(folder)
    return options


def command(config: dict, folder: Path, profile: Path) -> list[str]:
    """Return Snakemake's command line with a checked configuration, to which targets and options are added."""
    root = project_root()
    text = json.dumps(config, indent=1, ensure_ascii=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = files.write_atomically(folder / "runs" / ".configurations" / f"{name}.json", text)
    called = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    # a file rewritten with the same content must not make its readers run again, including a large bank's examples
    called += ["--configfile", str(file), "--profile", str(profile), "--max-checksum-file-size", "1GB"]
    if any((folder / ".snakemake" / "locks").glob("*")):
        # the caller holds `only_run`, so the Snakemake that left these locks is gone
        subprocess.run([*called, "--unlock"], capture_output=True)
    return called


def _die_with_command() -> None:
    """End Snakemake and its stages with the command, so that a free lock means that nothing is running any more."""
    locks.die_with_parent(signal.SIGKILL)
