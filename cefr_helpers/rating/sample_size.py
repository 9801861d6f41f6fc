"""Compute how many words a test needs to show an observed difference, if it is the true one, with 80 % power."""

import math

SURE = 0.05
POWER = 0.8


def words_for_share(share: float) -> int | None:
    """Return how many words with a preference a sign test needs to find a preference of `share` : 1 - share.

    Normal approximation of a share against one half, two-sided (Fleiss, Levin and Paik 2003, Statistical methods for
    rates and proportions, ch. 2): ((z(.975) / 2 + z(.8) * sqrt(p (1 - p))) / (p - 1/2))^2; 47 for 70 : 30, 85 for
    65 : 35, 194 for 60 : 40. It is None if there is no preference.
    """
    if share == 0.5:
        return None
    alpha, beta = _quantiles()
    return math.ceil(((alpha / 2 + beta * math.sqrt(share * (1 - share))) / (share - 0.5)) ** 2)


def words_for_difference(difference: float, mean_square: float) -> int | None:
    """Return how many words are needed to find a paired difference of shares.

    Connor (1987, Biometrics 43: 207-211), for McNemar's test: ((z(.975) sqrt(s) + z(.8) sqrt(s - d^2)) / d)^2, where d
    is the difference and s the share of words on which the two differ. None if there is no difference.

    Args:
        difference: the mean of the words' differences.
        mean_square: the mean of their squares, which is s if each word has one vote.
    """
    if difference == 0:
        return None
    alpha, beta = _quantiles()
    spread = max(0.0, mean_square - difference**2)
    return math.ceil(((alpha * math.sqrt(mean_square) + beta * math.sqrt(spread)) / difference) ** 2)


def _quantiles() -> tuple[float, float]:
    from scipy.stats import norm

    return float(norm.ppf(1 - SURE / 2)), float(norm.ppf(POWER))
