"""Exclusive resources of a running stage: its folder, and a GPU of its own, by file lock."""

import contextlib
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cefr_helpers.core import locks, nvidia
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Stage
from cefr_helpers.training import distributed

_VISIBLE = "CUDA_VISIBLE_DEVICES"
# One per machine in a run's folder: if `flock` works between nodes, a dead node's lock must not block others.
STAGE_LOCK = f".{platform.node()}.lock"


def visible() -> list[str]:
    """Return the ids of the GPUs that this process may use: those it was given, or else those of the machine.

    SLURM puts a job's GPU into CUDA_VISIBLE_DEVICES, so that it is the only choice there.
    """
    given = os.environ.get(_VISIBLE)
    if given is None:
        try:
            given = ",".join(nvidia.query("index"))
        except (OSError, subprocess.SubprocessError):
            return []
    ids = [one.strip() for one in given.split(",") if one.strip()]
    return ids[: ids.index("-1")] if "-1" in ids else ids  # CUDA reads the list up to -1


@contextlib.contextmanager
def reserve(count: int, label: str) -> Iterator[list[str]]:
    """Reserve GPUs for this process and its children until the end of the block; wait until `count` are free.

    Args:
        label: what is waiting, for the terminal.

    Yields:
        Their ids, which are in CUDA_VISIBLE_DEVICES meanwhile; none if there is no GPU.

    Raises:
        InputError: there are fewer GPUs.
    """
    ids, before = visible(), os.environ.get(_VISIBLE)
    if not ids:
        yield []
        return
    if count > len(ids):
        raise InputError(f"{distributed.VARIABLE}: {count}; expected at most {len(ids)}, the GPUs here")
    taken = _free(count, ids, label)
    os.environ[_VISIBLE] = ",".join(taken)
    try:
        yield list(taken)
    finally:
        _release(taken)
        if before is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = before


def _free(count: int, ids: list[str], label: str) -> dict:
    """Acquire all GPUs at once, to avoid deadlock."""
    told = False
    while True:
        taken = _taken(count, ids)
        if len(taken) == count:
            return taken
        _release(taken)
        if not told:
            print(f"{label} | waiting for {count} of the GPUs {', '.join(ids)}", flush=True)
            told = True
        time.sleep(1)


def _taken(count: int, ids: list[str]) -> dict:
    """Take those GPUs that are free now, at most `count`."""
    from filelock import FileLock, Timeout

    taken: dict[str, FileLock] = {}
    for gpu in ids:
        lock = FileLock(_lock_file(gpu))
        with contextlib.suppress(Timeout):
            if len(taken) < count:
                lock.acquire(blocking=False)
                taken[gpu] = lock
    return taken


def _release(taken: dict) -> None:
    for lock in taken.values():
        lock.release()


def _lock_file(gpu: str) -> str:
    """Return a GPU's lock file on the local disk; ids in a SLURM job are relative, so its name includes the job."""
    name = "-".join([str(os.getuid()), os.environ.get("SLURM_JOB_ID", "local"), gpu])
    return os.path.join(tempfile.gettempdir(), f"cefr-gpu-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")


@contextmanager
def stage_lock(stage: str, executed: Path, label: str) -> Iterator[None]:
    """Hold the resources of a stage until the end of the block; wait for GPUs.

    If a cluster loses contact with a node, it runs the job on another one, and the two must not write the same
    checkpoints.

    Args:
        executed: path of the stage's executed notebook.
        label: the stage's name on the terminal.

    Raises:
        Busy: another process, perhaps on another node, is running there.
        InputError: more GPUs are requested than exist.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        lease = executed.with_name(f".{stage}.lease")
        held.enter_context(locks.exclusive_on_all_nodes(executed.parent / STAGE_LOCK, lease))
        if Stage(stage).on_gpu:
            held.enter_context(reserve(distributed.requested(stage), label))
        yield
