"""Turn a plan into chosen sentences: sample, judge and choose in rounds, until each word has its sentences."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cefr_helpers.core.errors import required
from cefr_helpers.writing import plans, selection
from cefr_helpers.writing.candidates import CandidateLog
from cefr_helpers.writing.judge_model import JudgeModel
from cefr_helpers.writing.judging import Candidate, Judge
from cefr_helpers.writing.plans import Plan
from cefr_helpers.writing.selection import Choice
from cefr_helpers.writing.sentences import Collection, WrittenSentence, written
from cefr_helpers.writing.writers import Writer


@dataclass(frozen=True)
class Outcome:
    """The sentences written for a plan.

    Attributes:
        writer, remark: the model's name, and what people should know about it.
        candidates: all judged candidates.
        judge_model: the name of the model behind a server that judged the chosen sentences, if any.
        gap_fits: (word, sentence) -> whether only the word fits its gap, for chosen sentences, if measured.
    """

    plan: Plan
    writer: str
    remark: str
    candidates: tuple[Candidate, ...]
    choice: Choice
    judge_model: str | None = None
    gap_fits: dict[tuple[str, str], bool] = field(default_factory=dict)

    @property
    def chosen(self) -> list[Candidate]:
        """Return the chosen candidates, in the order of the list."""
        return [one for word in self.plan.words for one in self.choice.chosen[word]]

    def collection(self) -> Collection:
        """Return the chosen sentences, in the order of the list."""
        own = (self._written(one) for one in self.chosen)
        return Collection(self.plan.name, self.plan.level, tuple(own))

    def _written(self, one: Candidate) -> WrittenSentence:
        """Return a candidate as forms use it, with the list's details of its word."""
        details, fits = self.plan.details.get(one.word, {}), self.gap_fits.get((one.word, one.text))
        return written(one.word, one.text, self.plan.level, people_level=one.people_level, gap_fits=fits, **details)


def write(
    plan: Plan,
    writer: Writer,
    judge: Judge,
    log: CandidateLog,
    say: Callable[[str], None] = print,
    judge_model: JudgeModel | None = None,
) -> Outcome:
    """Sample, judge and choose until each word has its sentences or ROUNDS are over.

    Args:
        log: saved candidates, which are not generated again.
        judge_model: rejects sentences that pass the gates; None: no model is asked.
    """
    judged: dict[str, list[Candidate]] = {word: [] for word in plan.words}
    choice, todo = None, list(plan.words)
    for number in range(1, plans.ROUNDS + 1):
        say(f"Round {number}: {len(todo)} words, {plan.candidates * number} candidates for each")
        log.sample(todo, plan.candidates * number, plan.seed, say)
        # judge together, because a batch is far faster than its parts
        fresh = [(word, order, text) for word in todo for order, text in _new(log, word, judged, plan, number)]
        for one in judge.judge(fresh):
            judged[one.word].append(one)
        choice = choose(plan, judged, judge_model, say)
        todo = list(choice.lacking(plan.sentences))
        if not todo:
            break
    everything = tuple(one for own in judged.values() for one in own)
    by = judge_model.name if judge_model else None
    return Outcome(plan, writer.name, writer.remark, everything, required(choice), by)


def choose(
    plan: Plan, judged: dict[str, list[Candidate]], judge_model: JudgeModel | None, say: Callable[[str], None]
) -> Choice:
    """Choose, and choose again without sentences that the judge model rejects, until it rejects none of the choice."""
    while True:
        choice = selection.choose(plan.words, [one for own in judged.values() for one in own], plan.sentences)
        chosen = [one for own in choice.chosen.values() for one in own]
        refused = judge_model.refused(chosen, say) if judge_model else {}
        if not refused:
            return choice
        for word, own in judged.items():
            judged[word] = [
                replace(one, reason="refused", detail=refused[key]) if (key := (one.word, one.text)) in refused else one
                for one in own
            ]


def _new(log: CandidateLog, word: str, judged: dict, plan: Plan, number: int) -> list[tuple[int, str]]:
    """Return a word's candidates that this round adds; the log may hold more, from a run with other settings."""
    own = list(enumerate(log.of(word)))[: plan.candidates * number]
    return own[len(judged[word]) :]
