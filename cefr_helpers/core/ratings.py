"""The record of readers' judgements of a level's sentences: its schema, and how it is written and read."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field

from cefr_helpers.core import code_version, records
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import Interval, Metric, Part

NAME = "ratings"
QUESTIONS = ("sense", "meaning", "level", "printable")
PEOPLE = "people"
LANGUAGE_MODELS = "language_models"
_KEYS = {"schema", "level", "created", "results"}


class Reader(Part):
    """A reader whose votes count.

    Attributes:
        name: as given on the page.
        kind: "teacher", "learner", "researcher", "language_model", "other", or "judge" for a model behind a server.
        answers: number of sentences judged.
        choices: number of pairs compared.
        seconds: median time for a sentence.
    """

    name: str | None = None
    kind: str | None = None
    answers: int | None = None
    choices: int | None = None
    seconds: float | None = None


class SystemRating(Part):
    """The readers' judgement of one system's sentences; shares are of words, each counting the same.

    Attributes:
        words: number of words that readers were asked about.
        judgements: number of readers' answers to the three questions.
        missing: words without a sentence; they count as "no".
        sense: share that makes sense.
        meaning: share that shows what the word means.
        suits_level: share that is right for learners at the level.
        printable: share with yes to all three.
        difference: tuned minus this system in `printable`, over the words that both have.
        words_needed: number of words with votes at which a difference of this size would show with a power of 80 %.
    """

    words: int | None = None
    judgements: int | None = None
    missing: int | None = None
    sense: Metric = Metric()
    meaning: Metric = Metric()
    suits_level: Metric = Metric()
    printable: Metric = Metric()
    difference: Interval = Interval()
    words_needed: int | None = None


class Preference(Part):
    """The tuned model's sentences against another system's for the same words.

    Attributes:
        words: number of words that were compared.
        tuned: choices of the tuned model's sentence.
        other: choices of the other one.
        neither: choices of "no difference".
        win_rate: share of the tuned model's choices; no difference counts half, and each word counts the same.
        p: p value of the sign test over the words that favour one side.
        words_needed: number of words at which a preference of this size would show with a power of 80 %.
    """

    words: int | None = None
    tuned: int | None = None
    other: int | None = None
    neither: int | None = None
    win_rate: Metric = Metric()
    p: float | None = None
    words_needed: int | None = None


class ReaderAgreement(Part):
    """How far readers agree with one another on a question.

    Attributes:
        sentences: number of sentences that at least two readers judged.
        alpha: Krippendorff's alpha for two values; 1 is perfect agreement, 0 agreement by chance.
        same: share of these sentences on which all readers agree.
    """

    sentences: int | None = None
    alpha: float | None = None
    same: float | None = None


class GateAgreement(Part):
    """A gate compared with the readers, on sentences that models wrote; the readers' majority counts.

    Attributes:
        printable: number of sentences that the readers would print.
        unprintable: number of sentences that they would not.
        passed: share of the printable sentences that the gate passes.
        stopped: share of the others that it stops.
        kappa: Cohen's kappa of gate and readers.
    """

    printable: int | None = None
    unprintable: int | None = None
    passed: float | None = None
    stopped: float | None = None
    kappa: float | None = None


class MeasureAgreement(Part):
    """A number computed for a sentence, compared with the readers.

    Attributes:
        printable: number of sentences that the readers would print.
        unprintable: number of sentences that they would not.
        auc: how often a printable sentence has a larger number than an unprintable one of its system; .5 is chance.
    """

    printable: int | None = None
    unprintable: int | None = None
    auc: Metric = Metric()


class JudgeRating(Part):
    """A model as judge, compared with people if people have read the page.

    Attributes:
        name: name of the model.
        kind: "judge" for one behind a server, "language_model" for one that read the page.
        sentences: number of sentences judged by it and by people.
        kappa: Cohen's kappa on "printable".
        true_positive_rate: share of the sentences people would print that it would print.
        true_negative_rate: share of the sentences people would not print that it would not.
        printable: system -> share that it would print.
    """

    name: str | None = None
    kind: str | None = None
    sentences: int | None = None
    kappa: float | None = None
    true_positive_rate: float | None = None
    true_negative_rate: float | None = None
    printable: dict[str, Metric] = {}


class DecisionRating(Part):
    """A person's decisions on sentences of `cefr write`, made on its page: not blind, so they are no reader's votes.

    Attributes:
        name: name of the word list.
        model: the model that wrote the sentences.
        page: name of the page.
        words: number of words whose sentences were decided on.
        decided: number of sentences that were decided on.
        undecided: number of sentences that were not.
        accepted: sentences accepted as they were.
        swapped: sentences for which another candidate was taken.
        edited: sentences that were edited.
        rejected: sentences that were rejected.
        rejected_for: question -> number of sentences rejected for it; only the first reason is known.
        unchanged: share of the decided sentences accepted as they were; each word counts the same.
        seconds: median time for a decision.
    """

    name: str | None = None
    model: str | None = None
    page: str | None = None
    words: int | None = None
    decided: int | None = None
    undecided: int | None = None
    accepted: int | None = None
    swapped: int | None = None
    edited: int | None = None
    rejected: int | None = None
    rejected_for: dict[str, int] = {}
    unchanged: Metric = Metric()
    seconds: float | None = None


class RatingResults(Part):
    """The results of the votes.

    Attributes:
        page: name of the page that was read.
        comparison_created: time of the comparison whose answers were read.
        counted: "people", or "language_models" if no person has read; missing if there are only judges.
        readers: the readers whose votes count.
        systems: system -> the readers' judgement of it.
        preferences: system -> the tuned model against it.
        between_readers: question -> how far readers agree.
        gates: gate -> how far it agrees with the readers.
        measures: column of the table of answers -> how far it agrees with the readers.
        judges: models that judged, apart from the readers.
        decisions: decisions on sentences of `cefr write`, one entry per page; not blind, and in none of the above.
    """

    page: str | None = None
    comparison_created: str | None = None
    counted: str | None = None
    readers: list[Reader] = []
    systems: dict[str, SystemRating] = {}
    preferences: dict[str, Preference] = {}
    between_readers: dict[str, ReaderAgreement] = {}
    gates: dict[str, GateAgreement] = {}
    measures: dict[str, MeasureAgreement] = {}
    judges: list[JudgeRating] = []
    decisions: list[DecisionRating] = []


class RatingsRecord(Part):
    """Written by `cefr rated`.

    Attributes:
        schema_version: version of the schema that the file follows; there it is called `schema`.
        level: CEFR level.
        created: time in UTC, by ISO 8601.
        commit: the project's commit; it ends in "+changes" if files differed from it.
        inputs: file that was read -> its SHA-256.
        results: the readers' judgements.
    """

    schema_version: int | None = Field(default=None, alias="schema")
    level: str | None = None
    created: str | None = None
    commit: str | None = None
    inputs: dict[str, str] = {}
    results: RatingResults = RatingResults()


def write(workspace: Workspace, level: str, inputs: dict[str, str], results: RatingResults) -> None:
    """Write the record of a level; the last copies stay in `history/`.

    Raises:
        ValueError: `results` holds a number that is not finite.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    record = RatingsRecord(
        schema=records.SCHEMA,
        level=level,
        created=created,
        commit=code_version.commit(),
        inputs=inputs,
        results=results,
    )
    records.keep(workspace, level, NAME, created, records.as_text(record.as_dict()))


def read_if_there(workspace: Workspace, level: str) -> RatingsRecord | None:
    """Read the record; None if nobody has read the level's sentences.

    Raises:
        InputError: it is broken.
    """
    path = workspace.record(level, NAME)
    again = f"`make rated` with the votes of level {level} writes it again"
    return records.read_as(path, RatingsRecord, _KEYS, again) if path.is_file() else None


def kinds(readers: Sequence[Reader]) -> dict[str, int]:
    """Return kind -> number of readers of this kind."""
    found = [reader.kind for reader in readers if reader.kind]
    return {kind: found.count(kind) for kind in dict.fromkeys(found)}
