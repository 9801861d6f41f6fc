"""Renew the figures in the bundled bank's README: python -m tools.sample_corpus_page."""

from pathlib import Path

import numpy as np

from cefr_helpers.core import files
from cefr_helpers.core.levels import LEVELS
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
        sentences = [sentence for own in bank.sentences.values() for sentence in own]
        lengths = np.array([len(tokens.words_of(sentence)) for sentence in sentences])
        percentiles = [f"{np.percentile(lengths, share):.0f}" for share in (50, 10, 90)]
        counts = [f"{count:,}" for count in (len(bank.sentences), len(sentences), lengths.sum())]
        rows.append([level, *counts, *percentiles, f"{above(level, bank.sentences):.1%}"])
    return trusted_markdown_table(rows[0], rows[1:])


def above(level: str, sentences: dict[str, tuple[str, ...]]) -> float:
    """Return the share of listed content words above the level, without the forms of each sentence's target word."""
    targets = [word for word, own in sentences.items() for _ in own]
    found = vocabulary.content_levels([one for own in sentences.values() for one in own], targets)
    levels = np.array([one for levels in found for one in levels])
    return float((levels > LEVELS.index(level) + 1).mean())


if __name__ == "__main__":
    print(renew())
