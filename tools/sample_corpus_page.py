"""Renew the figures in the bundled bank's README: python -m tools.sample_corpus_page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cefr_helpers.core import files
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.data import banks
from cefr_helpers.rendering.tables import trusted_markdown_table
from cefr_helpers.text import tokens, vocabulary
from tools import marked_parts

PAGE = banks.BUNDLED / "README.md"
START, END = "<!-- made by tools/sample_corpus_page.py -->", "<!-- end of figures -->"


def renew() -> Path:
    """Write the table between its marks, and return the page."""
    return files.write_atomically(PAGE, with_table(PAGE.read_text(encoding="utf-8")))


def with_table(text: str) -> str:
    """Return the page's text with the table between its marks."""
    return marked_parts.replace(text, START, END, table())


def table() -> str:
    """Return the table of the bank's figures, a row a level."""
    words = ["Running words", "Median length", "10th percentile", "90th percentile"]
    rows = [["Level", "Target words", "Sentences", *words, "Content words above the level"]]
    for level, bank in banks.read_all(banks.find("bundled", LEVELS[0])).items():
        targets, sentences = zip(*((word, one) for word, own in bank.sentences.items() for one in own), strict=True)
        lengths = np.array([len(tokens.words_of(sentence)) for sentence in sentences])
        percentiles = [f"{np.percentile(lengths, share):.0f}" for share in (50, 10, 90)]
        counts = [f"{count:,}" for count in (len(bank.sentences), len(sentences), lengths.sum())]
        rows.append([level, *counts, *percentiles, f"{share_above(sentences, level, targets):.1%}"])
    return trusted_markdown_table(rows[0], rows[1:])


def share_above(sentences: Sequence[str], level: str, except_words: Sequence[str] | None = None) -> float:
    """Return the share of listed content words above `level`, over all sentences together.

    Args:
        except_words: the target word of each sentence, whose forms are not counted in that sentence.
    """
    levels = [one for found in vocabulary.content_levels(sentences, except_words) for one in found]
    return sum(one > number(level) for one in levels) / len(levels) if levels else 0.0


if __name__ == "__main__":
    print(renew())
