"""What ties a process to the one that started it, and keeps two from working in one folder."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from cefr_helpers.core.errors import Busy

# The engine's process id, for those that it starts
ENGINE = "CEFR_ENGINE_PROCESS"


def die_with_parent(number: int = signal.SIGTERM, parent: int | None = None) -> None:
    """End this process by a signal when the one that started it is gone, so that no orphan goes on writing (Linux).

    Args:
        parent: id of the process that started this one; where it is gone already, this one ends now.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, number)  # 1 = PR_SET_PDEATHSIG
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def die_with_engine() -> None:
    """`die_with_parent` for a command that the engine starts, which may be gone before the command gets here."""
    engine = os.environ.pop(ENGINE, None)  # what this process starts has another parent
    die_with_parent(parent=int(engine) if engine else None)


def alone(lock: Path, what: str = "run"):
    """A lock in a folder for as long as this process lives, or the `with` block over it; it goes however that ends.

    A file that is there is no lock: a living process must hold it.

    Args:
        what: names what holds it, in the message.

    Raises:
        Busy: another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        return FileLock(lock).acquire(blocking=False)
    except Timeout:
        raise Busy(lock.parent, what) from None
