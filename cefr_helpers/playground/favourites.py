"""Save sentences that a person liked as a sentence bank: one file per level, which stage 01 can read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.data import bank_formats
from cefr_helpers.text import word_match
from cefr_helpers.text.tokens import words_of


@dataclass(frozen=True)
class SaveResult:
    """The result of `add`.

    Attributes:
        saved: rows that the file has now.
        refused: (word, sentence, why).
    """

    saved: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str, str], ...]


def read(path: Path, level: str) -> list[tuple[str, str]]:
    """Return the (word, sentence) rows of a level's favourites; none if there is no file yet.

    Raises:
        InputError: the file is not a sentence bank of this level.
    """
    return bank_formats.read_rows(path, level) if path.is_file() else []


def add(path: Path, level: str, rows: Iterable[tuple[str, str]]) -> SaveResult:
    """Append rows to a level's favourites, a JSON object of word -> sentences, which is written atomically.

    A sentence is refused if its word has it already (ignoring case and punctuation), or if it does not use its word:
    stage 01 would drop both.

    Raises:
        InputError: the existing file is not a sentence bank of this level; it is not changed.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.stem}.lock")):
        kept = read(path, level)
        said = {_said(word, sentence) for word, sentence in kept}
        saved, refused = [], []
        for word, sentence in rows:
            word, sentence = " ".join(word.split()), " ".join(sentence.split())
            if _said(word, sentence) in said:
                refused.append((word, sentence, "is among the favourites already"))
            elif not word_match.matches(word, sentence):
                refused.append((word, sentence, f"does not use {word!r}"))
            else:
                saved.append((word, sentence))
                said.add(_said(word, sentence))
        if saved:
            _write(path, [*kept, *saved])
    return SaveResult(tuple(saved), tuple(refused))


def _said(word: str, sentence: str) -> tuple[str, ...]:
    return (word.lower(), *words_of(sentence))


def _write(path: Path, rows: list[tuple[str, str]]) -> None:
    bank: dict[str, list[str]] = {}
    for word, sentence in rows:
        bank.setdefault(word, []).append(sentence)
    files.write_atomically(path, json.dumps(bank, indent=1, ensure_ascii=False) + "\n")
