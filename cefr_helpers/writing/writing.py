"""From a plan to chosen sentences: rounds of sampling, judging and choosing, until each word has its sentences."""

from collections.abc import Callable
from dataclasses import dataclass

from cefr_helpers.writing import plans, selection
from cefr_helpers.writing.candidates import CandidateLog
from cefr_helpers.writing.judging import Candidate, Judge
from cefr_helpers.writing.plans import Plan
from cefr_helpers.writing.selection import Choice
from cefr_helpers.writing.sentences import Collection, WrittenSentence, written
from cefr_helpers.writing.writers import Writer


@dataclass(frozen=True)
class Outcome:
    """What was written for a plan.

    Attributes:
        writer, remark: the model's name, and what people should know of it.
        candidates: all that were judged.
    """

    plan: Plan
    writer: str
    remark: str
    candidates: tuple[Candidate, ...]
    choice: Choice

    def collection(self) -> Collection:
        """The chosen sentences, in the order of the list."""
        own = [one for word in self.plan.words for one in self.choice.chosen[word]]
        return Collection(self.plan.name, self.plan.level, tuple(as_written(self.plan, one) for one in own))


def write(plan: Plan, writer: Writer, judge: Judge, log: CandidateLog, say: Callable[[str], None] = print) -> Outcome:
    """Sample, judge and choose until each word has its sentences or ROUNDS are over.

    Args:
        log: what it holds already is not asked for again.
    """
    judged: dict[str, list[Candidate]] = {word: [] for word in plan.words}
    choice, todo = None, list(plan.words)
    for number in range(1, plans.ROUNDS + 1):
        say(f"Round {number}: {len(todo)} words, {plan.candidates * number} candidates for each")
        log.sample(todo, plan.candidates * number, plan.seed, say)
        # judged together: a batch is far faster than its parts
        fresh = [(word, order, text) for word in todo for order, text in _new(log, word, judged, plan, number)]
        for one in judge.judge(fresh, writer):
            judged[one.word].append(one)
        choice = selection.choose(plan.words, [one for own in judged.values() for one in own], plan.sentences)
        todo = list(choice.lacking(plan.sentences))
        if not todo:
            break
    everything = tuple(one for own in judged.values() for one in own)
    return Outcome(plan, writer.name, writer.remark, everything, choice)


def as_written(plan: Plan, one: Candidate) -> WrittenSentence:
    """A candidate as forms take it, with what the list says of its word."""
    return written(one.word, one.text, plan.level, people_level=one.people_level, **plan.details.get(one.word, {}))


def _new(log: CandidateLog, word: str, judged: dict, plan: Plan, number: int) -> list[tuple[int, str]]:
    """The candidates of a word that this round adds; a log may hold more, of an earlier run with other settings."""
    own = list(enumerate(log.of(word)))[: plan.candidates * number]
    return own[len(judged[word]) :]
