"""Does a sentence's gap ask for its word? The rank of the word among others of its level, put in its place.

It says whether a sentence is fit for a gap-fill exercise. It is no measure of sense: of answers that a reader found odd
it ranks the word first about as often as of good ones.
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
# Rows whose ranks say something: of "I like the WORD." nobody expects a gap that asks for a word.
ROWS = ("base", "base_three_examples", "base_one_word", "tuned", "gold")
_VOWELS = tuple("aeiou")


def ranks(
    model, tokenizer, slots: "pandas.DataFrame", words: Iterable[str], kept: "BaselineCache"
) -> "pandas.DataFrame":
    """The slots with `cloze_rank`: 1 where no other word is likelier in the sentence's gap than its own, by the base.

    Args:
        model: with the adapter, which is switched off meanwhile: one judge for all rows, and not the one who wrote.
        slots: from `summary.measure`.
        words: the bank's words of the level, of which the others are taken (see `choices`).
        kept: results of the base so far; each row's ranks are looked up there, and kept there.

    Returns:
        The same table; the rank, 1 to 20, is NaN where a sentence does not use its word, where the word is a phrase,
        where there are too few other words of its inflection, and in rows that are not in ROWS.
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
    """The MEASURES of a row's slots: shares of the sentences that have a rank, with rank 1, and with 1 to 3."""
    if COLUMN not in row or row[COLUMN].isna().all():
        return dict.fromkeys(MEASURES)
    known = row[COLUMN].dropna()
    return {"cloze_first": float((known == 1).mean()), "cloze_first_three": float((known <= 3).mean())}


def choices(word: str, sentence: str, words: Sequence[str]) -> list[str]:
    """The sentence as it is, and with each of 19 other words in the place of its own; empty where that can't be done.

    The others are words of `words` in the same inflection (Penn tags of `lemminflect`): those first that can be all
    that the form can be, in an order that the word alone decides, so that it is the same for all rows. A capital and
    "a" or "an" before the gap go with the word.
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
    """The sentence with another word in its gap."""
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
    """Penn tag -> form of a word: its base form under each part of speech that it has, and its inflections."""
    from lemminflect import getAllInflections

    found = {tag: forms[0] for tag, forms in getAllInflections(word.lower()).items()}
    return {tag: form.lower() for tag, form in found.items()}


@cache
def _tags(word: str, form: str) -> frozenset[str]:
    """The Penn tags that a form of the word may have; those of the plain word for a form that is in no dictionary."""
    heads = {word.lower(), *word_match.lemmas(word)}
    counts = Counter(tag for head in heads for tag, own in _forms(head).items() if own == form)
    return frozenset(counts) or frozenset(_forms(word))
