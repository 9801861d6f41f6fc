"""Finding, reading and cleaning sentence banks: target word -> example sentences, one file a level."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.core.paths import resolve
from cefr_helpers.data import bank_formats
from cefr_helpers.text import word_match

BUNDLED = Path(__file__).parents[1] / "sample_corpus"
_EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Bank:
    """A cleaned sentence bank.

    Attributes:
        name: "bundled", or the file's name.
        sentences: target word -> its distinct sentences, in the order of the file; every sentence uses its word.
        report: what cleaning did, rows of {"reason", "count", "examples"}; nothing is dropped without one.
        words_read: distinct target words in the file.
        sentences_read: sentences in the file.
    """

    name: str
    sentences: dict[str, tuple[str, ...]]
    report: tuple[dict, ...]
    words_read: int
    sentences_read: int

    def summary(self) -> dict:
        """What the dataset record keeps of the bank."""
        return {
            "name": self.name,
            "words_read": self.words_read,
            "sentences_read": self.sentences_read,
            "words": len(self.sentences),
            "sentences": sum(map(len, self.sentences.values())),
            "dropped": list(self.report),
        }


def find(sentence_bank: str | Path, level: str) -> dict[str, Path]:
    """The bank's files by level: `level`'s own, and the others that are there, since a split looks at all of them.

    Args:
        sentence_bank: "bundled"; a folder with one file a level, the level standing in the file's name
            (`training_data_b2.json`, `B2.csv`); or one file, which then serves `level`.
        level: the level of the run.

    Raises:
        InputError: there is no file for `level`, two for one level, or no such folder or file.
    """
    check_level(level)
    path = BUNDLED if str(sentence_bank) == "bundled" else resolve(sentence_bank)
    if path.is_file():
        bank_formats.check_ending(path)
        return {level: path}
    if not path.is_dir():
        raise InputError(f"sentence_bank: {path}: no such file or folder; expected 'bundled', a folder or a file")
    by_level = levels_in(path)
    _check_found(path, level, by_level)
    return {one: by_level[one][0] for one in LEVELS if one in by_level}


def levels_in(folder: Path) -> dict[str, list[Path]]:
    """The banks in a folder by the level that stands in their names; a level's are usually one."""
    by_level = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix.lower() in bank_formats.ENDINGS:
            tokens = set(re.split(r"[^A-Z0-9]+", file.stem.upper()))
            for found in tokens & set(LEVELS):
                by_level[found].append(file)
    return by_level


def read(path: str | Path, level: str | None = None, name: str | None = None) -> Bank:
    """Read and clean one bank; the formats are those of `bank_formats`.

    Args:
        path: a .json, .jsonl or .csv file in UTF-8.
        level: where given, a row that names another level is an error.
        name: the bank's name in records; the file's name by default.

    Raises:
        InputError: the file cannot be read or a row cannot be used; names file, line or row, value and what was
            expected. Also where cleaning leaves nothing.
    """
    path = Path(path)
    rows = bank_formats.read_rows(path, level)
    sentences, report = clean(rows)
    if not sentences:
        reasons = "; ".join(f"{row['count']} {row['reason'].replace('_', ' ')}" for row in report) or "it is empty"
        raise InputError(f"{path}: no usable sentence in it ({reasons}); expected target words with their sentences")
    name = name or ("bundled" if path.parent == BUNDLED else path.name)
    return Bank(name, sentences, tuple(report), len({word for word, _ in rows}), len(rows))


def read_all(files: dict[str, Path]) -> dict[str, Bank]:
    """Every level's bank, from what `find` found."""
    return {level: read(path, level) for level, path in files.items()}


def clean(rows: list[tuple[str, str]]) -> tuple[dict[str, tuple[str, ...]], list[dict]]:
    """Clean (word, sentence) rows and report each thing done.

    A sentence that is listed under two words stays under both, because it is a good example of each; the split keeps
    the two words on one side.

    Returns:
        word -> distinct sentences, and report rows {"reason", "count", "examples"} (the first three, for people).
    """
    report: dict[str, list[str]] = defaultdict(list)
    rows = _with_plain_white_space(rows, report)
    rows = _without_homograph_digits(rows, report)
    report["word_entered_twice"] += _entered_twice(rows)
    kept: dict[str, dict[str, None]] = {}
    for word, sentence in rows:
        own = kept.setdefault(word, {})
        if not sentence:
            report["empty_sentence"].append(word)
        elif sentence in own:
            report["duplicate_sentence"].append(f"{word}: {sentence}")
        elif not word_match.matches(word, sentence):
            report["sentence_without_target_word"].append(f"{word}: {sentence}")
        else:
            own[sentence] = None
    report["word_without_sentences"] += [word for word, own in kept.items() if not own]
    sentences = {word: tuple(own) for word, own in kept.items() if own}
    report["sentence_under_several_words"] += _shared_sentences(sentences)
    return sentences, [
        {"reason": reason, "count": len(found), "examples": found[:_EXAMPLES_SHOWN]}
        for reason, found in report.items()
        if found
    ]


def _check_found(folder: Path, level: str, by_level: dict[str, list[Path]]) -> None:
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


def _with_plain_white_space(rows: list[tuple[str, str]], report: dict[str, list[str]]) -> list[tuple[str, str]]:
    plain = [(" ".join(word.split()), " ".join(sentence.split())) for word, sentence in rows]
    changed = (new for old, new in zip(rows, plain, strict=True) if old != new and new[1])
    report["white_space_normalised"] += [f"{word}: {sentence}" for word, sentence in changed]
    return plain


def _without_homograph_digits(rows: list[tuple[str, str]], report: dict[str, list[str]]) -> list[tuple[str, str]]:
    """bass1 -> bass, unless a sentence really says "bass1" (a name such as mp3)."""
    bare = {word: word_match.without_homograph_digit(word) for word in dict.fromkeys(word for word, _ in rows)}
    said = {word for word, sentence in rows if bare[word] != word and word.lower() in sentence.lower()}
    new = {word: word if word in said else stripped for word, stripped in bare.items()}
    report["homograph_digit_stripped"] += [f"{old} -> {stripped}" for old, stripped in new.items() if old != stripped]
    return [(new[word], sentence) for word, sentence in rows]


def _entered_twice(rows: list[tuple[str, str]]) -> list[str]:
    """Words met in two places of a grouped file, or with twice the usual number of sentences."""
    counts = Counter(word for word, _ in rows)
    usual = Counter(counts.values()).most_common(1)[0][0] if counts else 0
    entries = Counter(word for word, _ in groupby(word for word, _ in rows))
    grouped = entries.total() <= 1.5 * len(counts)
    return [
        f"{word} ({count} sentences)"
        for word, count in counts.items()
        if (grouped and entries[word] > 1) or (len(counts) > 1 and count >= 2 * usual > 2)
    ]


def _shared_sentences(sentences: dict[str, Iterable[str]]) -> list[str]:
    users = defaultdict(list)
    for word, own in sentences.items():
        for sentence in own:
            users[sentence].append(word)
    return [f"{', '.join(words)}: {sentence}" for sentence, words in users.items() if len(words) > 1]
