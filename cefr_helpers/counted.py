"""A line now and then of how far a long cell has come: plain text, which executed notebooks and logs keep."""

import time
from collections.abc import Callable

from cefr_helpers.wording import clock

EVERY_S = 10.0


class Counted:
    """Says at most every EVERY_S seconds how far it has come; nothing of what is done sooner."""

    def __init__(self):
        self._started = self._said = time.monotonic()

    def say(self, tell: Callable[[], str]) -> None:
        """Print what `tell` gives, with the time passed, if it is time again."""
        now = time.monotonic()
        if now - self._said >= EVERY_S:
            self._said = now
            print(f"{tell()}  {clock(now - self._started)} passed", flush=True)
