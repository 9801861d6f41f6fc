"""CPU time in place of time by the clock: on a machine that others share it says what a program needs of its own."""

import resource
import time
from collections.abc import Callable


def of_children(call: Callable[[], object]) -> tuple[float, object]:
    """Seconds of all processes that `call` starts and waits for, with those that they start, and what it returns."""
    before = _children_s()
    result = call()
    return _children_s() - before, result


def own() -> float:
    """Seconds of this process so far."""
    return time.process_time()


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
