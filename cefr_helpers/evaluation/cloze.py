"""Measure whether a sentence's gap asks for its word: the rank of the word among others of its level in its place.

It says whether a sentence suits a gap-fill exercise. It does not measure sense: it ranks the word first about as often
in answers that a reader found odd as in good ones.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cefr_helpers.models import likelihood
from cefr_helpers.text import word_match

if TYPE_CHECKING:
    import pandas

    from cefr_helpers.evaluation.baseline_cache import BaselineCache

MEASURES = ("cloze_first", "cloze_first_three")
COLUMN = "cloze_rank"
OTHERS = 19
# Rows whose ranks are informative: the gap of "I like the WORD." fits any word.
ROWS = ("base", "base_three_examples", "base_one_word", "tuned", "gold")
_VOWELS = tuple("aeiou")


def ranks(
    model, tokenizer, slots: "pandas.DataFrame", words: Iterable[str], kept: "BaselineCache"
) -> "pandas.DataFrame":
    """Return the slots with `cloze_rank`: 1 if the base finds no other word likelier in the gap than the right one.

    Args:
        model: the model with its adapter, which is switched off, so that the base judges all rows.
        slots: from `summary.measure`.
        words: the bank's words of the level, from which the other words are taken (see `choices`).
        kept: the cache of the base's results.

    Returns:
        The same table. The rank, 1 to 20, is NaN if a sentence does not use its word, the word is a phrase, there are
        too few other words of its inflection, or the row is not in ROWS.
    """
    words = sorted(set(words))
    table = slots.assign(**{COLUMN: float("nan")})
    used = table["valid"] & table["covered"] & (table["sample"] == 0)
    for row in ROWS:
        own = table[used & (table["row"] == row)]
        groups = {place: choices(word, text, words) for place, word, text in own[["word", "sentence"]].itertuples()}
        groups = {place: texts for place, texts in groups.items() if texts}
        found = _ranks(model, tokenizer, list(groups.values()), kept) if groups else []
        table.loc[list(groups), COLUMN] = found
    return table


def measure(row: "pandas.DataFrame") -> dict[str, float | None]:
    """Return the MEASURES of a row: of its sentences with a rank, the shares with rank 1 and with rank 1 to 3."""
    return dict.fromkeys(MEASURES) | {name: float(values.mean()) for name, values in shares(row).items()}


def shares(row: "pandas.DataFrame") -> "dict[str, pandas.Series]":
    """Return the MEASURES as yes or no for each slot with a rank, by its label in the row's index; {} without one."""
    if COLUMN not in row or row[COLUMN].isna().all():
        return {}
    known = row[COLUMN].dropna()
    return {"cloze_first": known == 1, "cloze_first_three": known <= 3}


def choices(word: str, sentence: str, words: Sequence[str]) -> list[str]:
    """Return the sentence, and it with each of 19 other words in place of its own; empty if that is not possible.

    The other words come from `words` in the same inflection (Penn tags of `lemminflect`). Those that have all tags of
    the form come first, in an order that depends only on the word, so that it is the same for all rows. Capitals, and
    "a" or "an" before the gap, follow the word.
    """
    place = word_match.place(word, sentence)
    if place is None or not sentence[slice(*place)].isalpha():
        return []
    start, end = place
    form = sentence[start:end]
    tags = _tags(word, form.lower())
    own = word_match.forms(word)
    others = [(tags & set(_forms(other)), other) for other in words if other not in own and other.isalpha()]
    ordered = sorted(
        (-len(shared), zlib.crc32(f"{word} {other}".encode()), other, min(shared)) for shared, other in others if shared
    )
    put = dict.fromkeys(inflected for *_, other, tag in ordered if (inflected := _forms(other)[tag]) != form.lower())
    if len(put) < OTHERS:
        return []
    return [sentence, *(_with(one, sentence, start, end) for one in list(put)[:OTHERS])]


def _ranks(model, tokenizer, groups: list[list[str]], kept: "BaselineCache") -> list[int]:
    def of_base() -> list[list[float]]:
        with model.disable_adapter():
            return likelihood.score_choices(model, tokenizer, groups)

    scores = kept.result("gaps", [{"texts": texts} for texts in groups], {}, of_base)
    return [1 + sum(other > own for other in others) for own, *others in scores]


def _with(word: str, sentence: str, start: int, end: int) -> str:
    """Return the sentence with another word in its gap."""
    before = sentence[:start]
    if sentence[start].isupper():
        word = word.capitalize()
    for article in ("a", "an", "A", "An"):
        if before.endswith(f"{article} ") and not before[: -len(article) - 1][-1:].isalpha():
            fitting = article[0] + ("n" if word.lower().startswith(_VOWELS) else "")
            before = f"{before[: -len(article) - 1]}{fitting} "
            break
    return f"{before}{word}{sentence[end:]}"


@cache
def _forms(word: str) -> dict[str, str]:
    """Return Penn tag -> form of a word: its base form for each part of speech that it has, and its inflections."""
    from lemminflect import getAllInflections

    found = {tag: forms[0] for tag, forms in getAllInflections(word.lower()).items()}
    return {tag: form.lower() for tag, form in found.items()}


@cache
def _tags(word: str, form: str) -> frozenset[str]:
    """Return the Penn tags that a form of the word may have; those of the plain word if no dictionary has the form."""
    heads = {word.lower(), *word_match.lemmas(word)}
    counts = Counter(tag for head in heads for tag, own in _forms(head).items() if own == form)
    return frozenset(counts) or frozenset(_forms(word))
