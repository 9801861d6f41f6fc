"""Measure the gain from more candidates: the best of the first n of each word, for growing n."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cefr_helpers.core.levels import number
from cefr_helpers.writing import selection
from cefr_helpers.writing.judging import Candidate

if TYPE_CHECKING:
    import pandas

SIZES = (1, 2, 4, 8, 16, 24)


def best_of(candidates: Sequence[Candidate], level: str, sizes: Sequence[int] = SIZES) -> "pandas.DataFrame":
    """Measure one sentence per word, the best of its first n: share that passes, level by people, and variety.

    Sentences are chosen only by gates and score, without regard to the other words. Sizes for which a word has too few
    candidates are left out.

    Returns:
        One row per size: `n`, `passes` (share without a fault), `word_used`, `within_one` (share at most one level off
        on the human scale), `printable` (estimated share), `most_common_opening` (its share), `openings` (different
        ones), `questions` (share).
    """
    import pandas as pd

    own: dict[str, list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: one.order):
        own.setdefault(one.word, []).append(one)
    rows = []
    for n in sizes:
        if not own or n > min(map(len, own.values())):
            break
        best = [max(some[:n], key=lambda one: (one.reason is None, one.score)) for some in own.values()]
        rows.append({"n": n} | describe(best, level))
    return pd.DataFrame(rows)


def describe(chosen: Sequence[Candidate], level: str) -> dict[str, float]:
    """Return the measures of `best_of` for any sentences, at least one."""
    openings = Counter(selection.opening(one.text) for one in chosen)
    count = len(chosen)
    return {
        "passes": sum(one.reason is None for one in chosen) / count,
        "word_used": sum(selection.uses_word(one) for one in chosen) / count,
        "within_one": sum(abs(one.people_level - number(level)) <= 1 for one in chosen) / count,
        "printable": sum(one.printable for one in chosen) / count,
        "most_common_opening": max(openings.values()) / count,
        "openings": len(openings),
        "questions": sum(selection.is_question(one.text) for one in chosen) / count,
    }
