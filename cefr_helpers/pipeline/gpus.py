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
# In a run's folder, one for each machine: where `flock` holds between nodes, a dead one's must not keep others waiting.
STAGE_LOCK = f".{platform.node()}.lock"


def visible() -> list[str]:
    """The ids of the GPUs that this process may use: those it was given, else those of the machine.

    SLURM gives a job its own in CUDA_VISIBLE_DEVICES, so that there the job's GPU is the only one to choose.
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
    """GPUs for this process and its children alone, until the end of the block; waits until so many are free.

    Args:
        label: what waits, for the terminal.

    Yields:
        Their ids, which CUDA_VISIBLE_DEVICES holds meanwhile; none where there is no GPU.

    Raises:
        InputError: there are fewer.
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
    """As many of the GPUs as are free now, up to `count`."""
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
    """On the machine's own disk. Ids within a SLURM job count from its own GPUs, so they are told apart by the job."""
    name = "-".join([str(os.getuid()), os.environ.get("SLURM_JOB_ID", "local"), gpu])
    return os.path.join(tempfile.gettempdir(), f"cefr-gpu-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")


@contextmanager
def stage_lock(stage: str, executed: Path, label: str) -> Iterator[None]:
    """Hold what the stage needs until the end of the block; GPUs are waited for.

    A cluster that lost sight of a node gives its job to another one, and the two must not write the same checkpoints.

    Args:
        executed: where the stage's executed notebook goes.
        label: names the stage on the terminal.

    Raises:
        Busy: another process, perhaps on another node, is at work there.
        InputError: more GPUs are asked for than there are.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        lease = executed.with_name(f".{stage}.lease")
        held.enter_context(locks.exclusive_on_all_nodes(executed.parent / STAGE_LOCK, lease))
        if Stage(stage).on_gpu:
            held.enter_context(reserve(distributed.requested(stage), label))
        yield
