"""Read a file of words and sentences into (word, sentence) rows; every error names file, place and value.

.csv .tsv .txt .xlsx   a header such as word,sentence, then one row per sentence; Anki's text export
.json .jsonl           rows, columns, or an object WORD -> list of sentences
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.data import columns, file_text, json_tables, tables
from cefr_helpers.data.tables import Row, Table
from cefr_helpers.text import repair, sentence_cells, word_match

ENDINGS = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".xlsx")
# Far longer than any word or example sentence, so that a file read in the wrong format is refused.
_LONGEST_WORD, _LONGEST_SENTENCE = 200, 2000
# Reasons in reports, in addition to those of `tables`, `repair` and `sentence_cells`.
OTHER_LEVEL, WITHOUT_LEVEL, PATTERN = "row_of_another_level", "row_without_level", "pattern_removed"
FILLED = "word_taken_from_the_row_above"

Rows = list[tuple[str, str]]
_columns_of = cache(columns.named)


@dataclass
class Source:
    """The content of a file before cleaning.

    Attributes:
        rows: (word, sentence) in the order of the file, repaired, with several sentences of a cell separated.
        read_as: for people: format, encoding, delimiter, and how the columns were read.
        report: reason -> examples of what was changed or left out.
    """

    rows: Rows
    read_as: str
    report: dict[str, list[str]] = field(default_factory=dict)


def check_ending(path: Path) -> None:
    """Raise InputError unless the file's ending is one of ENDINGS."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: cannot read a sentence bank of this kind; expected {', '.join(ENDINGS)}")


def read_table(path: Path, sentences_needed: bool = True, expected: str = "a sentence bank") -> Table:
    """Return the rows of a file in any of the formats, with unchanged cells.

    Raises:
        InputError: see the readers of the formats; `expected` says what the file should have been.
    """
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return tables.read_workbook(path, sentences_needed)
    text, encoding = file_text.read(path, expected)
    if ending in (".json", ".jsonl"):
        return json_tables.read(path, text, encoding, lines=ending == ".jsonl")
    return tables.read_delimited(path, text, encoding, sentences_needed)


def read_rows(path: Path, level: str | None = None) -> Rows:
    """Return only the rows of `read`."""
    return read(path, level).rows


def read(path: Path, level: str | None = None) -> Source:
    """Read all rows of a bank, cleaned only of what the file's format added.

    Args:
        level: if given, and if the rows name levels, only rows of this level are read.

    Raises:
        InputError: the file is missing or in an unknown encoding, its syntax is broken, a row has another shape, or no
            row is of `level`.
    """
    check_ending(path)
    table = read_table(path)
    source = Source([], _described(table), {reason: list(found) for reason, found in table.report.items()})
    word = ""
    for row in _of_level(path, table, level, source.report):
        word = _read_row(row, word, source)
    return source


def levels_in(path: Path) -> Counter[str]:
    """Return how many rows name each level; empty if they name none."""
    return Counter(found for row in read_table(path).rows if (found := _level_of(row)))


def _described(table: Table) -> str:
    if not table.rows:
        return table.read_as
    names = table.rows[0].names
    found = _columns_of(names)
    used = {found.word, found.level, *found.sentences}
    told = [
        f"words: {shown(names[found.of_words])}",
        "sentences: " + ", ".join(shown(names[at]) for at in found.sentences),
    ]
    told += [f"level: {shown(names[found.level])}"] if found.level is not None else []
    others = [shown(name) for at, name in enumerate(names) if at not in used and name]
    told += [f"not read: {', '.join(others)}"] if others else []
    return f"{table.read_as}; {'; '.join(told)}"


def _of_level(path: Path, table: Table, level: str | None, report: dict[str, list[str]]) -> Iterator[Row]:
    """Yield the rows of a level and those without a column for it; all rows if none names a level or none is given."""
    named = [_level_of(row) for row in table.rows]
    if level is None or not any(named):
        yield from table.rows
        return
    named = [level if _columns_of(row.names).level is None else one for row, one in zip(table.rows, named, strict=True)]
    counts = Counter(named)
    without, there = counts.pop(None, 0), counts.pop(level, 0)
    others = [f"{count} of level {other}" for other, count in sorted(counts.items())]
    if not there:
        raise InputError(f"{path}: no row of level {level} in it: {', '.join(others)}; expected level {level}")
    if others:
        left = [(row, one) for row, one in zip(table.rows, named, strict=True) if one not in (None, level)]
        report[OTHER_LEVEL] = [f"{row.values[_columns_of(row.names).of_words]} ({one})" for row, one in left]
    if without:
        report[WITHOUT_LEVEL] = [row.where() for row, one in zip(table.rows, named, strict=True) if one is None]
    yield from (row for row, one in zip(table.rows, named, strict=True) if one == level)


def _level_of(row: Row) -> str | None:
    place = _columns_of(row.names).level
    return None if place is None else columns.level_of(row.values[place])


def _read_row(row: Row, word_above: str, source: Source) -> str:
    """Add the sentences of one row to the source, and return its word, which an empty cell below may mean."""
    found = _columns_of(row.names)
    value, cells = row.values[found.of_words], [row.values[at] for at in found.sentences]
    cells = [cell for values in cells for cell in ((values or [""]) if isinstance(values, list) else [values])]
    if _is_empty(value) and all(map(_is_empty, cells)) and row.labels[1] == "sentence":
        source.report.setdefault(tables.EMPTY_ROW, []).append(row.where())
        return word_above
    # of several columns of examples some may be empty
    cells = [cell for cell in cells if not _is_empty(cell)] or cells[:1] if len(found.sentences) > 1 else cells
    if isinstance(value, str) and not value.strip() and _is_used(word_above, cells):
        word = word_above
        source.report.setdefault(FILLED, []).append(f"{word}: {' '.join(cells[0].split())}")
    else:
        word = _word(value, row, source)
    for cell in cells:
        if not isinstance(cell, str):
            raise InputError(f"{row.where()}: {row.labels[1]} {shown(cell)}; expected a sentence as text")
        source.rows += [(word, sentence) for sentence in _sentences(cell, word, row, source)]
    return word


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (value != value)  # NaN is not itself


def _is_used(word: str, cells: list) -> bool:
    return bool(word) and all(isinstance(cell, str) and word_match.matches(word, cell) for cell in cells)


def _word(value: object, row: Row, source: Source) -> str:
    label = row.labels[0]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{row.where()}: {label} {shown(value)}; expected a target word as text")
    _check_characters(value, row.where, label)
    word, reasons = repair.repaired(value)
    for reason in reasons:
        source.report.setdefault(reason, []).append(f"{value} -> {word}")
    _check_length(word, row.where, label, _LONGEST_WORD)
    return word


def _sentences(cell: str, word: str, row: Row, source: Source) -> list[str]:
    """Return the sentences of a cell, and add what was changed to the source's report."""
    _check_characters(cell, row.where, row.labels[1])
    text, reasons = repair.repaired(cell)
    pieces, more = sentence_cells.sentences(text)
    found = []
    for piece in pieces:
        sentence = sentence_cells.without_pattern(piece, word)
        more = more if sentence == piece else (*more, PATTERN)
        _check_length(sentence, row.where, row.labels[1], _LONGEST_SENTENCE)
        found.append(sentence)
    if not (reasons or more):
        return found
    found = [" ".join(one.split()) for one in found]
    for reason in dict.fromkeys((*reasons, *more)):
        source.report.setdefault(reason, []).append(f"{word}: {' '.join(cell.split())} -> {' / '.join(found)}")
    return found


def _check_length(value: str, where: Callable[[], str], key: str, longest: int) -> None:
    if len(value) > longest:
        raise InputError(f"{where()}: {key} {shown(value)} has {len(value)} characters; expected at most {longest}")


def _check_characters(value: str, where: Callable[[], str], key: str) -> None:
    """Refuse characters that can't be written or shown: control characters come from a wrongly read encoding."""
    if value.isprintable():
        return
    for character in repair.decoded_again(value):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            problem = f"{key} {shown(value)} contains the control character U+{ord(character):04X}"
            raise InputError(f"{where()}: {problem}; expected plain text, saved as UTF-8")
