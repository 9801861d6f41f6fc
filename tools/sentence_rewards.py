"""The reward of a written sentence, from the gates by which the suite judges answers: what GRPO makes a model raise."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from cefr_helpers.evaluation import dev_answers, level_scorers, metrics, summary


@dataclass(frozen=True)
class Rewards:
    """Rewards answers to prompts of one word at a level.

    Attributes:
        level: the requested level.
        scorers: from `level_scorers.train`, with training words only.
        training_sentences: the sentences of all training words of all levels, which must not be copied.
    """

    level: str
    scorers: level_scorers.LevelScorers
    training_sentences: tuple[str, ...]

    def of(self, words: Sequence[str], answers: Sequence[str]) -> list[float]:
        """Return the reward of each answer ("1. A sentence."); it does not depend on the other answers.

        Args:
            words: the word that each answer was to use.
        """
        asked = [[word] for word in words]
        slots = summary.measure({"tuned": list(answers)}, asked, self.level, self.scorers, self.training_sentences)
        return [reward(slot) for slot in slots.to_dict("records")]


def reward(slot: Mapping) -> float:
    """Return the reward of an answer, from 0 to 1.

    0 unless the answer is one numbered sentence that uses its word and copies no training sentence. Then a quarter
    each: for that, if the grammar checker finds nothing, if the sentence is fluent, and for its level. The last falls
    linearly from the requested level on, and is half lost where the level gate closes (`metrics.TOLERANCE`), so that
    there is something to gain on both sides of the gate.

    Args:
        slot: a row of `summary.measure`.
    """
    if not (slot["exact_ten"] and slot["covered"]) or slot["copied"]:
        return 0.0
    distance = abs(slot["level_score"] - slot["target"])
    level = max(0.0, 1 - distance / (2 * metrics.TOLERANCE))
    return (1 + float(slot["harper_clean"]) + float(slot["fluent"]) + level) / 4


@contextmanager
def in_own_process(rewards: Rewards) -> Iterator[Callable[[Sequence[str], Sequence[str]], list[float]]]:
    """Give `rewards.of` as a function that computes in one other process, which keeps its models.

    Unsloth, in the process that trains, would change the model that judges fluency. A call raises MemoryError if the
    process was killed.
    """
    with dev_answers.own_process() as pool:

        def of(words: Sequence[str], answers: Sequence[str]) -> list[float]:
            try:
                return pool.submit(rewards.of, list(words), list(answers)).result()
            except BrokenProcessPool:
                raise MemoryError("judging sentences was killed; the system does so when memory runs out") from None

        yield of
