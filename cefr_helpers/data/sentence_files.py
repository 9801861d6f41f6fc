"""Read a user's sentences from a text, a table or a bank, with the level they are labelled with, if known."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.data import bank_formats, banks, file_text
from cefr_helpers.text import sentences
from cefr_helpers.text.tokens import words_of

_TEXTS = (".txt", ".md")
_LONGEST = 2000  # characters; a longer one is not a sentence but comes from a file of another kind
_EXPECTED = "expected .txt or .md with text, .csv with a column sentence, a sentence bank, or bundled"


class Labelled(NamedTuple):
    """A sentence, and the level it is labelled with; None if that is not known."""

    sentence: str
    label: str | None


def read(path: str | Path) -> list[Labelled]:
    """Read the sentences of a file, in its order; entries without a word are left out.

    Args:
        path: a text (one sentence per line, or prose), a .csv with a column `sentence`, a sentence bank, a folder of
            banks with one file per level, or "bundled". A level in the name of a file labels its sentences.

    Raises:
        InputError: it cannot be read, is of another kind, or has no sentence; names file, line and value.
    """
    path = banks.BUNDLED if str(path) == "bundled" else Path(path)
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if not found:
        raise InputError(f"{path}: no sentence with a word in it; {_EXPECTED}")
    return found


def _of_folder(folder: Path) -> list[Labelled]:
    by_level = banks.levels_in(folder)
    if not by_level:
        raise InputError(f"{folder}: no bank with a level in its name; expected a name such as B2.json or bank_b2.csv")
    return [one for level in LEVELS for file in by_level.get(level, ()) for one in _of_file(file)]


def _of_file(path: Path) -> list[Labelled]:
    kind = path.suffix.lower()
    named = banks.levels_named(path)
    label = named.pop() if len(named) == 1 else None
    if kind in _TEXTS:
        found = sentences.split(file_text.read(path, "a text")[0])
    elif kind == ".csv":
        found = _column(path, file_text.read(path, "a table")[0])
    elif kind in bank_formats.ENDINGS:
        found = [sentence for _, sentence in bank_formats.read_rows(path)]
    else:
        raise InputError(f"{path}: cannot read sentences of this kind; {_EXPECTED}")
    for sentence in found:
        if len(sentence) > _LONGEST:
            raise InputError(f"{path}: {shown(sentence)} has {len(sentence)} characters; expected at most {_LONGEST}")
    return [Labelled(" ".join(one.split()), label) for one in found if words_of(one)]


def _column(path: Path, text: str) -> list[str]:
    """Return the column `sentence` of a table with a header; other columns are ignored."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found, line = [], 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if header.count("sentence") != 1:
            raise InputError(f"{path}, line 1: header {shown(','.join(header))}; expected one column named sentence")
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                problem = f"{len(cells)} cells {shown(cells)}; expected {len(header)}"
                raise InputError(f"{path}, line {line}: {problem} (put a sentence with a comma in double quotes)")
            found += [cells[header.index("sentence")]] if cells else []
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not valid CSV ({error}); expected a column sentence") from error
    return found
