"""A power law through measured times or sizes, and what it says further out, with its uncertainty."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class PowerLaw:
    """y = factor * x ** exponent, by least squares on logarithms.

    Attributes:
        exponent_half_width: of the exponent's 95 % interval.
        residual: by which factor a measured point lies off the law, as one standard deviation: 1.1 is 10 %.
        low_x, high_x: the range that was measured.
    """

    factor: float
    exponent: float
    exponent_half_width: float
    residual: float
    low_x: float
    high_x: float
    points: int
    mean_log_x: float
    spread_log_x: float

    def at(self, x: float) -> tuple[float, float, float]:
        """The value at x with the low and high end of its 95 % prediction interval."""
        y = self.factor * x**self.exponent
        off = math.log(x) - self.mean_log_x
        error = math.log(self.residual) * math.sqrt(1 + 1 / self.points + off**2 / self.spread_log_x)
        reach = math.exp(stats.t.ppf(0.975, self.points - 2) * error)
        return y, y / reach, y * reach


def power_law(x: list[float], y: list[float]) -> PowerLaw:
    """The law through at least three points, all above zero.

    Raises:
        ValueError: fewer points, or one that has no logarithm.
    """
    if len(x) < 3 or min(*x, *y) <= 0:
        raise ValueError(f"{list(zip(x, y, strict=True))}: expected three points at least, all above zero")
    log_x, log_y = np.log(x), np.log(y)
    exponent, constant = np.polyfit(log_x, log_y, 1)
    freedom = len(x) - 2
    deviation = math.sqrt(float(((log_y - constant - exponent * log_x) ** 2).sum()) / freedom)
    spread = float(((log_x - log_x.mean()) ** 2).sum())
    half_width = stats.t.ppf(0.975, freedom) * deviation / math.sqrt(spread)
    return PowerLaw(
        math.exp(constant),
        float(exponent),
        float(half_width),
        math.exp(deviation),
        min(x),
        max(x),
        len(x),
        float(log_x.mean()),
        spread,
    )
