"""Keeps one stage to a GPU: the engine counts GPUs, and here each stage is handed one, by file lock."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible() -> list[str]:
    """The ids of the GPUs that this process may use: those it was given, else those of the machine.

    SLURM gives a job its own in CUDA_VISIBLE_DEVICES, so that there the job's GPU is the only one to choose.
    """
    given = os.environ.get(_VISIBLE)
    if given is None:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        try:
            given = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("\n", ",")
        except (OSError, subprocess.CalledProcessError):
            return []
    ids = [one.strip() for one in given.split(",") if one.strip()]
    return ids[: ids.index("-1")] if "-1" in ids else ids  # CUDA reads the list up to -1


@contextmanager
def one(label: str) -> Iterator[str | None]:
    """A GPU for this process and its children alone, until the end of the block; waits until one is free.

    Args:
        label: what waits, for the terminal.

    Yields:
        Its id, which CUDA_VISIBLE_DEVICES holds meanwhile; None where there is no GPU.
    """
    ids, before = visible(), os.environ.get(_VISIBLE)
    if not ids:
        yield None
        return
    lock, gpu = _free(ids, label)
    os.environ[_VISIBLE] = gpu
    try:
        yield gpu
    finally:
        lock.release()
        if before is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = before


def _free(ids: list[str], label: str):
    from filelock import FileLock, Timeout

    told = False
    while True:
        for gpu in ids:
            lock = FileLock(_lock_file(gpu))
            try:
                lock.acquire(blocking=False)
                return lock, gpu
            except Timeout:
                continue
        if not told:
            print(f"{label} | waiting for a free GPU (all taken: {', '.join(ids)})", flush=True)
            told = True
        time.sleep(1)


def _lock_file(gpu: str) -> str:
    """On the machine's own disk. Ids within a SLURM job count from its own GPUs, so they are told apart by the job."""
    name = "-".join([str(os.getuid()), os.environ.get("SLURM_JOB_ID", "local"), gpu])
    return os.path.join(tempfile.gettempdir(), f"cefr-gpu-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")
