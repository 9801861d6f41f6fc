"""Locks on a machine and between the nodes of a cluster, and what ties a process to the one that started it."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import Busy

# Seconds: a holder on another machine that has shown no sign of life for so long is taken for dead, and how long it
# pays to wait for one.
LIFE_S = 30.0
PATIENCE_S = 60.0
# The engine's process id, for those that it starts
ENGINE = "CEFR_ENGINE_PROCESS"


def lease(path: Path, timeout_s: float = -1):
    """A lock as a file that its holder renews; a context manager.

    Unlike `flock`, which some shared file systems keep to one node, it needs nothing of the file system but that a
    file is created once. What a dead process holds is taken over: at once on its own machine, from another one after
    30 seconds without a sign of life. So what it guards must be safe if two processes do run.

    Args:
        timeout_s: how long to wait for it; -1 waits as long as it takes.

    Raises:
        filelock.Timeout: on entering, when another process still holds it.
    """
    from filelock import SoftFileLease

    path.parent.mkdir(parents=True, exist_ok=True)
    return SoftFileLease(path, lease_duration=LIFE_S, timeout=timeout_s)


@contextmanager
def lease_folder(path: Path) -> Iterator[None]:
    """A lease on a folder, by a file in it, until the end of the block.

    Raises:
        Busy: another process holds it.
    """
    from filelock import Timeout

    held = lease(path, PATIENCE_S)
    try:
        held.acquire()
    except Timeout:
        raise Busy(path.parent) from None
    try:
        yield
    finally:
        held.release()


@contextmanager
def exclusive_on_all_nodes(lock: Path, lease_file: Path) -> Iterator[None]:
    """Hold a lock and a lease until the end of the block: the lock tells at once of a process on this machine, and on a
    cluster only the lease knows of other nodes'.

    Raises:
        Busy: another process holds one of them.
    """
    with exclusive(lock), lease_folder(lease_file):
        yield


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


def exclusive(lock: Path, what: str = "run"):
    """A lock in a folder for as long as this process lives, or the `with` block over it; it goes however that ends.

    The file alone is not a lock; a living process must hold it.

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
