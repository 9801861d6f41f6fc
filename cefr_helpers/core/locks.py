"""Locks that hold between the nodes of a cluster as they do on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import Busy

# Seconds: a holder on another machine that has shown no sign of life for so long is taken for dead, and how long it
# pays to wait for one.
LIFE_S = 30.0
PATIENCE_S = 60.0


def lease(path: Path, timeout_s: float = -1):
    """A lock as a file that its holder renews; a context manager.

    Unlike `flock`, which some shared file systems keep to one node, it needs nothing of the file system but that a
    file is created once. What a dead process holds is taken over: at once on its own machine, from another one after
    30 seconds without a sign of life. So what it guards must stay whole where two do it after all.

    Args:
        timeout_s: how long to wait for it; -1 waits as long as it takes.

    Raises:
        filelock.Timeout: on entering, when another process still holds it.
    """
    from filelock import SoftFileLease

    path.parent.mkdir(parents=True, exist_ok=True)
    return SoftFileLease(path, lease_duration=LIFE_S, timeout=timeout_s)


@contextmanager
def alone(path: Path) -> Iterator[None]:
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
