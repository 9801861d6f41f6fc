"""Read JSON in each shape that people, pandas and datasets write, as rows with the names of their columns.

An array of rows, lines of rows, columns as lists or objects, rows by their index, pandas' split and table, and an
object of words with their sentences.
"""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.data import columns, tables
from cefr_helpers.data.tables import Row, Table

EXPECTED = (
    'expected {"input": "Generate a B2-level sentence with WORD", "output": SENTENCE}, '
    '{"word": WORD, "sentence": SENTENCE} or {WORD: [SENTENCE, ...]}'
)
EXPECTED_WORDS = 'expected ["borrow", ...] or [{"word": "borrow", "level": "A2"}, ...]'
_INPUT = re.compile(r"\s*Generate an? (\S+)-level sentence with (.*\S)\s*", flags=re.DOTALL)
_WRAPPERS = ("data", "rows", "train", "row")
Where = Callable[[], str]
Pairs = tuple[tuple[str, object], ...]  # an object; a tuple keeps duplicate keys


def read(path: Path, text: str, encoding: str, lines: bool) -> Table:
    """Read the rows of a JSON file; `lines` is true if its name says that each line is an object.

    A file with one object per line is read in this way whatever its name.

    Raises:
        InputError: broken syntax, or a shape without words and sentences.
    """
    rows = None if lines else _whole(path, text)
    if rows is not None:
        return Table(rows, f"JSON, {encoding}")
    return Table(_lines(path, text), f"JSON Lines, {encoding}")


def read_words(path: Path, text: str, lines: bool) -> list[tuple[str, str | None, str]]:
    """Return (word, level or None, place) of each entry of a JSON word list.

    The list is an array or lines of words, or of objects with a column of words; or an object with such an array, or
    one whose keys are the words, as in a bank.

    Raises:
        InputError: broken syntax, or another shape.
    """
    value, unit = _value_or_lines(path, text, lines)
    if isinstance(value, tuple):
        inner = next(
            (one for key, one in value if key.lower() in ("words", *_WRAPPERS) and isinstance(one, list)), None
        )
        value = [key for key, _ in value] if inner is None else inner
    if not isinstance(value, list):
        raise InputError(f"{path}: holds {_shown(value)}; {EXPECTED_WORDS}")
    return [_word_of(item, f"{unit} {at}", path) for at, item in enumerate(value, 1)]


def _value_or_lines(path: Path, text: str, lines: bool) -> tuple[object, str]:
    """Return the file's value, or its lines' values as a list, and the name for one item of it."""
    try:
        if not (lines or _is_lines(text)):
            return _loads(text), "entry"
        return [_loads(line) for line in text.split("\n") if line.strip()], "line"
    except json.JSONDecodeError as error:
        raise _syntax_error(path, error, 0) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); {EXPECTED_WORDS}") from error


def _word_of(item: object, place: str, path: Path) -> tuple[str, str | None, str]:
    if isinstance(item, tuple):
        values = dict(item)
        found = columns.named(tuple(values))
        if found.word is not None:
            cells = list(values.values())
            level = None if found.level is None else columns.level_of(cells[found.level])
            item = cells[found.word]
            if isinstance(item, str):
                return item, level, place
    if not isinstance(item, str):
        raise InputError(f"{path}, {place}: {_shown(item)}; {EXPECTED_WORDS}")
    return item, None, place


def _whole(path: Path, text: str) -> list[Row] | None:
    """Return the rows of one JSON value; None if the file is JSON Lines."""
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _is_lines(text):
            return None
        raise _syntax_error(path, error, 0) from error
    except ValueError as error:
        raise _syntax_error(path, error, 0) from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deep; {EXPECTED}") from error
    if isinstance(value, tuple):
        return _of_object(path, value)
    if not isinstance(value, list):
        raise InputError(f"{path}: contains {_shown(value)}; expected an array of rows or an object of words")
    if value and all(isinstance(one, list) and any(isinstance(cell, str) for cell in one) for one in value):
        return _of_values(path, value)
    return [row for at, item in enumerate(value) for row in _of_item(item, partial(_place_in_array, path, text, at))]


def _of_values(path: Path, rows: list[list]) -> list[Row]:
    """Return the rows of arrays without names, as pandas' orient "values" writes them."""
    table = tables.by_content(enumerate(rows, 1), "", lambda row: f"{path}, row {row}")
    if table is None:
        raise InputError(f"{path}: arrays such as {_shown(rows[0])}; {EXPECTED}")
    return table.rows


def _lines(path: Path, text: str) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = _loads(line)
        except ValueError as error:
            raise _syntax_error(path, error, number - 1) from error
        except RecursionError as error:
            raise InputError(f"{path}, line {number}: nested too deep; {EXPECTED}") from error
        rows += _of_item(item, partial("{}, line {}".format, path, number))
    return rows


def _loads(text: str) -> object:
    return json.loads(text, object_pairs_hook=tuple, parse_int=_integer)


def _is_lines(text: str) -> bool:
    """Return whether the first two lines that are not empty are whole objects."""
    first = [line for line in text.split("\n") if line.strip()][:2]
    try:
        return len(first) == 2 and all(isinstance(_loads(line), tuple) for line in first)
    except (ValueError, RecursionError):
        return False


def _of_object(path: Path, pairs: Pairs) -> list[Row]:
    """Return the rows of a file that is one object, of any shape."""
    values = dict(pairs)
    names = tuple(values)
    if isinstance(values.get("columns"), list) and isinstance(values.get("data"), list):
        return _split(path, values)
    if (by_column := _columns(path, names, tuple(values.values()))) is not None:
        return by_column
    for key in _WRAPPERS:
        if isinstance(inner := values.get(key), list) and inner and all(isinstance(one, tuple) for one in inner):
            return [
                row
                for at, one in enumerate(inner, 1)
                for row in _of_item(one, partial("{}, {} row {}".format, path, key, at))
            ]
    if pairs and all(isinstance(one, tuple) and _is_row(dict(one)) for one in values.values()):
        return [row for key, one in pairs for row in _of_item(one, partial(_place_by_key, path, key))]
    return _of_item(pairs, lambda: str(path))


def _columns(path: Path, names: tuple[str, ...], columns_given: tuple) -> list[Row] | None:
    """Return the rows of columns that are lists, or objects by index; None if the object has another shape.

    "word" and "sentence" may also be two target words with their sentences, which end marks show.
    """
    found = columns.named(names)
    if found.word is None or not found.sentences:
        return None
    if all(isinstance(one, tuple) for one in columns_given):
        columns_given = tuple([value for _, value in one] for one in columns_given)
    words = columns_given[found.word]
    if not isinstance(words, list) or any(isinstance(one, str) and re.search(r"[.!?]$", one) for one in words):
        return None
    if any(not isinstance(one, list) or len(one) != len(words) for one in columns_given):
        return None
    return [
        Row(names, values, partial("{}, entry {} of each column".format, path, at))
        for at, values in enumerate(zip(*columns_given, strict=True), 1)
    ]


def _split(path: Path, values: dict) -> list[Row]:
    names = tuple(map(str, values["columns"]))
    found = columns.named(names)
    if found.word is None or not found.sentences:
        raise InputError(f"{path}: columns {_shown(list(names))}; expected a column of words and one of sentences")
    for at, one in enumerate(values["data"], 1):
        if not isinstance(one, list) or len(one) != len(names):
            raise InputError(f"{path}, data row {at}: {_shown(one)}; expected {len(names)} values: {','.join(names)}")
    return [
        Row(names, tuple(one), partial("{}, data row {}".format, path, at)) for at, one in enumerate(values["data"], 1)
    ]


def _of_item(item: object, where: Where) -> list[Row]:
    """Return the rows of one object; `where` is called for the place only if something is wrong."""
    if not isinstance(item, tuple) or not item:
        raise InputError(f"{where()}: {_shown(item)}; {EXPECTED}")
    values = dict(item)
    if "input" in values and "output" in values and not isinstance(values["output"], list):
        return [_of_request(values, where)]
    if isinstance(inner := values.get("row"), tuple):  # as the dataset viewer of the Hugging Face Hub returns them
        return _of_item(inner, where)
    if _is_row(values):
        return [Row(tuple(values), tuple(values.values()), where)]
    rows = []
    for word, sentences in item:
        if not isinstance(sentences, list):
            raise InputError(f"{where()}: {_shown(word)} -> {_shown(sentences)}; {EXPECTED}")
        labels = ("word", f"word {_shown(word)}, sentence")
        rows.append(Row(("word", "sentence"), (word, sentences), where, labels))
    return rows


def _is_row(values: dict) -> bool:
    """Return whether the keys are columns of one row and not target words: then the word is not a list."""
    found = columns.named(tuple(values))
    if found.word is None or not found.sentences:
        return False
    return not isinstance(list(values.values())[found.word], list) or not isinstance(
        list(values.values())[found.sentences[0]], list
    )


def _of_request(values: dict, where: Where) -> Row:
    request = values["input"]
    if not isinstance(request, str):
        raise InputError(f"{where()}: input {_shown(request)}; expected a target word as text")
    match = _INPUT.fullmatch(request)
    if not match or match[1].upper() not in LEVELS:
        expected = "expected 'Generate a B2-level sentence with WORD', a level from " + ", ".join(LEVELS)
        raise InputError(f"{where()}: input {shown(request)}; {expected}")
    return Row(("word", "sentence", "level"), (match[2], values["output"], match[1]), where, ("input", "output"))


def _integer(digits: str) -> int | float:
    """Accept integers that are too long for int(), so that the error message can name their row."""
    return int(digits) if len(digits) < 100 else math.inf


def _syntax_error(path: Path, error: ValueError, lines_before: int) -> InputError:
    if not isinstance(error, json.JSONDecodeError):
        return InputError(f"{path}: not valid JSON ({error})")
    line = error.doc.split("\n")[error.lineno - 1].strip()
    place = f"{path}, line {lines_before + error.lineno}, column {error.colno}"
    return InputError(f"{place}: not valid JSON ({error.msg}) at {_shown(line)}")


def _place_by_key(path: Path, key: str) -> str:
    return f"{path}, row {shown(key)}"


def _place_in_array(path: Path, text: str, index: int) -> str:
    return f"{path}, row {index + 1} (line {_line_of_item(text, index)})"


def _line_of_item(text: str, index: int) -> int:
    """Return the line where item `index` of a JSON array begins."""
    decoder = json.JSONDecoder()
    position = _next_item(text, text.index("[") + 1)
    for _ in range(index):
        position = _next_item(text, decoder.raw_decode(text, position)[1])
    return text.count("\n", 0, position) + 1


def _next_item(text: str, position: int) -> int:
    """Where what follows the white space and commas at a position begins."""
    gap = re.compile(r"[\s,]*").match(text, position)
    return gap.end() if gap else position


def _shown(value: object) -> str:
    """Return a value for an error message, cut to 80 characters."""
    return shown(dict(value) if isinstance(value, tuple) else value)
