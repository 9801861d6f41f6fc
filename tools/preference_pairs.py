"""Make pairs of an accepted and a rejected sentence of one word from what `cefr write` left in its output folder.

    python -m tools.preference_pairs --level B2 > training_words.txt

prints the words that such sentences are written for: the training words of a level, by recipe, bank and seed.
"""

import argparse
import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import banks, splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.text.tokens import words_of
from cefr_helpers.writing import output

# Faults of a sentence itself; one that repeats a better one, or has words that a class does not know, has none.
FAULTS = ("not_one_sentence", "word_not_used", "mistake", "copied", "level", "refused")
_COLUMNS = {"word", "sentence", "reason"}
_EXPECTED = "expected what `cefr write` leaves in its output folder"


@dataclass(frozen=True)
class Pair:
    """Two sentences for the same word, of which the first is preferred."""

    word: str
    accepted: str
    rejected: str


def split_of(recipe: str, bank: str, level: str, seed: int) -> tuple[dict[str, Bank], splitting.Split]:
    """Return the banks of all levels, and which of their words are for training, development and test.

    Raises:
        InputError: level, recipe or bank is missing or wrong.
    """
    check_level(level)
    settings, found = load_recipe(recipe), banks.read_all(banks.find(bank, level))
    return found, splitting.split_groups(found, settings.split, settings.held_out_share, settings.dev_share, seed)


def read(folder: Path, level: str, training_words: Collection[str]) -> list[Pair]:
    """Return one pair for each sentence of a training word that was rejected for a fault.

    It is compared with the accepted sentence of its word that is nearest in length, so that a model does not simply
    learn to write longer or shorter ones. Words that are not among the training words are left out.

    Args:
        folder: the output folder of `cefr write`.

    Raises:
        InputError: the folder is not such a one, is for another level, or gives no pair; names file and value.
    """
    accepted = _accepted(output.choice_file(folder), level)
    pairs = [
        Pair(word, _nearest(sentence, accepted[word]), sentence)
        for word, sentence in _rejected(output.rejected_file(folder))
        if word in training_words and accepted.get(word)
    ]
    if not pairs:
        known = sum(word in training_words for word in accepted)
        raise InputError(
            f"{folder}: no word with both an accepted and a rejected sentence among its {known} training words; "
            "write more candidates for training words"
        )
    return pairs


def _accepted(path: Path, level: str) -> dict[str, list[str]]:
    """Return word -> its sentences that passed, best first."""
    choice = files.read_json_object(path, _EXPECTED)
    if choice.get("level") != level:
        raise InputError(f"{path}: level {shown(choice.get('level'))}; expected {level}")
    try:
        return {
            one["word"]: [each["sentence"] for each in (*one["chosen"], *one["runners_up"])] for one in choice["words"]
        }
    except (KeyError, TypeError):
        raise InputError(f"{path}: not a choice of sentences; {_EXPECTED}") from None


def _rejected(path: Path) -> list[tuple[str, str]]:
    """Return word and sentence of each candidate that was rejected for a fault, each sentence once."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: can't be read ({problem}); {_EXPECTED}") from None
    rows = csv.DictReader(io.StringIO(text))
    if not _COLUMNS.issubset(rows.fieldnames or ()):
        raise InputError(f"{path}: no table of rejected sentences; {_EXPECTED}")
    found = [
        (files.from_spreadsheet(row["word"]), files.from_spreadsheet(row["sentence"]))
        for row in rows
        if row["reason"] in FAULTS and row["sentence"]
    ]
    return list(dict.fromkeys(found))


def _nearest(sentence: str, others: list[str]) -> str:
    length = len(words_of(sentence))
    return min(others, key=lambda other: abs(len(words_of(other)) - length))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what decides which words are training words."""
    parser.add_argument("--level", required=True)
    parser.add_argument("--recipe", default="cpu", help="the recipe with which the adapter was trained")
    parser.add_argument("--bank", default="bundled")
    parser.add_argument("--seed", type=int, default=3407, help="the seed with which the adapter was trained")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    given = parser.parse_args()
    try:
        print("\n".join(split_of(given.recipe, given.bank, given.level, given.seed)[1].words(given.level, "train")))
    except InputError as problem:
        parser.exit(2, f"{problem}\n")
