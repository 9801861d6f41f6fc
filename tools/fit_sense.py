"""Fit the ranking of candidates to readers' votes again and renew its table: python -m tools.fit_sense.

docs/readings/candidates.csv has the votes: candidates for the bundled bank's training words, in random order, with a
reader's yes or no to "Would you print this sentence as it is?". The quality is measured by cross-validation over words.
"""

import argparse
import json
import math

import numpy as np
import pandas as pd

from cefr_helpers.core import files
from cefr_helpers.core.paths import project_root
from cefr_helpers.rendering.tables import trusted_markdown_table
from cefr_helpers.writing import sense
from tools import marked_parts

VOTES = project_root() / "docs" / "readings" / "candidates.csv"
PAGE = project_root() / "docs" / "evaluation.md"
START, END = "<!-- made by tools/fit_sense.py: candidates -->", "<!-- end of candidates -->"
# Chosen by cross-validation over the votes for training words.
STRENGTH = 2e-3  # scikit-learn's C
LIKELIHOODS = 4  # the last features
LIKELIHOOD_WEIGHT = 6.0  # their scale: four of them against 1152 hidden states
FOLDS = 10
_SUM = -3  # column of the sentence's log-probability
_DIGITS = 5


def read_votes() -> pd.DataFrame:
    """Return `level`, `word`, `sentence`, and `printable` as 0 or 1."""
    votes = pd.read_csv(VOTES, keep_default_na=False)
    return votes.assign(printable=(votes["printable"] == "yes").astype(int))


def fit(rows: np.ndarray, printable: np.ndarray) -> tuple[float, np.ndarray]:
    """Return intercept and coefficients of the regression, for features as `sense.features` returns them."""
    from sklearn.linear_model import LogisticRegression

    means, scales = rows.mean(0), rows.std(0) + 1e-9
    scales[-LIKELIHOODS:] /= LIKELIHOOD_WEIGHT
    line = LogisticRegression(C=STRENGTH, max_iter=1000).fit((rows - means) / scales, printable)
    coefficients = line.coef_[0] / scales
    return float(line.intercept_[0] - means @ coefficients), coefficients


def cross_validated(rows: np.ndarray, votes: pd.DataFrame) -> np.ndarray:
    """Return the log-odds of each sentence by a fit to the sentences of other words."""
    from sklearn.model_selection import GroupKFold

    found = np.empty(len(rows))
    for train, test in GroupKFold(FOLDS).split(rows, groups=votes["word"]):
        intercept, coefficients = fit(rows[train], votes["printable"].to_numpy()[train])
        found[test] = intercept + rows[test] @ coefficients
    return found


def quality(votes: pd.DataFrame, rankings: dict[str, np.ndarray]) -> dict[str, dict]:
    """Return for each level the number of votes and words, the share of printable sentences, and how each ranks.

    Args:
        rankings: name -> a number per vote, higher for the better sentence.

    Returns:
        level -> {"n", "words", "printable", ranking -> {"auc" over all sentences, "within" the same for pairs of one
        word's sentences, "best": the share of printable ones among each word's first}}.
    """
    from sklearn.metrics import roc_auc_score

    table = votes.assign(**rankings)
    found = {}
    for level, some in table.groupby("level"):
        own: dict = {"n": len(some), "words": int(some["word"].nunique()), "printable": float(some["printable"].mean())}
        for name in rankings:
            best = some.loc[some.groupby("word")[name].idxmax(), "printable"]
            auc = roc_auc_score(some["printable"], some[name])
            own[name] = {"auc": float(auc), "within": _within(some, name), "best": float(best.mean())}
        found[str(level)] = own
    return found


def _within(some: pd.DataFrame, name: str) -> float:
    """Return the share of pairs of a printable and another sentence of one word that a ranking gets right."""
    pairs = some.merge(some, on="word")
    pairs = pairs[pairs["printable_x"] > pairs["printable_y"]]
    first, second = pairs[f"{name}_x"], pairs[f"{name}_y"]
    return float(((first > second) + 0.5 * (first == second)).mean())


def table(found: dict[str, dict]) -> str:
    """Return the page's table of what `quality` returns."""
    head = ["", *found]
    rows = [
        ["sentences read, of words", *(f"{one['n']}, {one['words']}" for one in found.values())],
        ["printable", *(f"{one['printable']:.0%}" for one in found.values())],
    ]
    for name, said in (("sense", "by this ranking"), ("likelihood", "by likelihood alone")):
        rows += [
            [f"AUC {said}", *(f"{one[name]['auc']:.2f}" for one in found.values())],
            [f"AUC {said}, within a word", *(f"{one[name]['within']:.2f}" for one in found.values())],
            [f"printable of each word's best {said}", *(f"{one[name]['best']:.0%}" for one in found.values())],
        ]
    return trusted_markdown_table(head, rows, numbers_from=1)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    votes = read_votes()
    rows = sense.features(list(votes["sentence"]))
    intercept, coefficients = fit(rows, votes["printable"].to_numpy())
    rankings = {"sense": cross_validated(rows, votes), "likelihood": rows[:, _SUM]}
    content = {
        "votes": {"file": VOTES.name, "sha256": files.sha256(VOTES)},
        "quality": _rounded(quality(votes, rankings)),
        "intercept": _significant(intercept),
        "coefficients": [_significant(one) for one in coefficients],
    }
    print(files.write_atomically(sense.FILE, json.dumps(content) + "\n"))
    text = PAGE.read_text(encoding="utf-8")
    print(files.write_atomically(PAGE, marked_parts.replace(text, START, END, table(content["quality"]))))


def _rounded(found):
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    return round(found, 4) if isinstance(found, float) else found


def _significant(value: float) -> float:
    return round(float(value), _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0.0


if __name__ == "__main__":
    main()
