"""What ties a process to the one that started it, and keeps two from working in one folder."""

import contextlib
import ctypes
import signal
from pathlib import Path

from cefr_helpers.errors import Busy


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """End this process by a signal when the one that started it is gone, so that no orphan goes on writing (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, number)  # 1 = PR_SET_PDEATHSIG


def alone(lock: Path):
    """A lock in a folder for as long as this process lives, or the `with` block over it; it goes however that ends.

    A file that is there is no lock: a living process must hold it.

    Raises:
        Busy: another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        return FileLock(lock).acquire(blocking=False)
    except Timeout:
        raise Busy(f"{lock.parent}: another run is at work here; wait for it or stop it first") from None
