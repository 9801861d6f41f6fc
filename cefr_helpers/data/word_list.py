"""Reading a list of target words, for which sentences are to be written; every error names file, line and value."""

import csv
import io
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.data import bank_formats

LONGEST = 60  # characters of a word or short phrase
_EXPECTED = "a word list: .csv with a column word, or .txt with a word a line"


def read(path: str | Path) -> list[str]:
    """The words of a list, in its order; other columns of a .csv are passed over, and so are empty lines.

    Raises:
        InputError: the file cannot be read, is of another kind, or holds no word, a thing that is no word, or a word
            twice; names file, line and value.
    """
    path = Path(path)
    readers = {".csv": _csv_words, ".txt": _lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: cannot read a word list of this kind; expected {_EXPECTED}")
    text = bank_formats.read_text(path, _EXPECTED)
    found: dict[str, tuple[str, int]] = {}
    for line, cell in readers[path.suffix.lower()](path, text):
        word = " ".join(cell.split())
        if not is_word(word):
            expected = f"expected a word or short phrase of at most {LONGEST} characters"
            raise InputError(f"{path}, line {line}: word {shown(word)}; {expected}")
        if word.casefold() in found:
            first = found[word.casefold()][1]
            raise InputError(
                f"{path}, line {line}: {shown(word)} stands in line {first} already; expected each word once"
            )
        found[word.casefold()] = (word, line)
    if not found:
        raise InputError(f"{path}: no word in it; expected {_EXPECTED}")
    return [word for word, _ in found.values()]


def is_word(text: str) -> bool:
    """Whether `text` can be a target word or a short phrase."""
    return len(text) <= LONGEST and text.isprintable() and any(map(str.isalpha, text))


def _lines(path: Path, text: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _csv_words(path: Path, text: str) -> list[tuple[int, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = []
    line = 1  # where the row begins, which may go over several lines
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if header.count("word") != 1:
            raise InputError(f"{path}, line 1: header {shown(','.join(header))}; expected one column named word")
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                raise InputError(f"{path}, line {line}: {len(cells)} cells {shown(cells)}; expected {len(header)}")
            found += [(line, cells[header.index("word")])] if cells else []
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not valid CSV ({error}); expected {_EXPECTED}") from error
    return found
