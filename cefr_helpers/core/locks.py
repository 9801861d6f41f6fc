"""Locks on a machine and between the nodes of a cluster, and processes that end with the one that started them."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import Busy

# Seconds after which a holder on another machine that shows no sign of life counts as dead, and how long to wait for a
# lock.
LIFE_S = 30.0
PATIENCE_S = 60.0
# Snakemake's process id, for the processes that it starts
ENGINE = "CEFR_ENGINE_PROCESS"


def lease(path: Path, timeout_s: float = -1):
    """Return a context manager for a lock file that its holder renews.

    Unlike `flock`, which on some shared file systems works only within one node, it only needs a file system that
    creates a file once. The lock of a dead process is taken over: at once on the same machine, after 30 seconds
    without a sign of life from another one. So what it guards must be safe if two processes do run.

    Args:
        timeout_s: how long to wait for it; -1 waits without limit.

    Raises:
        filelock.Timeout: on entering, when another process still holds it.
    """
    from filelock import SoftFileLease

    path.parent.mkdir(parents=True, exist_ok=True)
    return SoftFileLease(path, lease_duration=LIFE_S, timeout=timeout_s)


@contextmanager
def lease_folder(path: Path) -> Iterator[None]:
    """Hold a lease on a folder, by a file in it, until the end of the block.

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
    """Hold a lock and a lease until the end of the block: the lock shows a process on this machine at once, and on a
    cluster only the lease shows those of other nodes.

    Raises:
        Busy: another process holds one of them.
    """
    with exclusive(lock), lease_folder(lease_file):
        yield


def die_with_parent(number: int = signal.SIGTERM, parent: int | None = None) -> None:
    """End this process by a signal when its parent is gone, so that no orphan continues to write (Linux).

    Args:
        parent: id of the process that started this one; if it is gone already, this one ends now.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, number)  # 1 = PR_SET_PDEATHSIG
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def die_with_engine() -> None:
    """`die_with_parent` for a command that Snakemake starts, even if Snakemake is already gone."""
    engine = os.environ.pop(ENGINE, None)  # processes that this one starts have another parent
    die_with_parent(parent=int(engine) if engine else None)


def exclusive(lock: Path, what: str = "run"):
    """Take a lock in a folder for the life of this process, or of a `with` block; it is freed however that ends.

    The file alone is not a lock; a living process must hold it.

    Args:
        what: what holds the lock, for the message.

    Raises:
        Busy: another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        return FileLock(lock).acquire(blocking=False)
    except Timeout:
        raise Busy(lock.parent, what) from None
