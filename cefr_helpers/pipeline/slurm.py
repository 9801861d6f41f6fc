"""SLURM: whether a profile uses it, whether it answers, and jobs that a killed Snakemake left running."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tenacity
import yaml

from cefr_helpers.core.errors import InputError, shown

# The profile's prefix of job names; other jobs of the user are never touched.
JOB_PREFIX = "cefr"
_PLUGIN = "snakemake_executor_plugin_slurm"
_COMMANDS = ("sbatch", "squeue", "scancel", "sinfo", "scontrol")
# A restarting controller is unavailable for seconds; a cancelled job has SLURM's KillWait (30 s) to end.
_ANSWER_S, _END_S = 60, 180


def uses_slurm(profile: Path) -> bool:
    """Return whether a profile sends its jobs to SLURM.

    Raises:
        InputError: the profile is not YAML with keys and values.
    """
    return _values(profile).get("executor") == "slurm"


def check(profile: Path) -> list[str]:
    """Check whether jobs can be submitted to SLURM.

    Returns:
        Options for Snakemake in addition to the profile: how to query states if SLURM has no accounting.

    Raises:
        InputError: plugin or commands are missing, the controller does not answer, or it has no such partition.
    """
    where = f"profile: {profile}"
    if importlib.util.find_spec(_PLUGIN) is None:
        raise InputError(f"{where}: needs the package {_PLUGIN.replace('_', '-')}, which is not installed")
    if missing := [name for name in _COMMANDS if shutil.which(name) is None]:
        raise InputError(f"{where}: {', '.join(missing)} not found; start this on a machine that can submit SLURM jobs")
    partition = (_values(profile).get("default-resources") or {}).get("slurm_partition")
    there = _ask("sinfo", "--noheader", "--format", "%R").split()
    if partition is not None and partition not in there:
        there = ", ".join(sorted(set(there)))
        raise InputError(f"{where}: slurm_partition: {shown(partition)}: SLURM has no such partition; it has {there}")
    settings = _ask("scontrol", "show", "config").splitlines()
    kept = [line.split("=")[-1].strip() for line in settings if line.startswith("AccountingStorageType")]
    return [] if kept and kept[0].endswith("slurmdbd") else ["--slurm-status-command", "squeue"]


def left_jobs(folder: Path) -> list[str]:
    """Return the ids of this user's jobs, waiting or running, that Snakemake submitted for an output folder."""
    return _of_folder(_ask("squeue", "--me", "--noheader", "--format", "%i|%j|%Z"), folder)


def cancel_left_jobs(folder: Path) -> None:
    """Cancel the jobs that a killed Snakemake left running for an output folder, and wait until they have ended.

    The caller holds `snakemake.only_run`, so no running Snakemake can own such a job. Otherwise two jobs could run the
    same stage and write the same files.

    Raises:
        InputError: SLURM does not answer, or a job does not end.
    """
    jobs = left_jobs(folder)
    if not jobs:
        return
    print(f"Cancelling SLURM jobs that an earlier run left running in {folder}: {', '.join(jobs)}", flush=True)
    _ask("scancel", *jobs)
    if jobs := _again_while(bool, _END_S, every_s=1)(left_jobs, folder):
        raise InputError(f"{folder}: SLURM jobs {', '.join(jobs)} were cancelled but do not end; see `squeue --me`")


def _of_folder(listing: str, folder: Path) -> list[str]:
    """Return the ids of our jobs in a folder, from lines "id|name|folder"."""
    lines = [line.strip().split("|", 2) for line in listing.splitlines()]
    place = os.path.realpath(folder)
    return [
        words[0]
        for words in lines
        if len(words) == 3 and words[1].startswith(f"{JOB_PREFIX}_") and os.path.realpath(words[2]) == place
    ]


def _ask(*command: str) -> str:
    """Return what a SLURM command prints; if the controller does not answer, retry for a minute."""
    asking = _again_while(lambda done: done.returncode != 0, _ANSWER_S, every_s=2)
    done = asking(subprocess.run, command, capture_output=True, text=True)
    if done.returncode != 0:
        raise InputError(f"SLURM does not answer: {command[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _again_while(bad: Callable[[Any], bool], at_most_s: float, every_s: float) -> tenacity.Retrying:
    """Return a retry policy: call again while the result is bad and there is time, then return the last result."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_result(bad),
        stop=tenacity.stop_after_delay(at_most_s),
        wait=tenacity.wait_fixed(every_s),
        retry_error_callback=lambda last: last.outcome and last.outcome.result(),
    )


def _values(profile: Path) -> dict:
    file = next(iter(sorted(profile.glob("config*.yaml"))))
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{file}: {shown(values)}; expected `key: value` lines")
    return values
