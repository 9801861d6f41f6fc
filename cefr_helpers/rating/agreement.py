"""Measure how far readers agree with one another, and gates, measures and judges with them."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cefr_helpers.core import records
from cefr_helpers.core.ratings import GateAgreement, MeasureAgreement, ReaderAgreement
from cefr_helpers.core.schema import Metric

FEWEST = 5  # the fewest sentences of each kind for an AUC
_RESAMPLES = 1000
_CONFIDENCE = (0.025, 0.975)
_READERS = 2


def between_readers(answers: Sequence[dict[str, bool]]) -> ReaderAgreement | None:
    """Return Krippendorff's alpha over the sentences that at least two readers judged; None if there are none.

    Args:
        answers: for each reader, sentence -> yes or no.
    """
    import krippendorff

    names = sorted({name for of in answers for name in of if sum(name in other for other in answers) >= _READERS})
    if not names:
        return None
    table = np.array([[float(of[name]) if name in of else np.nan for name in names] for of in answers])
    said = np.unique(table[~np.isnan(table)])
    # if all give the same answer to everything, agreement cannot be told from chance
    alpha = krippendorff.alpha(table, level_of_measurement="nominal") if len(said) > 1 else None
    same = np.nanmin(table, axis=0) == np.nanmax(table, axis=0)
    return ReaderAgreement(
        sentences=len(names),
        alpha=None if alpha is None else records.finite_or_none(alpha),
        same=float(same.mean()),
    )


def of_gate(passed: Sequence[bool], printable: Sequence[bool]) -> GateAgreement:
    """Compare a gate with the readers, sentence by sentence."""
    gate, readers = np.asarray(passed, bool), np.asarray(printable, bool)
    return GateAgreement(
        printable=int(readers.sum()),
        unprintable=int((~readers).sum()),
        passed=_mean(gate[readers]),
        stopped=_mean(~gate[~readers]),
        kappa=kappa(gate, readers),
    )


def of_measure(
    values: ArrayLike,
    printable: Sequence[bool],
    words: Sequence[Hashable],
    systems: Sequence[Hashable],
    seed: int = 0,
) -> MeasureAgreement:
    """Return the area under the ROC curve of a number, with an interval that resamples whole words.

    Sentences are compared only with those of the same system. Otherwise a number that only separates a good system from
    a bad one would seem to separate good sentences from bad ones.

    Args:
        words: the word of each sentence.
        systems: the system that wrote each sentence.
    """
    values, readers = np.asarray(values, float), np.asarray(printable, bool)
    counts = MeasureAgreement(printable=int(readers.sum()), unprintable=int((~readers).sum()))
    if min(readers.sum(), (~readers).sum()) < FEWEST:
        return counts
    _, word = np.unique([str(one) for one in words], return_inverse=True)
    _, system = np.unique([str(one) for one in systems], return_inverse=True)
    estimate = auc(values, readers, system)
    if estimate is None:
        return counts
    places = [np.flatnonzero(word == number) for number in range(word.max() + 1)]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([places[one] for one in rng.integers(len(places), size=len(places))])
        if (again := auc(values[chosen], readers[chosen], system[chosen])) is not None:
            drawn.append(again)
    low, high = np.quantile(drawn, _CONFIDENCE)
    return counts.model_copy(update={"auc": Metric(value=estimate, low=float(low), high=float(high))})


def auc(values: np.ndarray, positive: np.ndarray, groups: np.ndarray) -> float | None:
    """Return how often a positive has a larger value than a negative of its group, ties half (Mann and Whitney 1947).

    It is None if no group has both.
    """
    from scipy.stats import rankdata

    above, compared = 0.0, 0
    for group in np.unique(groups):
        own, good = values[groups == group], positive[groups == group]
        n, others = int(good.sum()), int((~good).sum())
        above += float(rankdata(own)[good].sum()) - n * (n + 1) / 2
        compared += n * others
    return above / compared if compared else None


def kappa(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Cohen's kappa of two raters with yes and no; None if one always gives the same answer."""
    from sklearn.metrics import cohen_kappa_score

    if len(set(map(bool, a))) < 2 or len(set(map(bool, b))) < 2:
        return None
    return float(cohen_kappa_score(np.asarray(a, bool), np.asarray(b, bool)))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
