"""Judge a training's answers to prompts of development words by Joint Success, as the comparison judges its answers."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

from cefr_helpers.core import locks
from cefr_helpers.core.level_run import LevelRun
from cefr_helpers.core.recipes import JOINT_SUCCESS
from cefr_helpers.core.schema import DatasetRecord
from cefr_helpers.data import banks, formatting
from cefr_helpers.evaluation import level_scorers, summary


@dataclass(frozen=True)
class DevAnswers:
    """Prompts of development words, and what judges the answers to them.

    Attributes:
        level: the requested level.
        prompts: prompts without answers.
        scorers: from `level_scorers.train`.
        training_sentences: the sentences of all training words of all levels.
        preparation_s: seconds that it took to make this.
    """

    level: str
    prompts: list[dict]
    scorers: level_scorers.LevelScorers | None
    training_sentences: tuple[str, ...]
    preparation_s: float

    def passed(self, answers: Sequence[str]) -> list[bool]:
        """Return for each requested word whether its slot passes all gates, one prompt after another.

        They are judged in a separate process, where no library is patched, and on the CPU: in the process that trains,
        Unsloth would change the model that judges fluency, and the GPU's memory is for the training.

        Raises:
            MemoryError: the process was killed.
        """
        try:
            with own_process() as pool:
                return pool.submit(judge, self, list(answers)).result()
        except BrokenProcessPool:
            raise MemoryError(
                "judging the development answers was killed; the system does so when memory runs out"
            ) from None


def prepare(
    run: LevelRun, dataset: DatasetRecord, development: Sequence[dict], sentence_bank: str
) -> DevAnswers | None:
    """Make what a training by Joint Success needs; None if the recipe keeps the checkpoint with the lowest loss.

    Args:
        run: the training's run, whose inputs the banks become.
        development: the development examples.

    Raises:
        InputError: a bank is missing or wrong, or not the one from which the examples were drawn.
    """
    settings = run.settings
    if settings.keep_best_by != JOINT_SUCCESS:
        return None
    started = time.monotonic()
    files = banks.find(sentence_bank, run.level)
    run.add_inputs(files.values())
    rows = level_scorers.training_rows(banks.read_all(files), dataset, settings, run.seed)
    scorers = level_scorers.train(rows, run.seed, with_quality=False)
    prompts = make_prompts(run.level, development, settings.generation_prompts)
    return DevAnswers(run.level, prompts, scorers, rows.sentences, time.monotonic() - started)


def make_prompts(level: str, development: Sequence[dict], at_most: int) -> list[dict]:
    """Return prompts with as many words as the examples have, each word once; words left over are not requested."""
    words = list(dict.fromkeys(word for example in development for word in example["words"]))
    count = len(development[0]["words"])
    groups = [words[start : start + count] for start in range(0, len(words) - count + 1, count)]
    return [{**formatting.make_prompt(level, group), "words": group} for group in groups[:at_most]]


def judge(of: DevAnswers, answers: list[str]) -> list[bool]:
    """Return what `DevAnswers.passed` returns, computed in this process."""
    words = [prompt["words"] for prompt in of.prompts]
    slots = summary.measure({"tuned": answers}, words, of.level, of.scorers, of.training_sentences)
    return [bool(passed) for passed in slots["joint_success"]]


def own_process() -> ProcessPoolExecutor:
    """Return a process that judges, without the libraries' patches and without the GPU; it ends with this one."""
    return ProcessPoolExecutor(1, get_context("spawn"), _begin, (os.getpid(),))


def _begin(parent: int) -> None:
    begin(parent)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def begin(parent: int) -> None:
    """Let this process end with its parent, and undo what Unsloth set in the environment there."""
    locks.die_with_parent(9, parent)
    os.environ.pop("HF_HUB_ENABLE_HF_TRANSFER", None)  # Unsloth sets it, and the hub's library warns of it each time
