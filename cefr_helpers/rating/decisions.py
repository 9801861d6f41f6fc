"""A person's decisions on written sentences: the file that the page `choose.html` of `cefr write` saves.

The page shows what a program chose, with its runners-up, so decisions are not blind, and never count as readers' votes.
"""

from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError, first_problem, shown
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.ratings import DecisionRating
from cefr_helpers.core.schema import Metric
from cefr_helpers.evaluation import intervals
from cefr_helpers.rating import votes
from cefr_helpers.rating.keys import Key
from cefr_helpers.rating.votes import ItemAnswer, Votes

ACTIONS = ("accept", "swap", "edit", "reject")
_LONGEST = 500  # characters of a sentence
_EXPECTED = "expected the file that the page choose.html saves"
_Model = TypeVar("_Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Decision(_Strict):
    """The decision on one of a word's sentences.

    Attributes:
        sentence: the accepted sentence: the chosen one, another candidate, or an edited one; if rejected, the chosen.
        was: the sentence that the program chose.
    """

    word: str = Field(min_length=1)
    action: Literal["accept", "swap", "edit", "reject"]
    sentence: str = Field(min_length=1, max_length=_LONGEST)
    was: str
    pos: str = ""
    meaning: str = ""
    topic: str = ""


class Decided(_Strict):
    """A file of decisions.

    Attributes:
        schema_version: the file's version, called `schema` there.
        model: the model that wrote; empty in files of earlier versions.
        undecided: number of sentences that the person did not reach; they are left out.
        votes, key: the same decisions as votes on a page, see `votes_of`.
    """

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(min_length=1)
    level: str
    model: str = ""
    decisions: list[Decision]
    undecided: int = Field(ge=0)
    votes: dict[str, Any]
    key: dict[str, Any]

    @field_validator("level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        return check_level(level)


def read(path: Path) -> Decided:
    """Read a file of decisions.

    Raises:
        InputError: it can't be read, or is not such a file; names the place and the value.
    """
    return parse(files.read_json(path, _EXPECTED), path)


def parse(values: object, path: Path) -> Decided:
    """Return the decisions in the content of a file, as `read` does.

    Raises:
        InputError: as `read`.
    """
    if not isinstance(values, dict):
        raise InputError(f"{path}: {shown(values)}; {_EXPECTED}")
    return _checked(Decided, values, f"{path}: ")


def is_such(values: object) -> bool:
    """Return whether the content of a file is one of decisions, right or wrong, and not one of votes."""
    return isinstance(values, dict) and "decisions" in values


def rating(decided: Decided, path: Path) -> DecisionRating:
    """Return what decisions say of the chosen sentences: how many were taken as they were, and why not.

    Of a rejected sentence only one reason is known, and a swap says which of two sentences is preferred only where the
    first did not please; so there are no shares of the three questions and no win rate, as there are for readers.

    Args:
        path: path of the file, for messages.

    Raises:
        InputError: the votes in the file are no such votes, or say something else than the decisions.
    """
    answers = _answers(decided, path)
    made = decided.decisions
    counts = {action: sum(one.action == action for one in made) for action in ACTIONS}
    unchanged = intervals.share_over_clusters([one.action == "accept" for one in made], [one.word for one in made])
    wrong = {question: sum(not getattr(one, question) for one in answers) for question in votes.QUESTIONS}
    return DecisionRating(
        name=decided.name,
        model=decided.model or None,
        page=decided.votes["page"],
        words=len({one.word for one in made}),
        decided=len(made),
        undecided=decided.undecided,
        accepted=counts["accept"],
        swapped=counts["swap"],
        edited=counts["edit"],
        rejected=counts["reject"],
        rejected_for={question: count for question, count in wrong.items() if count},
        unchanged=Metric(value=unchanged["estimate"], low=unchanged["low"], high=unchanged["high"]),
        seconds=median(one.seconds for one in answers) if answers else None,
    )


def _answers(decided: Decided, path: Path) -> list[ItemAnswer]:
    """Return the answers in the file: one for each sentence that was accepted or rejected."""
    voted = _checked(Votes, decided.votes, f"{path}: votes.")
    key = _checked(Key, decided.key, f"{path}: key.")
    if not decided.decisions:
        raise InputError(f"{path}: decisions: none yet; expected some")
    if voted.level != decided.level:
        raise InputError(f"{path}: votes.level: {voted.level!r}; expected {decided.level!r}, as above")
    if voted.answers or voted.choices:
        votes.check(voted, path, key, path)
    said = {(item.word, item.sentence): answer for answer in voted.answers for item in [key.items[answer.item]]}
    for number, one in enumerate(decided.decisions):
        answer = said.pop((one.word, one.was), None)
        expected = {"accept": True, "reject": False}.get(one.action)
        if (answer and answer.printable) != expected:
            raise InputError(
                f"{path}: decisions.{number}.action: {one.action!r}; the votes in the file say something else about "
                f"{shown(one.was)}; {_EXPECTED}, unchanged"
            )
    if said:
        raise InputError(f"{path}: votes.answers: {len(said)} about no decision; {_EXPECTED}, unchanged")
    return voted.answers


def _checked(model: type[_Model], values: dict, where: str) -> _Model:
    """Return values as a model; `where` begins the message about what is wrong with them."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        place, value, wrong = first_problem(error.errors())
        raise InputError(f"{where}{place}: {value}: {wrong.lower()}; {_EXPECTED}") from None
