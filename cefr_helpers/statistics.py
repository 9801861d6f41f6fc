"""How sure a difference is: paired intervals that resample examples."""

import numpy as np


def paired_difference(
    base_nats: np.ndarray, tuned_nats: np.ndarray, tokens: np.ndarray, seed: int, resamples: int = 10_000
) -> dict[str, float]:
    """Difference of two token-weighted losses (tuned - base, nats a token) with its 95 % bootstrap interval.

    Whole examples are drawn with replacement, base and tuned together, since tokens of one example and the two
    scores of one text are not independent (percentile bootstrap of a ratio; Efron and Tibshirani 1993, ch. 13).

    Args:
        base_nats: (n,) negative log-likelihood of each example under the base model, nats.
        tuned_nats: (n,) the same under the tuned model.
        tokens: (n,) scored tokens of each example.

    Returns:
        `estimate`, `low`, `high` and `resamples`.
    """
    difference = np.asarray(tuned_nats, float) - np.asarray(base_nats, float)
    weights = np.asarray(tokens, float)
    n = len(difference)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    low, high = np.quantile(drawn @ difference / (drawn @ weights), [0.025, 0.975])
    return {
        "estimate": float(difference.sum() / weights.sum()),
        "low": float(low),
        "high": float(high),
        "resamples": resamples,
    }
