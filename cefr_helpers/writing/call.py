"""Run a call of `cefr write` or of its notebook: check everything, write sentences, then make the forms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cefr_helpers.core import locks
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.data import banks
from cefr_helpers.rating.decisions import Decided
from cefr_helpers.writing import decisions, forms, gaps, judging, output, writers, writing
from cefr_helpers.writing.candidates import CandidateLog
from cefr_helpers.writing.forms import OutputFolder
from cefr_helpers.writing.judge_model import JudgeModel, JudgeServer
from cefr_helpers.writing.judging import Candidate, Judge
from cefr_helpers.writing.plans import Plan
from cefr_helpers.writing.sentences import WrittenSentence
from cefr_helpers.writing.writers import Writer
from cefr_helpers.writing.writing import Outcome


@dataclass(frozen=True)
class FormsRequest:
    """Which forms to make, where, and with what.

    Attributes:
        forms: from `forms.parse`.
        folder: output folder for the forms.
        model: see `writers.load`.
        bank: the sentence bank that defines the level.
        recipe: names the base model of a level that was not trained yet.
    """

    forms: tuple[str, ...]
    folder: Path
    model: str | None
    bank: str
    workspace: Workspace
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class Request(FormsRequest):
    """What to write; the folder `made` in the output folder gets candidates, choice and rejects.

    Attributes:
        server: the judge model is asked there; None asks nobody.
    """

    plan: Plan
    server: JudgeServer | None = None


@dataclass(frozen=True, kw_only=True)
class DecidedRequest(FormsRequest):
    """Which decisions to make forms of; model, bank and recipe only measure whether gaps ask for their words."""

    decided: Decided


def write(request: Request, say: Callable[[str], None] = print) -> tuple[dict, list[Path]]:
    """Write sentences and the forms of the chosen ones; return the choice (`output.as_choice`) and the forms' paths.

    Raises:
        InputError: folder, model or bank can't be used; nothing was written then.
        Busy: another call is running in the folder.
        DiskFull: there is no room; what was written before is kept.
        chat_client.Unavailable: the judge model's server failed; what was written and answered is saved.
    """
    place = check(request)
    with _only_one(request.folder):
        outcome = sample(request, say)
        choice = output.write(outcome, request.folder)
        collection = outcome.collection()
        paths = place.write(collection) if collection.sentences else []
    say("\n".join(output.summary(choice, request.folder)))
    return choice, paths


def write_decided(request: DecidedRequest, say: Callable[[str], None] = print) -> list[Path]:
    """Make the forms of a person's decisions, and return their paths; a model is loaded only for forms with gaps.

    Raises:
        InputError: folder, model or bank can't be used; nothing was written then.
        DiskFull: there is no room; what was written before is kept.
    """
    decided = request.decided
    with_gaps = forms.need_gaps(request.forms)
    place = _checked(request, decided.level, with_model=with_gaps)
    collection = decisions.collection(decided)
    say("\n".join(decisions.lines(decided, collection)))
    if with_gaps:
        words = judging.level_words(request.bank, decided.level)
        writer = writers.load(request.model, decided.level, request.workspace, request.recipe)
        collection = collection.with_gap_fits(_gap_fits(collection.sentences, words, writer, say))
    return place.write(collection)


def check(request: Request) -> OutputFolder:
    """Refuse what can't work, before anything is loaded or written, and return the folder for the forms."""
    return _checked(request, request.plan.level, with_model=True)


def _checked(request: FormsRequest, level: str, with_model: bool) -> OutputFolder:
    place = OutputFolder(request.folder, level, request.forms)
    if with_model:
        writers.check(request.model)
        banks.find(request.bank, level)
    return place


def sample(request: Request, say: Callable[[str], None] = print) -> Outcome:
    """Load judge and writer, and write; saved candidates are not generated again."""
    plan = request.plan
    judge_model = JudgeModel(request.folder / "made", plan.level, request.server) if request.server else None
    say("Reading the bank and learning its levels ...")
    judge = Judge.of_bank(request.bank, plan.level, plan.known)
    writer = writers.load(request.model, plan.level, request.workspace, request.recipe)
    say(f"Writing with {writer.name}. {writer.remark}".strip())
    if lost := plan.unsteerable():
        say(f"No form of these words can be written out, so they occur only by chance: {', '.join(lost)}")
    log = CandidateLog(request.folder / "made", plan.level, writer)
    outcome = writing.write(plan, writer, judge, log, say, judge_model)
    if not forms.need_gaps(request.forms):
        return outcome
    return replace(outcome, gap_fits=_gap_fits(outcome.chosen, judge.words, writer, say))


def _gap_fits(
    chosen: Sequence[Candidate | WrittenSentence], words: Sequence[str], writer: Writer, say: Callable[[str], None]
) -> dict[tuple[str, str], bool]:
    say("Trying other words in the gaps of the chosen sentences ...")
    return gaps.fits([(one.word, one.text) for one in chosen], words, writer)


def _only_one(folder: Path):
    made = folder / "made"
    try:
        made.mkdir(parents=True, exist_ok=True)
        return locks.exclusive(made / ".lock", "call")
    except OSError as error:
        raise InputError(f"output: {made}: {error.strerror}; expected a writable folder") from None
