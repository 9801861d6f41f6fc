"""CEFR-SP (Arase, Uchida, Kajiwara 2022): sentences with the labels of two teachers, read from its own files."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import LEVELS

TRAINING, UNSEEN = "Wiki-Auto_train.txt", "Wiki-Auto_dev.txt"
OUTSIDE = ("SCoRE_train.txt", "SCoRE_dev.txt")


class Labelled(NamedTuple):
    """Sentences in normal spelling, and labels 1 to 5 of teacher A and teacher B, shape (sentences, 2)."""

    sentences: list[str]
    labels: np.ndarray


def read(path: Path) -> Labelled:
    """Read one file of CEFR-SP: sentence, label of A, label of B, separated by tabs.

    Raises:
        InputError: it cannot be read, or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a file of CEFR-SP") from error
    sentences, labels = [], []
    for number, line in enumerate(lines, 1):
        found = re.fullmatch(r"([^\t]+)\t([1-6])\t([1-6])", line)
        if line and not found:
            raise InputError(f"{path}, line {number}: {shown(line)}; expected sentence, tab, 1 to 6, tab, 1 to 6")
        if found:
            sentences.append(as_written(found[1]))
            labels.append([min(int(label), len(LEVELS)) for label in found.groups()[1:]])
    return Labelled(sentences, np.array(labels))


def parts_of(folder: Path) -> dict[str, Labelled]:
    """Return the parts that no fit used: name -> sentences."""
    unseen, *outside = (read(folder / name) for name in (UNSEEN, *OUTSIDE))
    return {"Wiki-Auto": unseen, "SCoRE": joined(*outside), "both": joined(unseen, outside[-1])}


def joined(*parts: Labelled) -> Labelled:
    return Labelled([one for part in parts for one in part.sentences], np.vstack([part.labels for part in parts]))


def as_written(tokens: str) -> str:
    """Return a sentence without the spaces that CEFR-SP puts between words and marks."""
    text = tokens.replace(" n't", "n't")
    text = re.sub(r" ('(?:s|re|ve|ll|d|m)\b)", r"\1", text)
    text = re.sub(r" ([.,;:!?%)\]])", r"\1", text)
    text = re.sub(r"([(\[$]) ", r"\1", text)
    return re.sub(r"(?<=\w) ?- (?=\w)", "-", text)
