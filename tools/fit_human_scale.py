"""Fit the human scale again and renew its pages: python -m tools.fit_human_scale FOLDER.

FOLDER contains CEFR-SP (Arase, Uchida, Kajiwara 2022): sentences with the labels of two teachers. The scale is fitted
to the training part of Wiki-Auto, and everything is chosen by cross-validation within it. The other files are used only
for reported figures.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from scipy import sparse

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.evaluation import human_features, human_scale
from tools import human_scale_pages
from tools.cefr_sp import TRAINING, Labelled, parts_of, read
from tools.human_scale_quality import GROUP_WEIGHTS, alternatives, columns_of, letter_groups, quality
from tools.ordinal_line import cross_validated, fit_line, moments, rounded, standardise

SOURCE = {
    "data": "CEFR-SP, part Wiki-Auto: sentences of Wikipedia and Simple English Wikipedia, each with the labels of two "
    "teachers of English, C2 counted as C1",
    "by": "Arase, Uchida, Kajiwara 2022. CEFR-based sentence difficulty annotation and assessment. EMNLP. "
    "arXiv:2210.11766",
    "address": "https://github.com/yukiar/CEFR-SP",
}
LICENCE = "CC BY-SA 3.0, as that of the labels to which the figures here were fitted; none of the sentences is here."


def fit(train: Labelled, length_free: bool) -> human_scale.HumanScale:
    """Fit the scale to all sentences, and its stretch by folds, because a fit is too certain on its own sentences."""
    features = human_features.FREE_OF_LENGTH if length_free else human_features.FEATURES
    norm = "l1" if length_free else "l2"
    matrix = columns_of(train.sentences, features)
    groups = letter_groups(train.sentences, norm)
    raw, mean = cross_validated(matrix, groups, train.labels), train.labels.mean(axis=1)
    known = moments(matrix)
    line = fit_line(sparse.hstack([standardise(matrix, *known), groups]).tocsr(), train.labels)
    coefficients, weights = line.weights[: len(features)], line.weights[len(features) :]
    letter_mean = float((groups @ weights).mean())
    return human_scale.HumanScale(
        features=features,
        means=rounded(known[0]),
        scales=rounded(known[1]),
        coefficients=rounded(coefficients),
        letter_groups=rounded(weights * GROUP_WEIGHTS[norm], 3),
        letter_norm=norm,
        letter_mean=letter_mean,
        thresholds=rounded(line.thresholds - letter_mean),
        raw_mean=float(raw.mean()),
        mean=float(mean.mean()),
        slope=float(mean.std() / raw.std()),
    )


def make(folder: Path) -> dict:
    """Return the content of human_scale.json."""
    train = read(folder / TRAINING)
    scales = {kind: fit(train, kind == "length_free") for kind in ("full", "length_free")}
    return {
        "source": SOURCE
        | {"file": TRAINING, "sha256": files.sha256(folder / TRAINING)}
        | {"sentences": len(train.sentences)},
        "licence": LICENCE,
        "quality": quality(scales, parts_of(folder)),
        "alternatives": alternatives(train),
        "scales": {kind: asdict(scale) for kind, scale in scales.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that of CEFR-SP: Wiki-Auto_train.txt and three more")
    arguments = parser.parse_args()
    try:
        content = make(arguments.folder)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    text = json.dumps(content, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text)  # a list of numbers on one line
    files.write_atomically(human_scale.FILE, text + "\n")
    human_scale.load.cache_clear()
    for path in (human_scale.FILE, *human_scale_pages.renew()):
        print(path)


if __name__ == "__main__":
    main()
