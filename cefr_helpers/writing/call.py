"""One call of `cefr write`, or of its notebook: everything checked first, then written, then given out in forms."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cefr_helpers.core import locks
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.data import banks
from cefr_helpers.writing import forms, output, writers, writing
from cefr_helpers.writing.candidates import CandidateLog
from cefr_helpers.writing.decisions import Decided
from cefr_helpers.writing.forms import OutputFolder
from cefr_helpers.writing.judge_model import JudgeModel, JudgeServer
from cefr_helpers.writing.judging import Judge
from cefr_helpers.writing.plans import Plan
from cefr_helpers.writing.writing import Outcome


@dataclass(frozen=True)
class Request:
    """What is asked for, and where it goes.

    Attributes:
        forms: from `forms.parse`.
        folder: for forms, and in its folder `made` for candidates, choice and rejects.
        model: as `writers.load` takes it.
        bank: the sentence bank that teaches the level.
        recipe: names the base model of a level that was not trained yet.
        server: the judge model is asked there; None asks nobody.
    """

    plan: Plan
    forms: tuple[str, ...]
    folder: Path
    model: str | None
    bank: str
    workspace: Workspace
    recipe: Recipe
    server: JudgeServer | None = None


def write(request: Request, say: Callable[[str], None] = print) -> tuple[dict, list[Path]]:
    """Write sentences, and the forms of those that were chosen; the choice (`output.as_choice`), and the forms' paths.

    Raises:
        InputError: folder, model or bank can't be used; nothing was written then.
        Busy: another call is at work in the folder.
        DiskFull: there is no room; what was written before is there.
        chat_client.Unavailable: the judge model's server gave up; what was written and answered is there.
    """
    place = check(request)
    with _only_one(request.folder):
        outcome = sample(request, say)
        choice = output.write(outcome, request.folder)
        collection = outcome.collection()
        paths = place.write(collection) if collection.sentences else []
    say("\n".join(output.summary(choice, request.folder)))
    return choice, paths


def write_decided(
    decided: Decided, names: tuple[str, ...], folder: Path, say: Callable[[str], None] = print
) -> list[Path]:
    """Give out in forms what a person decided; the forms' paths.

    Raises:
        InputError, DiskFull: as `OutputFolder`.
    """
    place = OutputFolder(folder, decided.level, names)
    say("\n".join(decided.lines()))
    return place.write(decided.collection())


def check(request: Request) -> OutputFolder:
    """Refuse whatever can't work, before anything is loaded or written; the folder for the forms."""
    place = OutputFolder(request.folder, request.plan.level, request.forms)
    writers.check(request.model)
    banks.find(request.bank, request.plan.level)
    return place


def sample(request: Request, say: Callable[[str], None] = print) -> Outcome:
    """Load what judges and what writes, and write; candidates that are there are not asked for again."""
    plan = request.plan
    judge_model = JudgeModel(request.folder / "made", plan.level, request.server) if request.server else None
    say("Reading the bank and learning its levels ...")
    judge = Judge(request.bank, plan.level, plan.known)
    writer = writers.load(request.model, plan.level, request.workspace, request.recipe)
    say(f"Writing with {writer.name}. {writer.remark}".strip())
    if lost := plan.unsteerable():
        say(f"No form of these can be written out, so they come by chance alone: {', '.join(lost)}")
    log = CandidateLog(request.folder / "made", plan.level, writer)
    outcome = writing.write(plan, writer, judge, log, say, judge_model)
    if set(request.forms).isdisjoint(forms.WITH_GAPS):
        return outcome
    say("Trying other words in the gaps of the chosen sentences ...")
    fits = judge.gap_fits([(one.word, one.text) for one in outcome.chosen], writer)
    return replace(outcome, gap_fits=fits)


def _only_one(folder: Path):
    made = folder / "made"
    try:
        made.mkdir(parents=True, exist_ok=True)
        return locks.exclusive(made / ".lock", "call")
    except OSError as error:
        raise InputError(f"output: {made}: {error.strerror}; expected a writable folder") from None
