"""Sentences that a person liked, kept as a sentence bank: one file per level, which stage 01 reads."""

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
    """What became of the (word, sentence) rows given to `add`.

    Attributes:
        saved: those that the file has now.
        refused: (word, sentence, why).
    """

    saved: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str, str], ...]


def read(path: Path, level: str) -> list[tuple[str, str]]:
    """The (word, sentence) rows of a level's favourites; none where there is no file yet.

    Raises:
        InputError: the file is no sentence bank of this level.
    """
    return bank_formats.read_rows(path, level) if path.is_file() else []


def add(path: Path, level: str, rows: Iterable[tuple[str, str]]) -> SaveResult:
    """Append rows to a level's favourites, into place only when whole; a JSON object, word -> sentences.

    A sentence is refused that its word has already (but for case and punctuation), and one that does not use its word:
    stage 01 would drop both.

    Raises:
        InputError: the file that is there is no sentence bank of this level; it is left as it is.
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
