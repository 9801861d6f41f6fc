"""Print progress at most every ten seconds: plain text, which executed notebooks and logs keep."""

import time
from collections.abc import Callable

EVERY_S = 10.0


def clock(seconds: float) -> str:
    """Return minutes and seconds, such as 5:46; from an hour on with hours, such as 1:05:46."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class ProgressLine:
    """Prints progress at most every EVERY_S seconds, and nothing for work that ends sooner."""

    def __init__(self):
        self._started = self._said = time.monotonic()

    def say(self, tell: Callable[[], str]) -> None:
        """Print the text that `tell` returns, with the elapsed time, if EVERY_S seconds have passed."""
        now = time.monotonic()
        if now - self._said >= EVERY_S:
            self._said = now
            print(f"{tell()}  {clock(now - self._started)} passed", flush=True)
