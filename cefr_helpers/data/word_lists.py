"""Read words without sentences: lists from course books and dictionaries, and text pasted into a box."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.data import bank_formats, cleaning, columns, file_text, json_tables, tables
from cefr_helpers.text import headwords, repair, word_match

LONGEST_WORD = 60  # characters of a word or short phrase
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".json", ".jsonl")
_EXPECTED = "a word list: .csv, .tsv, .xlsx or .json with a column word, or .txt with one word per line"
_HEADING = re.compile(r"#|(?:unit|lesson|chapter|module|week|part|section)\s+\d+\b|.*:$", flags=re.IGNORECASE)
_AFFIX = re.compile(r"-[^\W\d_]+|[^\W\d_]+-")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BOX_LINES = re.compile(r"[,;\n]")


@dataclass(frozen=True)
class WordList:
    """The words of a list.

    Attributes:
        words: each once, in the order of the list.
        report: what was changed, merged or left out: rows of {"reason", "count", "examples"}.
        read_as: for people: format, encoding, and how the columns were read.
        details: word -> the list's entries under "pos", "meaning" and "topic", if it has any.
    """

    words: tuple[str, ...]
    report: tuple[dict, ...]
    read_as: str
    details: dict[str, dict[str, str]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return how it was read, and each reason with its count and examples, as lines for people."""
        return [f"Words: {len(self.words)} ({self.read_as})", *cleaning.lines(self.report)]


@dataclass(frozen=True)
class _Entry:
    text: str
    level: str | None
    place: str
    details: dict[str, str] = field(default_factory=dict)


def read(path: str | Path, level: str | None = None) -> WordList:
    """Read the words of a list; if its rows name levels, only those of `level`.

    Numbers, bullets, brackets and parts of speech are removed, and "a/b" is two words. Headings, prefixes and entries
    that are not words are left out.

    Raises:
        InputError: the file cannot be read, is of another kind, has an entry that cannot be a word, or nothing is
            left of it; names file, line and value.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: cannot read a word list of this kind; expected {_EXPECTED}")
    entries, read_as = _entries(path)
    report: dict[str, list[str]] = {}
    words: dict[str, str] = {}  # each without case -> as it was first written
    details: dict[str, dict[str, str]] = {}
    for entry in _of_level(path, entries, level, report):
        for word in _words(entry.text, str(path), entry.place, report):
            if word.casefold() in words:
                report.setdefault("word_entered_twice", []).append(word)
            first = words.setdefault(word.casefold(), word)
            if entry.details:
                details.setdefault(first, entry.details)
    rows = tuple(cleaning.rows_of(report))
    if not words:
        why = "; ".join(f"{row['count']} {row['reason'].replace('_', ' ')}" for row in rows)
        raise InputError(f"{path}: no word in it{f' ({why})' if why else ''}; expected {_EXPECTED}")
    return WordList(tuple(words.values()), rows, read_as, details)


def of_box(text: str) -> list[str]:
    """Return the words or phrases that a person typed, separated by commas, semicolons or line breaks, each once.

    Raises:
        InputError: an entry has only digits, has control characters, or is far longer than a word.
    """
    words: dict[str, str] = {}
    for part in _BOX_LINES.split(text):
        cell = next(filter(None, map(str.strip, part.split("\t"))), "")
        report: dict[str, list[str]] = {}
        for word in _words(cell, "words", "", report):
            words.setdefault(word.casefold(), word)
        if "no_word" in report and any(map(str.isalnum, cell)):
            raise InputError(f"words: {shown(cell)}; expected a word or a short phrase")
    return list(words.values())


def _entries(path: Path) -> tuple[list[_Entry], str]:
    if path.suffix.lower() == ".xlsx":
        return _of_table(tables.read_workbook(path, sentences_needed=False))
    text, encoding = file_text.read(path, _EXPECTED)
    if path.suffix.lower() in (".json", ".jsonl"):
        entries = json_tables.read_words(path, text, lines=path.suffix.lower() == ".jsonl")
        return [_Entry(*one) for one in entries], f"{encoding}, JSON"
    if path.suffix.lower() == ".txt" and not _has_header(text):
        lines = [(number, line) for number, line in enumerate(_LINE_END.split(text), 1) if line.strip()]
        return [_of_line(number, line) for number, line in lines], f"{encoding}, one word per line"
    return _of_table(tables.read_delimited(path, text, encoding, sentences_needed=False))


def _has_header(text: str) -> bool:
    """Return whether the first line names several columns, one of them for words."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    names = re.split(r"[\t;,]", first)
    return len(names) > 1 and columns.named(names).word is not None


def _of_line(number: int, line: str) -> _Entry:
    """Read a line with a word; after a tab there may be other information from a course book, such as its level."""
    cell, *others = [one.strip() for one in line.strip().split("\t")]
    level = next((columns.level_of(one) for one in others if re.fullmatch(r"[A-Ca-c][12]", one)), None)
    return _Entry(cell, level, f"line {number}")


def _of_table(table: tables.Table) -> tuple[list[_Entry], str]:
    entries = []
    for row in table.rows:
        found = columns.named(row.names)
        level = None if found.level is None else columns.level_of(row.values[found.level])
        cells = {name: row.values[at] for name, at in columns.details_named(row.names).items()}
        details = {name: text for name, cell in cells.items() if (text := " ".join(str(cell or "").split()))}
        entries.append(_Entry(str(row.values[found.of_words]), level, row.where().rpartition(", ")[2], details))
    return entries, table.read_as


def _of_level(path: Path, entries: list[_Entry], level: str | None, report: dict[str, list[str]]) -> list[_Entry]:
    """Return the entries of a level and those that name none."""
    taken = [one for one in entries if level is None or one.level in (None, level)]
    left = [one for one in entries if one not in taken]
    if left and not taken:
        counts = sorted(Counter(one.level for one in left).items())
        others = ", ".join(f"{count} of level {other}" for other, count in counts)
        raise InputError(f"{path}: no word of level {level} in it: {others}; expected level {level}")
    if left:
        report[bank_formats.OTHER_LEVEL] = [f"{one.text} ({one.level})" for one in left]
    return taken


def _words(text: str, file: str, place: str, report: dict[str, list[str]]) -> list[str]:
    """Return the words in one line or cell; entries that are not words go into the report."""
    where = f"{file}, {place}" if place else file
    plain = " ".join(repair.repaired(text)[0].split())
    if not plain.isprintable() or "\0" in text:
        raise InputError(f"{where}: word {shown(text)}; expected a word or short phrase as plain text")
    if _HEADING.match(plain):
        report.setdefault("heading", []).append(plain)
        return []
    offered = [one for one in headwords.alternatives(plain, with_optional=False) if any(map(str.isalpha, one))]
    reason = "no_word" if not offered else "affix" if _AFFIX.fullmatch(offered[0]) else None
    if reason:
        report.setdefault(reason, []).append(f"{place}: {shown(plain)}")
        return []
    if longest := next((one for one in offered if len(one) > LONGEST_WORD), None):
        expected = f"expected a word or short phrase of at most {LONGEST_WORD} characters"
        raise InputError(f"{where}: word {shown(longest)}; {expected}")
    words = [one for at, one in enumerate(offered) if not any(_is_form(one, other) for other in offered[:at])]
    if words != [text.strip()] and words != [plain]:
        report.setdefault("headword_made_plain", []).append(f"{plain} -> {', '.join(words)}")
    return words


def _is_form(word: str, other: str) -> bool:
    """Return whether a word is a form or another spelling of an earlier one, as in "abandon, abandoned"."""
    return " " not in word and " " not in other and word.lower() in word_match.forms(other)
