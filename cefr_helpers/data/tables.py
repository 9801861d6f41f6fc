"""Read tables as programs save them: delimited text, Excel workbooks, Anki's text export.

This turns a file into rows with the names of their columns; other modules interpret the cells.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.data import columns
from cefr_helpers.text import repair, word_match

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
EMPTY_ROW = "empty_row"
_SEP = re.compile(r'"?sep=(.)"?\r?\n', flags=re.IGNORECASE)
_DIRECTIVE = re.compile(r"#([a-z ]+):(.*?)\r?(?:\n|$)", flags=re.IGNORECASE)
_ANKI = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "colon": ":", "space": " "}
_TITLE_ROWS = 5  # a title and empty rows may come above the header
_ROWS_LOOKED_AT = 200

Cells = Sequence[object]
Numbered = Iterator[tuple[int, Cells]]  # with the line or row where each begins, from 1
NumberedTexts = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one row, by column.

    Attributes:
        where: returns its place, for error messages.
        labels: names of its word and its sentence in messages.
    """

    names: tuple[str, ...]
    values: tuple
    where: Callable[[], str]
    labels: tuple[str, str] = ("word", "sentence")


@dataclass
class Table:
    """Rows in the order of their file.

    Attributes:
        read_as: for people: format, encoding, delimiter.
        report: reason -> examples of what has been left out.
    """

    rows: list[Row]
    read_as: str
    report: dict[str, list[str]] = field(default_factory=dict)


def read_delimited(path: Path, text: str, read_as: str, sentences_needed: bool) -> Table:
    """Read a table of delimited text; the delimiter comes from its header, or from a line that names it.

    Args:
        read_as: the encoding, for people.
        sentences_needed: whether a column of sentences is needed beside the one of words.

    Raises:
        InputError: no header with the needed columns, a row with too many or too few cells, or broken quotes.
    """
    directives, start = _directives(text)
    delimiters = (
        [_ANKI.get(directives["separator"].lower(), directives["separator"])] if directives else list(DELIMITERS)
    )
    if separator := _SEP.match(text):
        delimiters, start = [separator[1]], separator.end()
    text, lines_before = text[start:], text.count("\n", 0, start)
    if directives:
        return _anki_table(path, text, delimiters[0], lines_before, directives, read_as)
    for delimiter in delimiters:
        header = _header(_numbered(path, text, delimiter, lines_before), sentences_needed)
        if header:
            rows = _numbered(path, text, delimiter, lines_before)
            told = f"{read_as}, separated by {DELIMITERS.get(delimiter, repr(delimiter))}"
            return _table(_below(rows, header[0]), header[1], told, lambda line: f"{path}, line {line}")
    for delimiter in delimiters if sentences_needed else ():
        told = f"{read_as}, separated by {DELIMITERS.get(delimiter, repr(delimiter))}"
        rows = _numbered(path, text, delimiter, lines_before)
        if table := by_content(rows, told, lambda line: f"{path}, line {line}"):
            return table
    raise _no_header(path, next(_numbered(path, text, ",", lines_before), (1, [])), "line", sentences_needed)


def read_workbook(path: Path, sentences_needed: bool) -> Table:
    """Read a table from an Excel workbook: its first sheet with a known header.

    Raises:
        InputError: it is not a workbook, or no sheet has the needed columns.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheets = {sheet.title: [[_plain(cell) for cell in row] for row in sheet.values] for sheet in book.worksheets}
        book.close()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); expected a workbook") from error
    except Exception as error:  # openpyxl has no error class for files that are not workbooks
        raise InputError(f"{path}: not a readable Excel workbook ({error}); save it as .xlsx or CSV") from error
    for title, rows in sheets.items():
        header = _header(enumerate(rows, 1), sentences_needed)
        if header:
            below = _below(enumerate(rows, 1), header[0])
            table = _table(below, header[1], f"Excel workbook, sheet {title!r}", _in_sheet(path, title))
            others = [other for other, cells in sheets.items() if other != title and any(map(any, cells))]
            table.report |= {"sheet_not_read": others} if others else {}
            return table
    for title, rows in sheets.items() if sentences_needed else ():
        if table := by_content(enumerate(rows, 1), f"Excel workbook, sheet {title!r}", _in_sheet(path, title)):
            return table
    filled = ((title, row) for title, rows in sheets.items() for row in rows if any(row))
    title, first = next(filled, ("", []))
    raise _no_header(path, (1, first), f"sheet {title!r}, row", sentences_needed)


def by_content(rows: Iterable[tuple[int, Cells]], read_as: str, where: Callable[[int], str]) -> Table | None:
    """Read a table without a known header by the content of its columns; None if that does not show them.

    Its first row counts as a header if its sentence does not use its word, as the rows below do.

    Raises:
        InputError: a row has more cells than most.
    """
    try:
        found = [(line, [cell if isinstance(cell, str) else str(cell or "") for cell in cells]) for line, cells in rows]
    except InputError:  # quotes that are broken with this delimiter may be right with another
        return None
    found = [(line, cells) for line, cells in found if any(map(str.strip, cells))]
    width = max((len(cells) for _, cells in found), default=0)
    pair = _word_and_sentence([cells for _, cells in found[:_ROWS_LOOKED_AT]], width)
    if pair is None:
        return None
    word, sentence = pair
    head, usual = found[0][1], Counter(len(_without_empty_end(cells)) for _, cells in found).most_common(1)[0][0]
    for line, cells in found:
        if len(_without_empty_end(cells)) > usual:
            raise InputError(
                f"{where(line)}: {len(cells)} cells {shown(list(cells))}; expected {usual}, as in other rows "
                "(put a sentence with a comma in double quotes)"
            )
    headed = max(pair) < len(head) and not word_match.matches(*(repair.repaired(head[at])[0] for at in pair))
    names = [head[at].strip() if headed and at < len(head) else f"column {at + 1}" for at in range(width)]
    header = f"header {shown(','.join(head))}" if headed else "no header"
    told = f"{read_as}, {header}, columns recognised by their content"
    names[word], names[sentence] = "word", "sentence"
    padded = ((line, [*cells, *[""] * (width - len(cells))]) for line, cells in found[headed:])
    return _table(padded, names, told, where)


def _in_sheet(path: Path, title: str) -> Callable[[int], str]:
    return lambda row: f"{path}, sheet {title!r}, row {row}"


def _plain(cell: object) -> object:
    """Return a cell as text if Excel has turned the words "true" and "false" into truth values."""
    return str(cell).lower() if isinstance(cell, bool) else "" if cell is None else cell


def _numbered(path: Path, text: str, delimiter: str, lines_before: int) -> NumberedTexts:
    """Yield the rows that are not empty; in tab-separated text quotes may be ordinary characters."""
    fault = None
    for quoted in (True, False) if delimiter == "\t" and "\t" in text else (True,):
        try:
            yield from list(_parsed(text, delimiter, lines_before, quoted))
            return
        except csv.Error as error:
            fault = fault or error
    line = _line_of_fault(text, delimiter) + lines_before
    raise InputError(f"{path}, line {line}: not valid CSV ({fault}); expected word,sentence") from fault


def _parsed(text: str, delimiter: str, lines_before: int, quoted: bool) -> NumberedTexts:
    reader = _reader(text, delimiter, quoted)
    start = 1
    for cells in reader:
        if cells:
            yield start + lines_before, cells
        start = reader.line_num + 1


def _reader(text: str, delimiter: str, quoted: bool = True):
    lines = io.StringIO(text, newline="")
    return csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
        skipinitialspace=True,
    )


def _line_of_fault(text: str, delimiter: str) -> int:
    """Return the line where the row with broken quotes begins."""
    reader, start = _reader(text, delimiter), 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error:
        pass
    return start


def _header(rows: Numbered, sentences_needed: bool) -> tuple[int, Cells] | None:
    """Return line and cells of the first row that names the needed columns."""
    try:
        for line, cells in islice(((line, cells) for line, cells in rows if any(cells)), _TITLE_ROWS):
            found = columns.named(cells)
            if found.word is not None and (found.sentences or not sentences_needed):
                return line, cells
    except InputError:  # quotes that are broken with this delimiter may be right with another
        return None
    return None


def _below(rows: Numbered, header_line: int) -> Numbered:
    return ((line, cells) for line, cells in rows if line > header_line)


def _table(rows: Numbered, header: Cells, read_as: str, where: Callable[[int], str]) -> Table:
    names = tuple(str(name).strip() for name in _without_empty_end(header))
    found = columns.named(names)
    for place in (found.word, found.level):
        if place is not None and [columns.normal(name) for name in names].count(columns.normal(names[place])) > 1:
            raise InputError(f"{where(1)}: header {shown(','.join(names))}; expected one column {names[place]!r}")
    least = 1 + max((found.of_words, *found.sentences))
    table = Table([], read_as)
    for line, cells in rows:
        if not any(str(cell).strip() for cell in cells):
            table.report.setdefault(EMPTY_ROW, []).append(where(line).rpartition(", ")[2])
            continue
        cells = _without_empty_end(cells) if len(cells) > len(names) else cells
        if not least <= len(cells) <= len(names):
            raise InputError(
                f"{where(line)}: {len(cells)} cells {shown(list(cells))}; expected {len(names)}: {','.join(names)} "
                "(put a sentence with a comma in double quotes)"
            )
        values = (*cells, *[""] * (len(names) - len(cells)))
        table.rows.append(Row(names, values, partial(where, line)))
    return table


def _without_empty_end(cells: Sequence[object]) -> list[object]:
    cells = list(cells)
    while cells and not str(cells[-1]).strip():
        cells.pop()
    return cells


def _no_header(path: Path, first: tuple[int, Cells], unit: str, sentences_needed: bool) -> InputError:
    header = ",".join(str(name).strip().lower() for name in first[1])
    if sentences_needed:
        expected = "expected word,sentence, or a column of words and one of sentences by another usual name"
    else:
        expected = "expected one column named word, headword, lemma or similar"
    return InputError(f"{path}, {unit} {first[0]}: header {shown(header)}; {expected}")


def _directives(text: str) -> tuple[dict[str, str], int]:
    """Return Anki's directives at the top ("#separator:tab"), and where they end; none without a separator."""
    found, end = {}, 0
    while match := _DIRECTIVE.match(text, end):
        found[match[1].strip().lower()] = match[2].strip("\r") if match[1] == "columns" else match[2].strip()
        end = match.end()
    return (found, end) if "separator" in found else ({}, 0)


def _anki_table(path: Path, text: str, delimiter: str, before: int, directives: dict[str, str], encoding: str) -> Table:
    """Read Anki's export, which names few of its columns: words and sentences are recognised by their content."""
    rows = list(_numbered(path, text, delimiter, before))
    width = max((len(cells) for _, cells in rows), default=0)
    given = directives.get("columns", "").split(delimiter) if directives.get("columns") else []
    names = [given[at].strip() if at < len(given) else f"column {at + 1}" for at in range(width)]
    for key, value in directives.items():
        if key.endswith(" column") and value.isdigit() and 0 < int(value) <= width:
            names[int(value) - 1] = key.removesuffix(" column")
    found = columns.named(names)
    if found.word is None or not found.sentences:
        pair = _word_and_sentence([cells for _, cells in rows[:_ROWS_LOOKED_AT]], width)
        if pair is None:
            raise InputError(f"{path}: no column of words beside one of sentences that use them; expected both")
        names[pair[0]], names[pair[1]] = "word", "sentence"
    padded = ((line, [*cells, *[""] * (width - len(cells))]) for line, cells in rows)
    told = f"Anki's export, {encoding}, separated by {DELIMITERS.get(delimiter, repr(delimiter))}"
    return _table(padded, names, told, lambda line: f"{path}, line {line}")


def _word_and_sentence(rows: Iterable[Sequence[str]], width: int) -> tuple[int, int] | None:
    """Return the columns of words and of sentences that use them, in more than half of the rows; None without them."""
    clean = [[repair.repaired(cell)[0] for cell in cells] for cells in rows]
    pairs = [(word, sentence) for word in range(width) for sentence in range(width) if word != sentence]

    def uses(pair: tuple[int, int]) -> int:
        cells = [(row[pair[0]], row[pair[1]]) for row in clean if max(pair) < len(row)]
        return sum(len(word) < len(sentence) and word_match.matches(word, sentence) for word, sentence in cells if word)

    best = max(pairs, key=uses, default=None)
    return best if best and uses(best) * 2 > len(clean) else None
