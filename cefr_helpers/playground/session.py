"""The logic of the playground notebook: words, answers of base and tuned model, and their marks."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.level_records import read_level
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import Recipe, load_recipe, recorded
from cefr_helpers.core.records import AnyRecord
from cefr_helpers.data import banks, formatting, splitting, word_lists
from cefr_helpers.evaluation import level_scorers, summary
from cefr_helpers.models.adapters import AdapterSwitcher
from cefr_helpers.playground import favourites

if TYPE_CHECKING:
    import pandas

MOST_WORDS = formatting.WORDS_PER_EXAMPLE


@dataclass(frozen=True)
class Judge:
    """What is needed to mark answers: level scorers (None for a bank of one level), and the training sentences."""

    scorers: level_scorers.LevelScorers | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class PlaygroundAnswer:
    """The answers to one prompt.

    Attributes:
        words: the requested words.
        texts: "base" and, if there is an adapter, "tuned" -> the unprocessed answer.
        slots: from `summary.measure`, one row per word of each answer.
        alone: why only the base answered; None if both did.
        decoding: text for people, such as "greedy".
    """

    level: str
    words: tuple[str, ...]
    texts: dict[str, str]
    slots: "pandas.DataFrame"
    scorers: level_scorers.LevelScorers | None
    alone: str | None
    decoding: str


class Playground:
    """The state of one open playground: the loaded model, the judges, and the words drawn so far.

    Args:
        recipe: the recipe for levels without records; others use the one in their records.
        level: a level of the bank; a bank of one file counts as this level.

    Raises:
        InputError: recipe, bank or level are not usable.
    """

    def __init__(self, workspace: Workspace, level: str, recipe: str, sentence_bank: str, seed: int):
        self.workspace = workspace
        self.level = check_level(level)
        self.files = banks.find(sentence_bank, level)
        self._recipe, self._seed = load_recipe(recipe), seed
        self._speakers = AdapterSwitcher()
        self._banks: dict[str, banks.Bank] | None = None
        self._judges: dict[str, Judge] = {}
        self._random = random.Random(seed)
        self._takes = 0

    def overview(self) -> list[dict]:
        """Return a row per level of the bank: whether it has formatted data and an adapter, and how many favourites."""
        return [
            {
                "level": level,
                "formatted data": self.workspace.formatted_file(level, "eval").is_file(),
                "adapter": self.adapter_name(level) or "none yet",
                "favourites": len(favourites.read(self.workspace.favourites(level), level)),
            }
            for level in self.files
        ]

    def adapter_name(self, level: str) -> str | None:
        """Return the adapter of the level's training record, or None."""
        return read_level(self.workspace, level).training.results.adapter.name

    def held_out_words(self, level: str) -> tuple[list[str], str]:
        """Return the test words of a level, sorted, and where they come from (for people).

        They are those of the last formatted data, or if there is none, those that the recipe would hold out.
        """
        path = self.workspace.formatted_file(level, "eval")
        if path.is_file():
            words = {word for example in formatting.read_examples(path) for word in example["words"]}
            return sorted(words), "held out in the last formatted data"
        settings, seed = self.settings(level, ["dataset"])
        split = self._split(settings, seed)
        return sorted(split.words(level, "eval")), "that 01_data_formatting would hold out (it has not been run yet)"

    def draw(self, level: str, count: int) -> tuple[list[str], str]:
        """Return some of the held-out words, different ones each time, and where they come from."""
        words, origin = self.held_out_words(level)
        return self._random.sample(words, min(count, len(words))), origin

    def settings(self, level: str, stages: Sequence[str] = ("training", "dataset")) -> tuple[Recipe, int]:
        """Return recipe and seed of the first of these stages that has a record, or else those of the notebook."""
        for name in stages:
            record = records.read_if_there(self.workspace, level, name)
            if record and (found := _recipe_of(record)):
                return found, required(record.seed)
        return self._recipe, self._seed

    def ask(
        self,
        level: str,
        words: Sequence[str],
        temperature: float = 0.0,
        max_new_tokens: int | None = None,
        say: Callable[[str], None] = print,
    ) -> PlaygroundAnswer:
        """Let the base and, if there is one, the tuned model answer one prompt, and mark the answers.

        Args:
            words: checked by `parse_words`.
            temperature: 0 for greedy; above 0, each call draws anew, base and tuned with the same seed.
            max_new_tokens: by default the recipe's.
            say: called with progress messages.

        Raises:
            InputError: the level's data or base model can't be used.
        """
        settings, seed = self.settings(level)
        say("Getting the model ready …")
        alone = self._speakers.use(settings, records.read_if_there(self.workspace, level, "training"))
        judge = self._judge(level, say)
        example = formatting.make_prompt(level, words)
        take = seed + self._takes
        self._takes += bool(temperature)
        texts = {}
        for who in ("base",) if alone else ("base", "tuned"):
            say(f"The {who} model is writing …")
            length = max_new_tokens or settings.max_new_tokens
            texts[who] = self._speakers.answer(example, who == "tuned", length, temperature, take)
        answers = {who: [text] for who, text in texts.items()}
        slots = summary.measure(answers, [list(words)], level, judge.scorers, judge.sentences)
        decoding = f"sampled at temperature {temperature:g}, seed {take}" if temperature else "greedy"
        return PlaygroundAnswer(level, tuple(words), texts, slots, judge.scorers, alone, decoding)

    def _judge(self, level: str, say: Callable[[str], None]) -> Judge:
        settings, seed = self.settings(level, ["dataset"])
        dataset = records.read_if_there(self.workspace, level, "dataset")
        split = (settings.split, settings.held_out_share, settings.dev_share, seed)
        key = f"{split} {dataset and dataset.results.split.hash}"
        if key not in self._judges:
            say("Training the level scorer on the bank's training words (once, some seconds) …")
            if dataset is not None:
                rows = level_scorers.training_rows(self._all_banks(), dataset, settings, seed)
            else:
                rows = level_scorers.sentences_of(self._all_banks(), self._split(settings, seed))
            self._judges[key] = Judge(level_scorers.train(rows, seed, with_quality=False), rows.sentences)
        return self._judges[key]

    def _split(self, settings: Recipe, seed: int) -> splitting.Split:
        shares = (settings.held_out_share, settings.dev_share)
        return splitting.split_groups(self._all_banks(), settings.split, *shares, seed)

    def _all_banks(self) -> dict[str, banks.Bank]:
        if self._banks is None:
            self._banks = banks.read_all(self.files)
        return self._banks


def parse_words(text: str) -> list[str]:
    """Return the words or phrases that a person typed, separated by commas, semicolons or line breaks.

    Raises:
        InputError: there are none, or more than MOST_WORDS, or one can't be a word.
    """
    words = word_lists.of_box(text)
    if not 1 <= len(words) <= MOST_WORDS:
        raise InputError(f"words: {len(words)} of them; expected 1 to {MOST_WORDS}, with commas between")
    return words


def _recipe_of(record: AnyRecord) -> Recipe | None:
    """Return a stage's recipe; None if its record does not have all of it, as for an adopted run."""
    values = {key: recorded(record.recipe, key) for key in Recipe.model_fields}
    try:
        return Recipe.model_validate(values)
    except ValidationError:
        return None
