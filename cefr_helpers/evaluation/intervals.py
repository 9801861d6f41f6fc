"""Intervals, tests and corrections for numbers and differences, over whole examples, prompts or seeds."""

from collections.abc import Hashable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from cefr_helpers.core.errors import InputError

_CONFIDENCE = (0.025, 0.975)
_SPREAD_FLOOR = 0.2
_FEWEST_TO_RESAMPLE = 4
_FEWEST = 2
_FEWEST_EXAMPLES = 5
# Prior of the intraclass correlation of slots of one prompt, and the number of prompts that this prior counts for.
_LIKENESS = 0.1
_LIKENESS_PROMPTS = 5
# Up to this many clusters all sign flips are computed; beyond that, this many are drawn.
_ALL_FLIPS_UP_TO = 14
_FLIPS = 10_000


class MeanInterval(TypedDict):
    """What `mean_interval` gives."""

    estimate: float
    low: float | None
    high: float | None
    n: int


def paired_difference(
    base_nats: np.ndarray, tuned_nats: np.ndarray, tokens: np.ndarray, seed: int, resamples: int = 10_000
) -> dict[str, float | None]:
    """Return the difference of two token-weighted losses (tuned - base, nats per token) with a 95 % bootstrap interval.

    Whole examples are drawn with replacement, base and tuned together, since tokens of one example and the two
    scores of one text are not independent (percentile bootstrap of a ratio; Efron and Tibshirani 1993, ch. 13).

    Args:
        base_nats: (n,) negative log-likelihood of each example under the base model, nats.
        tuned_nats: (n,) the same under the tuned model.
        tokens: (n,) scored tokens of each example.

    Returns:
        `estimate`, `low`, `high` and `resamples`; below five examples the ends are None, because an interval from so
        few would look much more certain than it is.
    """
    difference = np.asarray(tuned_nats, float) - np.asarray(base_nats, float)
    weights = np.asarray(tokens, float)
    estimate = float(difference.sum() / weights.sum())
    if len(difference) < _FEWEST_EXAMPLES:
        return {"estimate": estimate, "low": None, "high": None, "resamples": 0}
    low, high = np.quantile(_resampled_ratios(difference, weights, np.random.default_rng(seed), resamples), _CONFIDENCE)
    return {"estimate": estimate, "low": float(low), "high": float(high), "resamples": resamples}


def difference_of_gains(
    first: tuple[np.ndarray, np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray, np.ndarray],
    seed: int,
    resamples: int = 10_000,
) -> dict[str, float | None]:
    """Return how much larger (base - tuned) is on a first set of examples than on a second, in nats per token.

    The sets are independent, so each is resampled separately, as in `paired_difference`.

    Args:
        first, second: (base nats, tuned nats, tokens), each (n,), one entry per example.

    Returns:
        As `paired_difference`.
    """
    gains = [(np.asarray(base, float) - np.asarray(tuned, float)) for base, tuned, _ in (first, second)]
    weights = [np.asarray(one[2], float) for one in (first, second)]
    ratios = [gain.sum() / weight.sum() for gain, weight in zip(gains, weights, strict=True)]
    estimate = float(ratios[0] - ratios[1])
    if min(map(len, gains)) < _FEWEST_EXAMPLES:
        return {"estimate": estimate, "low": None, "high": None, "resamples": 0}
    rng = np.random.default_rng(seed)
    drawn = [_resampled_ratios(gain, weight, rng, resamples) for gain, weight in zip(gains, weights, strict=True)]
    low, high = np.quantile(drawn[0] - drawn[1], _CONFIDENCE)
    return {"estimate": estimate, "low": float(low), "high": float(high), "resamples": resamples}


def cluster_bootstrap(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    seed: int,
    resamples: int = 10_000,
    bounds: tuple[float, float] | None = None,
) -> dict[str, float]:
    """Return a mean over slots with its 95 % interval, drawing whole clusters (prompts) with replacement.

    Bootstrap-t (Efron and Tibshirani 1993, ch. 12.5; for clusters Cameron, Gelbach and Miller 2008, Review of Economics
    and Statistics 90: 414-427): each resample's distance from the estimate is measured in its own standard error, that
    of a ratio of cluster sums. The percentile interval is too narrow for our sizes: in simulations with 20 prompts of
    ten slots it covered 88 to 94 %, this one 95 to 96 %, rates of .95 and .03 included. A resample's standard error
    counts as at least a fifth of the sample's; otherwise one without the only failing prompt would be infinitely far
    away. Below four clusters Student's t with clusters - 1 degrees of freedom is used instead. With ten clusters or
    fewer and a rate near 0 or 1 the interval is still too narrow, and if all clusters agree it has no width.

    Args:
        values: (n,) one number per slot; booleans count as 0 and 1.
        clusters: (n,) the cluster of each slot.
        bounds: range of the true mean, (0, 1) for a rate; the interval is cut there.

    Returns:
        `estimate`, `low`, `high`, `clusters`, `n` (slots) and `resamples`.

    Raises:
        InputError: fewer than two clusters, different lengths, or a value that is not finite.
    """
    sums, sizes = _cluster_sums(values, clusters)
    estimate = sums.sum() / sizes.sum()
    centred = sums - estimate * sizes
    error = float(_standard_error(np.ones((1, len(sums))), centred, sizes)[0])
    below, above = _t_quantiles(centred, sizes, error, seed, resamples)
    low, high = np.clip([estimate - above * error, estimate - below * error], *(bounds or (-np.inf, np.inf)))
    return {
        "estimate": float(estimate),
        "low": float(low),
        "high": float(high),
        "clusters": len(sums),
        "n": int(sizes.sum()),
        "resamples": resamples,
    }


def rate_interval(values: ArrayLike, clusters: Sequence[Hashable]) -> dict[str, float]:
    """Return a rate over slots with its 95 % interval, where slots of one cluster (prompt) are correlated.

    This is Wilson's score interval (1927) on the effective number of slots, n / (1 + (m - 1) r) with m slots per prompt
    (Kish 1965), with Student's t as in Korn and Graubard (1998). The correlation r is the analysis of variance's
    (Ridout, Demetrio and Firth 1999), shrunk towards 0.1 as if by five more prompts: few prompts hardly determine it,
    and an interval that trusts each estimate would vary from run to run. docs/evaluation.md has its coverage and width.

    Args:
        values: (n,) 0 or 1 per slot.
        clusters: (n,) the prompt of each slot.

    Returns:
        `estimate`, `low`, `high`, `clusters` and `n` (slots).

    Raises:
        InputError: as `cluster_bootstrap`.
    """
    from scipy.special import stdtrit

    sums, sizes = _cluster_sums(values, clusters)
    g, n = len(sums), sizes.sum()
    rate = float(sums.sum() / n)
    design = 1 + ((sizes**2).sum() / n - 1) * _likeness(sums, sizes)
    effective = n / design
    z2 = float(stdtrit(g - 1 + _LIKENESS_PROMPTS, _CONFIDENCE[1])) ** 2
    centre = (rate + z2 / (2 * effective)) / (1 + z2 / effective)
    reach = np.sqrt(z2 * (rate * (1 - rate) / effective + z2 / (4 * effective**2))) / (1 + z2 / effective)
    low, high = max(centre - reach, 0.0) if rate else 0.0, min(centre + reach, 1.0) if rate < 1 else 1.0
    return {"estimate": rate, "low": float(low), "high": float(high), "clusters": g, "n": int(n)}


def metric_of_rate(values: ArrayLike, clusters: Sequence[Hashable]) -> dict[str, float | None]:
    """Return a rate as records hold it, `value`, `low` and `high` of `rate_interval`; one prompt gives no interval.

    Raises:
        InputError: as `cluster_bootstrap`.
    """
    if len(set(clusters)) < _FEWEST:
        return {"value": float(np.mean(np.asarray(values, float))), "low": None, "high": None}
    found = rate_interval(values, clusters)
    return {"value": found["estimate"], "low": found["low"], "high": found["high"]}


def paired_cluster_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[Hashable],
    seed: int,
    resamples: int = 10_000,
    bounds: tuple[float, float] | None = None,
) -> dict[str, float]:
    """Return the mean of b - a, paired by slot, with its 95 % interval and p of "no difference", clustered by prompt.

    The interval is that of `cluster_bootstrap` over the slots' differences. p comes from flipping the signs of whole
    prompts' differences (Fisher's randomisation test, two-sided, on the sum): all flips up to 14 prompts, beyond that
    10,000 drawn ones, the observed one counted among them (Phipson and Smyth 2010). With n prompts it is at least
    2^(1 - n), so five cannot reach .05. Interval and p may disagree where either is close.

    Args:
        a, b: (n,) the numbers of the same slots, for instance base and tuned.
        bounds: (-1, 1) for a difference of rates.

    Returns:
        As `cluster_bootstrap`, and `p`.

    Raises:
        InputError: as `cluster_bootstrap`.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise InputError(f"b: shape {b.shape}; expected that of a, {a.shape}, slot by slot")
    found = cluster_bootstrap(b - a, clusters, seed, resamples, bounds)
    return found | {"p": _sign_flip(_cluster_sums(b - a, clusters)[0], seed)}


def mean_interval(values: ArrayLike) -> MeanInterval:
    """Return the mean of independent values, such as one per seed, with Student's 95 % interval.

    Returns:
        `estimate`, `low`, `high` and `n`; a single value has no interval, its ends are None.

    Raises:
        InputError: no value, or one that is not finite.
    """
    from scipy.stats import t

    values = np.asarray(values, float)
    n = len(values)
    if n == 0 or not np.isfinite(values).all():
        raise InputError(f"values: {values.tolist()}; expected finite numbers, at least one")
    estimate = float(values.mean())
    if n < _FEWEST:
        return {"estimate": estimate, "low": None, "high": None, "n": n}
    reach = float(t.ppf(_CONFIDENCE[1], n - 1) * values.std(ddof=1) / np.sqrt(n))
    return {"estimate": estimate, "low": estimate - reach, "high": estimate + reach, "n": n}


def share_over_clusters(values: ArrayLike, clusters: Sequence[Hashable]) -> dict[str, float]:
    """Return a share with its 95 % interval, where every cluster (word) counts the same however many answers it has.

    This is Wilson's interval (1927, Journal of the American Statistical Association 22: 209-212) for the effective
    number of independent answers, from the spread of the clusters' means (Korn and Graubard 1998, Survey Methodology
    24: 193-201): the number of clusters if answers in a cluster agree, and at most the number of answers. So it has a
    width even if all agree, and is valid for few clusters.

    Args:
        values: (n,) answers from 0 to 1.
        clusters: (n,) the cluster of each.

    Returns:
        `estimate`, `low` and `high`.

    Raises:
        InputError: no value, different lengths, or a value outside [0, 1].
    """
    from scipy.stats import norm

    values = np.asarray(values, float)
    if not len(values) or not ((values >= 0) & (values <= 1)).all() or len(values) != len(clusters):
        raise InputError(f"values: {values.tolist()}; expected numbers from 0 to 1, at least one, each with a cluster")
    _, place = np.unique([str(cluster) for cluster in clusters], return_inverse=True)
    means = np.bincount(place, values) / np.bincount(place)
    share, spread = float(means.mean()), float(means.var())
    n = float(np.clip(len(means) * share * (1 - share) / spread, len(means), len(values))) if spread else len(means)
    z = float(norm.ppf(_CONFIDENCE[1]))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return {"estimate": share, "low": float(max(0, middle - reach)), "high": float(min(1, middle + reach))}


def cluster_mean(
    values: ArrayLike, clusters: Sequence[Hashable], bounds: tuple[float, float] = (-np.inf, np.inf)
) -> dict[str, float]:
    """Return the mean of scores other than 0 and 1, with Student's 95 % interval over whole clusters (prompts).

    The standard error is that of a ratio of cluster sums, with clusters - 1 degrees of freedom. A mean of many scores
    is nearly normal, so no resampling is needed: with 4 to 20 prompts of scores it covers 93 to 97 %, as the
    bootstrap-t of `cluster_bootstrap` does, and its width varies less (simulated in
    tests/evaluation/test_intervals.py).

    Args:
        values: (n,) one score per slot.
        clusters: (n,) the cluster of each slot.
        bounds: range of the true mean; the interval is cut there.

    Returns:
        `estimate`, `low`, `high`, `clusters` and `n` (slots).

    Raises:
        InputError: as `cluster_bootstrap`.
    """
    from scipy.special import stdtrit

    sums, sizes = _cluster_sums(values, clusters)
    estimate = float(sums.sum() / sizes.sum())
    error = float(_standard_error(np.ones((1, len(sums))), sums - estimate * sizes, sizes)[0])
    reach = float(stdtrit(len(sums) - 1, _CONFIDENCE[1])) * error
    low, high = np.clip([estimate - reach, estimate + reach], *bounds)
    found = {"estimate": estimate, "low": float(low), "high": float(high)}
    return found | {"clusters": len(sums), "n": int(sizes.sum())}


def over_seeds(
    means: Sequence[float],
    variances: Sequence[float],
    sizes: Sequence[int],
    bounds: tuple[float, float] | None = None,
) -> dict[str, float | int | None]:
    """Return the mean over seeds with a 95 % interval over seeds and their prompts or examples together.

    Each seed draws its own data, so its mean varies by seed and by prompts, and Student's interval over the S means,
    m ± t(.975, S - 1) s / sqrt(S), covers both (one-way random effects: Searle, Casella, McCulloch 1992, ch. 3). By
    luck the means of few seeds may be closer together than their prompts allow; if the interval by the prompts,
    m ± t(.975, sum of (size - 1)) sqrt(mean variance / S), is wider, it is used.

    Args:
        means: (S,) one per seed.
        variances: (S,) variance of each mean, by its prompts or examples.
        sizes: (S,) numbers of prompts or examples.
        bounds: range of the measure; the interval is cut there.

    Returns:
        `estimate`, `sd` (between the means of the seeds), `low`, `high` and `n`, the number of seeds; one seed has no
        `sd` and no ends.

    Raises:
        InputError: no value, or one that is not finite.
    """
    from scipy.stats import t

    found = mean_interval(means)
    n, estimate, (least, most) = found["n"], found["estimate"], bounds or (-np.inf, np.inf)
    if found["high"] is None:
        return {"estimate": estimate, "sd": None, "low": None, "high": None, "n": n}
    by_seeds = found["high"] - estimate
    freedom = max(1, sum(sizes) - n)
    reach = max(by_seeds, float(t.ppf(_CONFIDENCE[1], freedom) * np.sqrt(np.mean(variances) / n)))
    return {
        "estimate": estimate,
        "sd": float(np.std(means, ddof=1)),
        "low": max(estimate - reach, least),
        "high": min(estimate + reach, most),
        "n": n,
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for multiple tests (Holm 1979), in the same order; at most 1.

    Raises:
        InputError: a value outside [0, 1].
    """
    p = np.asarray(p_values, float)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"p_values: {list(p_values)}; expected numbers from 0 to 1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected.tolist()


def _resampled_ratios(values: np.ndarray, weights: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Return the sum of values over the sum of weights, in each of the samples drawn with replacement."""
    n = len(values)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    return drawn @ values / (drawn @ weights)


def _cluster_sums(values: ArrayLike, clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and number of the values of each cluster, with clusters in order of appearance."""
    values = np.asarray(values, float)
    places: dict[Hashable, int] = {}
    place = np.array([places.setdefault(cluster, len(places)) for cluster in clusters], int)
    if values.shape != place.shape:
        raise InputError(f"clusters: {len(place)} for values of shape {values.shape}; expected one per value")
    if not np.isfinite(values).all():
        raise InputError("values: one is not a finite number; a slot that failed needs a number too")
    if len(places) < _FEWEST:
        raise InputError(f"clusters: {len(places)} different; an interval needs at least {_FEWEST}")
    return np.bincount(place, values), np.bincount(place).astype(float)


def _likeness(sums: np.ndarray, sizes: np.ndarray) -> float:
    """Return the intraclass correlation of zeros and ones, between 0 and 1, shrunk towards _LIKENESS."""
    g, n = len(sums), sizes.sum()
    if n == g or not 0 < sums.sum() < n:
        found = _LIKENESS
    else:
        rates, rate = sums / sizes, sums.sum() / n
        between = (sizes * (rates - rate) ** 2).sum() / (g - 1)
        within = (sizes * rates * (1 - rates)).sum() / (n - g)
        typical = (n - (sizes**2).sum() / n) / (g - 1)
        found = float(np.clip((between - within) / (between + (typical - 1) * within), 0, 1))
    return ((g - 1) * found + _LIKENESS_PROMPTS * _LIKENESS) / (g - 1 + _LIKENESS_PROMPTS)


def _standard_error(weights: np.ndarray, sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the standard error of each weighted sample's mean (linearised ratio, g / (g - 1) for few clusters).

    Args:
        weights: (samples, clusters) how often each cluster is in each sample.
    """
    g = len(sums)
    slots = weights @ sizes
    means = weights @ sums / slots
    squares = weights @ sums**2 - 2 * means * (weights @ (sums * sizes)) + means**2 * (weights @ sizes**2)
    return np.sqrt(g / (g - 1) * np.maximum(squares, 0)) / slots


def _t_quantiles(
    centred: np.ndarray, sizes: np.ndarray, error: float, seed: int, resamples: int
) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % points of (mean - truth) / standard error; `centred` are sums of values - estimate."""
    from scipy.stats import t

    g = len(centred)
    if g < _FEWEST_TO_RESAMPLE or error == 0:
        return tuple(t.ppf(_CONFIDENCE, g - 1))
    weights = np.random.default_rng(seed).multinomial(g, np.full(g, 1 / g), size=resamples).astype(float)
    errors = np.maximum(_standard_error(weights, centred, sizes), _SPREAD_FLOOR * error)
    return tuple(np.quantile(weights @ centred / (weights @ sizes) / errors, _CONFIDENCE))


def _sign_flip(sums: np.ndarray, seed: int) -> float:
    """Return the share of sign flips whose sum is at least as far from 0 as the observed one."""
    g = len(sums)
    if g <= _ALL_FLIPS_UP_TO:
        signs = 1 - 2.0 * (np.arange(2**g)[:, None] >> np.arange(g) & 1)
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(_FLIPS, g))
        signs[0] = 1
    observed = abs(sums.sum())
    # equal sums may differ in their last digits when added in another order
    return float((np.abs(signs @ sums) >= observed - 1e-9 * np.abs(sums).sum()).mean())
