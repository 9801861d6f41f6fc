"""Let a model in training write for its training words, and choose what its training goes on with.

This is rejection sampling: the sentences are chosen as `cefr write` chooses them, by gates, votes and variety, but by a
level scorer that was taught by training words alone.
"""

import io
import math
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from cefr_helpers.core import files
from cefr_helpers.core.level_run import LevelRun
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.core.schema import DatasetRecord
from cefr_helpers.data import banks, formatting
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.splitting import Split
from cefr_helpers.evaluation import dev_answers, level_scorers
from cefr_helpers.models import model_files, quiet
from cefr_helpers.models.adapters import AdapterSwitcher
from cefr_helpers.writing import writing
from cefr_helpers.writing.candidates import CandidateLog
from cefr_helpers.writing.judging import Candidate, Judge
from cefr_helpers.writing.plans import Plan
from cefr_helpers.writing.writers import Writer
from cefr_helpers.writing.writing import Outcome

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

# docs/lab_log.md says what these gained.
CANDIDATES = 8  # per word
SENTENCES = 2  # chosen per word
KEPT_SHARE = 0.5  # of the chosen ones, those most likely to be printable
USES = 2  # how often each is used, as far as there are training words enough


@dataclass(frozen=True)
class OwnSentences:
    """What a training needs to go on with its model's own sentences.

    Attributes:
        bank_examples: examples of the bank that the training before did not have.
        own_examples: number of examples to make of own sentences.
        words: training words that the model writes for.
        split: the split that they are from.
        recipe: names base model and precision.
        judge: judges what the model writes.
    """

    level: str
    bank_examples: tuple[dict, ...]
    own_examples: int
    words: tuple[str, ...]
    split: Split
    recipe: Recipe
    seed: int
    judge: Judge

    def write(self, adapter: Path, folder: Path) -> tuple[list[dict], dict]:
        """Return examples of sentences that the adapter writes, none if too few pass, and the numbers of the record.

        It runs in a process of its own, where no library is patched. Sentences that are in the folder are not written
        again.

        Raises:
            MemoryError: the process was killed.
        """
        started = time.monotonic()
        context = get_context("spawn")
        lines = context.SimpleQueue()
        try:
            with ProcessPoolExecutor(1, context, _begin, (os.getpid(), lines)) as pool:
                written = pool.submit(_write, self, adapter, folder)
                while not _shown_until(written, lines):
                    pass
                outcome = written.result()
        except BrokenProcessPool:
            raise MemoryError("writing own sentences was killed; the system does so when memory runs out") from None
        examples = self._examples(best(outcome.chosen))
        numbers = {
            "own_examples": len(examples),
            "words": len(self.words),
            "candidates": len(outcome.candidates),
            "sentences": len({line for one in examples for line in one["sentence_ids"]}),
            "writing_s": time.monotonic() - started,
        }
        return examples, numbers

    def _examples(self, kept: dict[str, tuple[str, ...]]) -> list[dict]:
        """Return examples whose words are dealt like those of a bank."""
        if len(kept) < formatting.WORDS_PER_EXAMPLE:
            return []
        bank = Bank("own sentences", kept, (), len(kept), sum(map(len, kept.values())))
        only_own = replace(self.split, parts={"train": {self.level: tuple(sorted(kept))}})
        return list(formatting.draw_examples(bank, only_own, self.level, "train", self.own_examples, self.seed))


def prepare(run: LevelRun, dataset: DatasetRecord, sentence_bank: str) -> OwnSentences | None:
    """Make what a training with own sentences needs; None if the recipe has no `self_training_examples`.

    Args:
        run: the training's run, whose inputs the banks become.

    Raises:
        InputError: a bank is missing or wrong, or not the one from which the examples were drawn.
    """
    if not run.settings.self_training_examples:
        return None
    paths = banks.find(sentence_bank, run.level)
    run.add_inputs(paths.values())
    found = banks.read_all(paths)
    split = level_scorers.split_again(found, dataset, run.settings, run.seed)
    return of_banks(found, split, run.settings, run.level, run.seed)


def of_banks(found: dict[str, Bank], split: Split, settings: Recipe, level: str, seed: int) -> OwnSentences:
    """Make what a training with own sentences needs, from the banks of all levels and their split."""
    own = settings.self_training_examples // 2
    seen, more = settings.train_examples, settings.self_training_examples - own
    drawn = formatting.draw_examples(found[level], split, level, "train", seen + more, seed)
    return OwnSentences(
        level,
        tuple(drawn[seen:]),
        own,
        some_words(split.words(level, "train"), own, seed),
        split,
        settings,
        seed,
        Judge.of_training_words(found, level_scorers.sentences_of(found, split), level),
    )


def some_words(words: Sequence[str], own_examples: int, seed: int) -> tuple[str, ...]:
    """Return as many words as give each kept sentence USES uses, in random order; at least those of two examples.

    Args:
        own_examples: number of examples to make of the sentences.
    """
    wanted = math.ceil(own_examples * formatting.WORDS_PER_EXAMPLE / (USES * SENTENCES * KEPT_SHARE))
    count = min(len(words), max(wanted, 2 * formatting.WORDS_PER_EXAMPLE))
    return tuple(random.Random(f"{seed}/own sentences").sample(sorted(words), count))


def best(chosen: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
    """Return the share of the sentences that is most likely to be printable: word -> its sentences, the best first."""
    ranked = sorted(chosen, key=lambda one: (-one.printable, one.word, one.text))
    kept: dict[str, tuple[str, ...]] = {}
    for one in ranked[: math.ceil(len(ranked) * KEPT_SHARE)]:
        kept[one.word] = (*kept.get(one.word, ()), one.text)
    return kept


class _Lines(io.TextIOBase):
    """Standard output of the process that writes: a notebook shows only what its own process prints."""

    def __init__(self, lines: "SimpleQueue[str]"):
        self._lines = lines

    def write(self, text: str) -> int:
        if text.strip():
            self._lines.put(text.rstrip("\n"))
        return len(text)


def _begin(parent: int, lines: "SimpleQueue[str]") -> None:
    dev_answers.begin(parent)
    sys.stdout = _Lines(lines)


def _shown_until(written: Future, lines: "SimpleQueue[str]") -> bool:
    """Print lines that the other process printed, and return whether it has finished."""
    done = bool(wait([written], timeout=1).done)
    while not lines.empty():
        print(f"Self-training: {lines.get()}", flush=True)
    return done


def _write(of: OwnSentences, adapter: Path, folder: Path) -> Outcome:
    """Return what was written and chosen, computed in this process."""
    quiet.libraries()
    models = AdapterSwitcher()
    models.use(of.recipe, None)
    models.switch_on(adapter)
    writer = Writer(models, adapter.name, files.sha256(adapter / model_files.ADAPTER_WEIGHTS), "")
    plan = Plan("own sentences", of.words, of.level, SENTENCES, candidates=CANDIDATES, seed=of.seed)
    log = CandidateLog(folder, of.level, writer)
    return writing.write(plan, writer, of.judge, log)
