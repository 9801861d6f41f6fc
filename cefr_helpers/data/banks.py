"""Find, read and clean sentence banks: target word -> example sentences, one file per level."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.core.paths import resolve
from cefr_helpers.data import bank_formats, cleaning

BUNDLED = Path(__file__).parents[1] / "sample_corpus"


@dataclass(frozen=True)
class Bank:
    """A cleaned sentence bank.

    Attributes:
        name: "bundled", or the file's name.
        sentences: target word -> its distinct sentences, in the order of the file; every sentence uses its word.
        report: what cleaning did, rows of {"reason", "count", "examples"}; everything dropped is in one.
        words_read: distinct target words in the file.
        sentences_read: sentences in the file.
        read_as: for people: format, encoding, and how the columns were read.
    """

    name: str
    sentences: dict[str, tuple[str, ...]]
    report: tuple[dict, ...]
    words_read: int
    sentences_read: int
    read_as: str = ""

    def summary(self) -> dict:
        """Return what the dataset record stores about the bank."""
        return {
            "name": self.name,
            "read_as": self.read_as,
            "words_read": self.words_read,
            "sentences_read": self.sentences_read,
            "words": len(self.sentences),
            "sentences": sum(map(len, self.sentences.values())),
            "dropped": list(self.report),
        }


def find(sentence_bank: str | Path, level: str) -> dict[str, Path]:
    """Return the bank's files by level: that of `level`, and those of other levels, because a split uses all of them.

    Args:
        sentence_bank: "bundled"; a folder with one file per level, with the level in the file's name
            (`training_data_b2.json`, `B2.csv`); or one file, which serves `level`, or the levels that its rows name.
        level: the level of the run.

    Raises:
        InputError: there is no file for `level`, two files for one level, a file whose name has two levels, or no such
            folder or file.
    """
    check_level(level)
    path = _located(sentence_bank)
    if path.is_file():
        bank_formats.check_ending(path)
        return dict.fromkeys(sorted({level, *levels_of_rows(path)}), path)
    by_level = levels_in(path)
    _check_found(path, level, by_level)
    return {one: by_level[one][0] for one in LEVELS if one in by_level}


def check_serves(sentence_bank: str | Path, levels: Sequence[str]) -> None:
    """Refuse one file for several levels: they would be trained and compared on the same sentences.

    Raises:
        InputError: the bank is a file whose rows do not name each of `levels`, and there are several.
    """
    path = _located(sentence_bank)
    if len(levels) < 2 or not path.is_file():
        return
    there = levels_of_rows(path)
    if missing := [level for level in levels if level not in there]:
        rows = f"its rows name {', '.join(there)} and not {', '.join(missing)}" if there else "its rows name no level"
        raise InputError(
            f"sentence_bank: {path}: one file for the levels {', '.join(levels)}, and {rows}; expected one level for a "
            f"file (LEVELS={levels[0]}), a folder with one file per level, or a column level"
        )


def levels_of(sentence_bank: str | Path) -> list[str]:
    """Return the levels that a bank has, by its files' names or its rows; none for a file that names none.

    Raises:
        InputError: no such folder or file, or a folder without a file for any level.
    """
    path = _located(sentence_bank)
    if path.is_file():
        return levels_of_rows(path)
    found = [level for level in LEVELS if level in levels_in(path)]
    if not found:
        raise InputError(f"sentence_bank: {path}: no file whose name says a level; expected names such as B1.json")
    return found


def only_file(sentence_bank: str | Path) -> Path:
    """Return the path of a bank that is one file."""
    path = _located(sentence_bank)
    bank_formats.check_ending(path)
    return path


def _located(sentence_bank: str | Path) -> Path:
    """Return the file or folder of a bank.

    Raises:
        InputError: there is none.
    """
    path = BUNDLED if str(sentence_bank) == "bundled" else resolve(sentence_bank)
    if not path.is_file() and not path.is_dir():
        raise InputError(f"sentence_bank: {path}: no such file or folder; expected 'bundled', a folder or a file")
    return path


def levels_in(folder: Path) -> dict[str, list[Path]]:
    """Return the banks in a folder by the level in their names; a level usually has one file.

    Hidden files are ignored, and so are files without sentences if a level has more than one file.
    """
    named, _ = _looked_through(folder)
    return named


def passed_over(sentence_bank: str | Path) -> list[str]:
    """Return the files of a folder that have a level in their name but are not read, each with the reason."""
    path = _located(sentence_bank)
    return _looked_through(path)[1] if path.is_dir() else []


def _looked_through(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    named, reasons = defaultdict(list), []
    for file in sorted(folder.iterdir()):
        levels = levels_named(file)
        if not levels or not file.is_file() or file.suffix.lower() not in bank_formats.ENDINGS:
            continue
        if file.name.startswith((".", "~$")):
            reasons.append(f"{file.name}: a hidden file of the system or of an office program")
            continue
        for level in levels:
            named[level].append(file)
    for level, files in named.items():
        with_sentences = [file for file in files if file.suffix.lower() != ".txt" or _holds_rows(file)]
        if len(with_sentences) > 1:
            with_sentences = [file for file in with_sentences if _holds_rows(file)] or with_sentences
        reasons += [f"{file.name}: no column of sentences" for file in files if file not in with_sentences]
        named[level] = with_sentences
    return {level: files for level, files in named.items() if files}, list(dict.fromkeys(reasons))


def _holds_rows(file: Path) -> bool:
    """Return whether a file is a table with a column of words and one of sentences, not only a list of words."""
    try:
        return bool(bank_formats.read_table(file).rows)
    except InputError:
        return file.suffix.lower() != ".txt" and file.stat().st_size == 0


def levels_named(file: Path) -> set[str]:
    """Return the levels in a file's name, such as B2 in training_data_b2.json."""
    return set(re.split(r"[^A-Z0-9]+", file.stem.upper())) & set(LEVELS)


def read(path: str | Path, level: str | None = None, name: str | None = None) -> Bank:
    """Read and clean one bank; the formats are those of `bank_formats`.

    Args:
        path: a file in one of the formats.
        level: if given, and if the rows name levels, only rows of this level are read.
        name: the bank's name in records; the file's name by default.

    Raises:
        InputError: the file cannot be read or a row cannot be used; names file, line or row, value and what was
            expected. Also raised if cleaning leaves nothing.
    """
    path = Path(path)
    source = bank_formats.read(path, level)
    sentences, report = cleaning.clean(source.rows, source.report)
    if not sentences:
        raise InputError(
            f"{path}: no usable sentence in it ({_why(report)}); expected target words with their sentences"
        )
    name = name or ("bundled" if path.parent == BUNDLED else path.name)
    words_read = len({word for word, _ in source.rows})
    return Bank(name, sentences, tuple(report), words_read, len(source.rows), source.read_as)


def _why(report: list[dict]) -> str:
    """Say what was dropped, with the first example, or that the file is empty."""
    told = "; ".join(f"{row['count']} {row['reason'].replace('_', ' ')}" for row in report) or "it is empty"
    dropped = [row for row in report if row["reason"] in cleaning.DROPPED]
    return f"{told}; such as {shown(dropped[0]['examples'][0])}" if dropped else told


def read_all(files: dict[str, Path]) -> dict[str, Bank]:
    """Read every level's bank from the files that `find` returns."""
    return {level: read(path, level) for level, path in files.items()}


def levels_of_rows(path: Path) -> list[str]:
    """Return the levels of this suite that the rows of a file name; none for a file that cannot be read."""
    status = path.stat()
    return list(_levels_of_rows(path, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=16)
def _levels_of_rows(path: Path, changed_ns: int, size: int) -> tuple[str, ...]:
    try:
        return tuple(level for level in sorted(bank_formats.levels_in(path)) if level in LEVELS)
    except InputError:
        return ()


def _check_found(folder: Path, level: str, by_level: dict[str, list[Path]]) -> None:
    for file in sorted({file for files in by_level.values() for file in files}):
        if len(levels := sorted(levels_named(file))) > 1:
            raise InputError(
                f"sentence_bank: {folder}: the name of {file.name} says {' and '.join(levels)}; expected one level per "
                f"file: name it for one of them, or give the file itself with a column level"
            )
    for one, files in by_level.items():
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise InputError(f"sentence_bank: {folder}: more than one file for level {one}: {names}; keep one")
    if level not in by_level:
        there = ", ".join(sorted(file.name for file in folder.iterdir() if file.is_file())[:10]) or "no files"
        raise InputError(
            f"sentence_bank: {folder}: no file for level {level}; expected a name such as {level}.json or "
            f"bank_{level.lower()}.csv; found {there}"
        )
