"""The file formats of a sentence bank, read into (word, sentence) rows; every error names file, place and value.

    .json   array of {"input": "Generate a B2-level sentence with WORD", "output": SENTENCE}
            or object WORD -> list of sentences
    .jsonl  one such object a line
    .csv    header word,sentence

Rows of {"word", "sentence"} are understood in JSON as well. All in UTF-8.
"""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import LEVELS

ENDINGS = (".json", ".jsonl", ".csv")
# Far beyond any word or example sentence, so that a file read with the wrong format is not taken for one.
_LONGEST_WORD, _LONGEST_SENTENCE = 200, 2000
_INPUT = re.compile(r"\s*Generate an? (\S+)-level sentence with (.*\S)\s*", flags=re.DOTALL)
_EXPECTED_ROW = (
    'expected {"input": "Generate a B2-level sentence with WORD", "output": SENTENCE}, '
    '{"word": WORD, "sentence": SENTENCE} or {WORD: [SENTENCE, ...]}'
)

Rows = list[tuple[str, str]]
LONGEST_WORD = 60  # characters of a word or short phrase
_EXPECTED_LIST = "a word list: .csv with a column word, or .txt with a word a line"


def check_ending(path: Path) -> None:
    """Raise InputError unless the file's ending is one of ENDINGS."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: cannot read a sentence bank of this kind; expected {', '.join(ENDINGS)}")


def read_rows(path: Path, level: str | None = None) -> Rows:
    """All rows of a bank as (word, sentence), uncleaned and in their order.

    Raises:
        InputError: the file is missing or not UTF-8, its syntax is broken, a row has another shape, or a row names
            another level than `level`.
    """
    check_ending(path)
    text = read_text(path)
    reader = {".json": _json_rows, ".jsonl": _json_lines_rows, ".csv": _csv_rows}[path.suffix.lower()]
    return reader(path, text, level)


def read_text(path: Path, expected: str = "a sentence bank") -> str:
    """The text of a file in UTF-8.

    Raises:
        InputError: it cannot be read (the message says what was `expected`) or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {expected}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start : error.start + 1].hex()
        raise InputError(f"{path}, line {line}: byte 0x{byte} is not UTF-8; save the file as UTF-8") from error


def _json_rows(path: Path, text: str, level: str | None) -> Rows:
    try:
        found = json.loads(text, object_pairs_hook=tuple, parse_int=_integer)
    except ValueError as error:
        raise _syntax_error(path, error, 0) from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deep; {_EXPECTED_ROW}") from error
    if isinstance(found, tuple):
        return _object_rows(found, level, lambda: str(path))
    if not isinstance(found, list):
        raise InputError(f"{path}: holds {_shown(found)}; expected an array of rows or an object of words")
    rows: Rows = []
    for index, item in enumerate(found):
        rows += _object_rows(item, level, lambda at=index: f"{path}, row {at + 1} (line {_line_of_item(text, at)})")
    return rows


def _json_lines_rows(path: Path, text: str, level: str | None) -> Rows:
    rows: Rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line, object_pairs_hook=tuple, parse_int=_integer)
        except ValueError as error:
            raise _syntax_error(path, error, number - 1) from error
        except RecursionError as error:
            raise InputError(f"{path}, line {number}: nested too deep; {_EXPECTED_ROW}") from error
        rows += _object_rows(item, level, lambda at=number: f"{path}, line {at}")
    return rows


def _csv_rows(path: Path, text: str, level: str | None) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = []
    start = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if sorted(header) != ["sentence", "word"]:
            raise InputError(f"{path}, line 1: header {_shown(','.join(header))}; expected word,sentence")
        word, sentence = header.index("word"), header.index("sentence")
        start = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != 2:
                problem = f"{len(cells)} cells {_shown(cells)}; expected 2: word,sentence"
                raise InputError(f"{path}, line {start}: {problem} (a sentence with a comma stands in double quotes)")
            if cells:
                rows.append(_csv_row(cells[word], cells[sentence], lambda at=start: f"{path}, line {at}"))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {start}: not valid CSV ({error}); expected word,sentence") from error
    return rows


def _csv_row(word: str, sentence: str, where: Callable[[], str]) -> tuple[str, str]:
    return _word(word, where), _sentence(sentence, where, "sentence")


def _object_rows(item: object, level: str | None, where: Callable[[], str]) -> Rows:
    """The rows of one JSON object; `where` is asked for the place only when something is wrong."""
    if not isinstance(item, tuple) or not item:
        raise InputError(f"{where()}: {_shown(item)}; {_EXPECTED_ROW}")
    values = dict(item)
    for word_key, sentence_key in (("input", "output"), ("word", "sentence")):
        if word_key in values and sentence_key in values and not isinstance(values[sentence_key], list):
            word = _word(values[word_key], where, word_key)
            word = _word_of_request(word, level, where) if word_key == "input" else word
            return [(word, _sentence(values[sentence_key], where, sentence_key))]
    rows: Rows = []
    for word, sentences in item:
        if not isinstance(sentences, list):
            raise InputError(f"{where()}: {_shown(word)} -> {_shown(sentences)}; {_EXPECTED_ROW}")
        _word(word, where)
        key = f"word {_shown(word)}, sentence"
        rows += [(word, _sentence(sentence, where, key)) for sentence in sentences]
    return rows


def _word_of_request(request: str, level: str | None, where: Callable[[], str]) -> str:
    match = _INPUT.fullmatch(request)
    if not match or match[1].upper() not in LEVELS:
        expected = "expected 'Generate a B2-level sentence with WORD', a level from " + ", ".join(LEVELS)
        raise InputError(f"{where()}: input {_shown(request)}; {expected}")
    if level is not None and match[1].upper() != level:
        raise InputError(f"{where()}: input {_shown(request)} is of level {match[1]}; expected level {level}")
    return match[2]


def _word(value: object, where: Callable[[], str], key: str = "word") -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where()}: {key} {_shown(value)}; expected a target word as text")
    return _text_of(value, where, key, _LONGEST_WORD)


def _sentence(value: object, where: Callable[[], str], key: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where()}: {key} {_shown(value)}; expected a sentence as text")
    return _text_of(value, where, key, _LONGEST_SENTENCE)


def _text_of(value: str, where: Callable[[], str], key: str, longest: int) -> str:
    """A text that can be written, shown and learnt from: a mis-read encoding shows itself in control characters."""
    if len(value) > longest:
        raise InputError(f"{where()}: {key} {_shown(value)} has {len(value)} characters; expected at most {longest}")
    if not value.isprintable():
        for character in value:
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
                problem = f"{key} {_shown(value)} holds the control character U+{ord(character):04X}"
                raise InputError(f"{where()}: {problem}; expected plain text, saved as UTF-8")
    return value


def _integer(digits: str) -> int | float:
    """No bank holds such a value, but a number too long for int() must not hide the row that it is in."""
    return int(digits) if len(digits) < 100 else math.inf


def _syntax_error(path: Path, error: ValueError, lines_before: int) -> InputError:
    if not isinstance(error, json.JSONDecodeError):
        return InputError(f"{path}: not valid JSON ({error})")
    line = error.doc.split("\n")[error.lineno - 1].strip()
    place = f"{path}, line {lines_before + error.lineno}, column {error.colno}"
    return InputError(f"{place}: not valid JSON ({error.msg}) at {_shown(line)}")


def _line_of_item(text: str, index: int) -> int:
    """The line where item `index` of a JSON array begins."""
    decoder = json.JSONDecoder()
    skip = re.compile(r"[\s,]*")
    position = skip.match(text, text.index("[") + 1).end()
    for _ in range(index):
        position = skip.match(text, decoder.raw_decode(text, position)[1]).end()
    return text.count("\n", 0, position) + 1


def _shown(value: object) -> str:
    """A value in an error message, at most 80 characters of it."""
    return shown(dict(value) if isinstance(value, tuple) else value)


def read_word_list(path: str | Path) -> list[str]:
    """The words of a list, in its order; other columns of a .csv are passed over, and so are empty lines.

    Raises:
        InputError: the file cannot be read, is of another kind, or holds no word, a thing that is no word, or a word
            twice; names file, line and value.
    """
    path = Path(path)
    readers = {".csv": _listed_words, ".txt": _list_lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: cannot read a word list of this kind; expected {_EXPECTED_LIST}")
    text = read_text(path, _EXPECTED_LIST)
    found: dict[str, tuple[str, int]] = {}
    for line, cell in readers[path.suffix.lower()](path, text):
        word = " ".join(cell.split())
        if not is_word(word):
            expected = f"expected a word or short phrase of at most {LONGEST_WORD} characters"
            raise InputError(f"{path}, line {line}: word {shown(word)}; {expected}")
        if word.casefold() in found:
            first = found[word.casefold()][1]
            raise InputError(
                f"{path}, line {line}: {shown(word)} stands in line {first} already; expected each word once"
            )
        found[word.casefold()] = (word, line)
    if not found:
        raise InputError(f"{path}: no word in it; expected {_EXPECTED_LIST}")
    return [word for word, _ in found.values()]


def is_word(text: str) -> bool:
    """Whether `text` can be a target word or a short phrase."""
    return len(text) <= LONGEST_WORD and text.isprintable() and any(map(str.isalpha, text))


def _list_lines(path: Path, text: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _listed_words(path: Path, text: str) -> list[tuple[int, str]]:
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
        raise InputError(f"{path}, line {line}: not valid CSV ({error}); expected {_EXPECTED_LIST}") from error
    return found
