"""Choose the sentences for readers: some words of a run, with the sentences of each system."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import ROWS

FILE = "generations.csv"
_COLUMNS = ("row", "prompt", "sample", "slot", "word", "sentence")
_NOT_READ = ("trivial",)
_SAMPLED = "_sampled"
WRITTEN = "written"  # sentences of `cefr write`, from their own table
SYSTEMS = (*ROWS, WRITTEN)
_WEIGHTS = {"tuned": 2, WRITTEN: 2}  # the systems of interest get more sentences than those they are compared with
_BASE = "base"


@dataclass(frozen=True)
class Answer:
    """A system's sentence for a word; `sentence` is empty if there is none."""

    row: str
    prompt: int
    slot: int
    word: str
    sentence: str


@dataclass(frozen=True)
class Choice:
    """The sentences for readers.

    Attributes:
        answers: sentences to judge one by one; an empty one is not shown, and counts as not printable.
        pairs: pairs of sentences for one word, to be compared.
    """

    answers: tuple[Answer, ...]
    pairs: tuple[tuple[Answer, Answer], ...]


def read_table(workspace: Workspace, level: str) -> pd.DataFrame:
    """Return the answers of a run with all their measures, as text, in the file's order.

    Raises:
        InputError: there are none, or the file lacks a column.
    """
    path = workspace.run(level) / FILE
    if not path.is_file():
        raise InputError(f"{path}: missing; `make run LEVELS={level}` writes it")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table ({error}); `make run LEVELS={level}` writes it again") from None
    if missing := [name for name in _COLUMNS if name not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; `make run LEVELS={level}` writes it again")
    return table.assign(**{name: table[name].map(files.from_spreadsheet) for name in ("word", "sentence")})


def read_answers(table: pd.DataFrame, path: Path) -> dict[str, list[Answer]]:
    """Return system -> its greedy answers, one per word, for the systems that readers judge, in the order of ROWS.

    The base without examples is used only if there is no row with examples, because it is too weak to compare with.

    Args:
        table: from `read_table`.
        path: the table's path, for messages.

    Raises:
        InputError: a position is not a whole number, or the tuned model's or the bank's sentences are missing.
    """
    greedy = table[table["sample"].isin(("0", ""))]
    found: dict[str, list[Answer]] = {}
    for row in ROWS:
        if row in _NOT_READ or row.endswith(_SAMPLED):
            continue
        words: dict[str, Answer] = {}
        for one in greedy[greedy["row"] == row].to_dict("records"):
            words.setdefault(one["word"].casefold(), _answer(one, path))
        if words:
            found[row] = list(words.values())
    if lacking := [row for row in ("tuned", "gold") if row not in found]:
        raise InputError(f"{path}: no row {', '.join(lacking)}; expected answers of the tuned model and the bank")
    if any(row.startswith(f"{_BASE}_") for row in found):
        found.pop(_BASE, None)
    return found


def read_written(path: Path, level: str) -> list[Answer]:
    """Return the first sentence for each word of a table that `cefr write` made, with rows numbered from 1 as slots.

    Raises:
        InputError: it is not a table with the columns word and sentence, or has no sentence for the level.
    """
    expected = "expected a .csv with the columns word and sentence, as `make write` writes it"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {expected}") from None
    except ValueError as error:
        raise InputError(f"{path}: not a table ({error}); {expected}") from None
    if missing := [name for name in ("word", "sentence") if name not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; {expected}")
    words: dict[str, Answer] = {}
    for place, one in enumerate(table.to_dict("records"), 1):
        word, sentence = (" ".join(files.from_spreadsheet(one[name]).split()) for name in ("word", "sentence"))
        if word and sentence and one.get("level", level) == level:
            words.setdefault(word.casefold(), Answer(WRITTEN, 0, place, word, sentence))
    if not words:
        raise InputError(f"{path}: no sentence for level {level}; {expected}")
    return list(words.values())


def choose(answers: dict[str, list[Answer]], items: int, pairs: int, seed: int) -> Choice:
    """Draw words, the same ones for all systems as far as possible, and pairs of sentences for them.

    Args:
        answers: from `read_answers`.
        items: number of sentences to judge; the tuned model gets twice as many as each of the others.
        pairs: number of pairs to compare, of the tuned model with each other system in equal numbers.
        seed: the seed by which words are drawn.

    Raises:
        InputError: there are so few items that a system would have none.
    """
    if items < (least := sum(_WEIGHTS.get(row, 1) for row in answers)):
        raise InputError(f"items: {items}; expected at least {least}, for {len(answers)} systems")
    share = items / least
    drawn = {row: _drawn(of, int(share * _WEIGHTS.get(row, 1)), seed) for row, of in answers.items()}
    return Choice(tuple(one for of in drawn.values() for one in of), _pairs(drawn, pairs))


def _answer(values: dict[str, str], path: Path) -> Answer:
    for name in ("prompt", "slot"):
        if not values[name].isdecimal():
            raise InputError(f"{path}: {name} {values[name]!r} at {values['word']!r}; expected a whole number")
    prompt, slot = int(values["prompt"]), int(values["slot"])
    return Answer(values["row"], prompt, slot, values["word"], " ".join(values["sentence"].split()))


def _drawn(answers: Sequence[Answer], count: int, seed: int) -> list[Answer]:
    """Return the first words in an order that depends only on seed and word, so that systems get the same ones."""
    return sorted(answers, key=lambda one: random.Random(f"{seed} {one.word.casefold()}").random())[:count]


def _pairs(drawn: dict[str, list[Answer]], count: int) -> tuple[tuple[Answer, Answer], ...]:
    """Return pairs of the tuned model's sentence with another's; each other system begins at different words."""
    tuned = {one.word.casefold(): one for one in drawn["tuned"]}
    opponents = [row for row in drawn if row != "tuned"]
    made: list[tuple[Answer, Answer]] = []
    for place, row in enumerate(opponents):
        wanted = count // len(opponents) + (place < count % len(opponents))
        both = [(tuned[one.word.casefold()], one) for one in drawn[row] if one.word.casefold() in tuned]
        both = [pair for pair in both if all(one.sentence for one in pair) and pair[0].sentence != pair[1].sentence]
        start = place * len(both) // len(opponents)
        made += (both[start:] + both[:start])[:wanted]
    return tuple(made)
