"""Laws through measured times or sizes, and what they say further out, with their uncertainty."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Line:
    """y = constant + slope * x, by least squares.

    Attributes:
        slope_half_width: of the slope's 95 % interval.
        deviation: of the measured points from the line, as one standard deviation.
    """

    constant: float
    slope: float
    slope_half_width: float
    deviation: float
    points: int
    mean_x: float
    spread_x: float

    def at(self, x: float) -> tuple[float, float, float]:
        """The value at x with the low and high end of its 95 % prediction interval."""
        y = self.constant + self.slope * x
        error = self.deviation * math.sqrt(1 + 1 / self.points + (x - self.mean_x) ** 2 / self.spread_x)
        reach = stats.t.ppf(0.975, self.points - 2) * error
        return y, y - reach, y + reach


def line(x: list[float], y: list[float]) -> Line:
    """The line through at least three points.

    Raises:
        ValueError: fewer points.
    """
    if len(x) < 3:
        raise ValueError(f"{list(zip(x, y, strict=True))}: expected three points at least")
    x, y = np.asarray(x, float), np.asarray(y, float)
    slope, constant = np.polyfit(x, y, 1)
    deviation = math.sqrt(float(((y - constant - slope * x) ** 2).sum()) / (len(x) - 2))
    spread = float(((x - x.mean()) ** 2).sum())
    half_width = stats.t.ppf(0.975, len(x) - 2) * deviation / math.sqrt(spread)
    return Line(float(constant), float(slope), float(half_width), deviation, len(x), float(x.mean()), spread)


@dataclass(frozen=True)
class PowerLaw:
    """y = factor * x ** exponent: a line through the logarithms.

    Attributes:
        logarithms: that line; its slope is the exponent.
        high_x: the largest x that was measured.
    """

    logarithms: Line
    high_x: float

    @property
    def exponent(self) -> float:
        return self.logarithms.slope

    @property
    def residual(self) -> float:
        """By which factor a measured point lies off the law, as one standard deviation: 1.1 is 10 %."""
        return math.exp(self.logarithms.deviation)

    def at(self, x: float) -> tuple[float, float, float]:
        """As `Line.at`."""
        value, low, high = (math.exp(one) for one in self.logarithms.at(math.log(x)))
        return value, low, high


def power_law(x: list[float], y: list[float]) -> PowerLaw:
    """The law through at least three points, all above zero.

    Raises:
        ValueError: fewer points, or one that has no logarithm.
    """
    if min(*x, *y) <= 0:
        raise ValueError(f"{list(zip(x, y, strict=True))}: expected points above zero")
    return PowerLaw(line(np.log(x), np.log(y)), max(x))
