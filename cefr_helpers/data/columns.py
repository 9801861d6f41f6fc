"""Recognise a table's columns by the names that teachers, dictionaries and card programs give them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

WORD_NAMES = (
    "word", "words", "target word", "headword", "head word", "target", "lemma", "base word", "term", "vocabulary",
    "vocabulary item", "vocab", "entry", "expression", "phrase", "lexical item", "kelime", "sözcük", "hedef kelime",
)  # fmt: skip
SENTENCE_NAMES = (
    "sentence", "sentences", "example sentence", "example sentences", "sample sentence", "example", "examples",
    "usage example", "usage", "context", "text", "cümle", "örnek cümle", "örnek",
)  # fmt: skip
POS_NAMES = ("pos", "part of speech", "word class", "sözcük türü")
MEANING_NAMES = ("meaning", "definition", "translation", "gloss", "anlam")
TOPIC_NAMES = ("topic", "theme", "subject", "unit", "konu")
LEVEL_NAMES = ("level", "cefr level", "cefr", "cefrlevel", "lvl", "seviye", "düzey")
_LEVEL = re.compile(r"(?<![a-z0-9])[abc][12](?![0-9])", flags=re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Positions of a table's columns, from 0.

    Attributes:
        word: None if no column has such a name.
        sentences: one, or several such as "example 1", "example 2"; none if no column has such a name.
        level: None if there is no such column.
    """

    word: int | None
    sentences: tuple[int, ...]
    level: int | None

    @property
    def of_words(self) -> int:
        """The place of the words in a table that was read, which without such a column would have been refused.

        Raises:
            ValueError: no name says it.
        """
        if self.word is None:
            raise ValueError("no column of words")
        return self.word


def named(names: Sequence[object]) -> Columns:
    """Find the columns by their names: the most usual name counts, and case and underscores are ignored."""
    plain = [normal(name) for name in names]
    bare = [re.sub(r"\s*\d+$", "", name) for name in plain]
    sentence = next((name for name in SENTENCE_NAMES if name in bare), None)
    return Columns(
        word=_place(plain, WORD_NAMES),
        sentences=tuple(at for at, name in enumerate(bare) if name == sentence),
        level=_place(plain, LEVEL_NAMES),
    )


def details_named(names: Sequence[object]) -> dict[str, int]:
    """Return the positions of the columns with details of a word, if there are any: "pos", "meaning", "topic"."""
    plain = [normal(name) for name in names]
    known = {"pos": POS_NAMES, "meaning": MEANING_NAMES, "topic": TOPIC_NAMES}
    return {one: at for one, own in known.items() if (at := _place(plain, own)) is not None}


def normal(name: object) -> str:
    """Return a column's name without case, underscores and hyphens."""
    return " ".join(re.sub(r"[_-]+", " ", str(name)).casefold().split())


def level_of(value: object) -> str | None:
    """Return the level in a cell such as "b1", "CEFR B1" or "B1+", in upper case, C2 included; None without one."""
    match = _LEVEL.search(value) if isinstance(value, str) else None
    return match[0].upper() if match else None


def _place(names: list[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)
