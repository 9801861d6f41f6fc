"""A reader's votes: one JSON file that the page for readers saves, checked against the page's key."""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cefr_helpers.core.errors import InputError, first_problem, shown
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.rating.keys import Key

SCHEMA: Final = 1
QUESTIONS = ("sense", "meaning", "level")
KINDS = ("teacher", "learner", "researcher", "language_model", "other")
JUDGE: Final = "judge"  # a model behind a server, used by `cefr judge`; not a choice on the page
_EXPECTED = "expected the file that the page for readers saves"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rater(_Strict):
    """The reader: the name as given, and one of KINDS, or JUDGE."""

    name: str = Field(min_length=1, max_length=80)
    kind: Literal["teacher", "learner", "researcher", "language_model", "other", "judge"]


class ItemAnswer(_Strict):
    """Yes or no to the three questions on a sentence.

    Attributes:
        item: the sentence's name on the page.
        sense: whether it makes sense.
        meaning: whether it shows what the word means.
        level: whether it is right for learners at the level.
        seconds: time from seeing it to the last answer.
        at: time of the last answer.
    """

    item: str
    sense: bool
    meaning: bool
    level: bool
    seconds: float = Field(ge=0)
    at: str

    @property
    def printable(self) -> bool:
        """Whether all three answers are yes."""
        return self.sense and self.meaning and self.level


class PairChoice(_Strict):
    """The reader's choice between two sentences.

    Attributes:
        pair: the pair's name on the page.
        chosen: the name of the chosen sentence; None for no difference.
        left: the sentence that was on the left, or above.
        seconds: time from seeing them to the choice.
        at: time of the choice.
    """

    pair: str
    chosen: str | None
    left: str
    seconds: float = Field(ge=0)
    at: str


class Votes(_Strict):
    """One reader's votes on one page.

    Attributes:
        schema_version: the file's version, called `schema` there.
        page: the page's name.
        language: language of the page for this reader.
        started: when the reader began.
        saved: when the file was saved.
    """

    schema_version: Literal[1] = Field(alias="schema")
    page: str
    level: str
    rater: Rater
    language: Literal["en", "tr"]
    started: str
    saved: str
    answers: list[ItemAnswer]
    choices: list[PairChoice]

    @field_validator("level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level not in LEVELS:
            raise ValueError(f"expected one of {', '.join(LEVELS)}")
        return level

    @field_validator("started", "saved")
    @classmethod
    def _a_time(cls, text: str) -> str:
        datetime.fromisoformat(text)
        return text


def parse(values: object, path: Path) -> Votes:
    """Return the votes in the content of a votes file of any page.

    Args:
        path: path of the file, for messages.

    Raises:
        InputError: it is no votes file; the message names the place and the value.
    """
    if not isinstance(values, dict):
        raise InputError(f"{path}: {shown(values)}; {_EXPECTED}")
    try:
        return Votes.model_validate(values)
    except ValidationError as error:
        place, value, wrong = first_problem(error.errors())
        raise InputError(f"{path}: {place}: {value}: {wrong}; {_EXPECTED}") from None


def check(votes: Votes, path: Path, key: Key, key_path: Path) -> None:
    """Refuse votes that are not about the page of a key.

    Args:
        path: path of the votes, for messages.
        key_path: path of the key, for messages.

    Raises:
        InputError: they are about another page, name items that the page does not have, have duplicates, or are empty.
    """
    if votes.page != key.page:
        raise InputError(
            f"{path}: page: {votes.page!r}; the page of {key.level} is {key.page!r} now ({key_path}): these votes are "
            "about other sentences"
        )
    if not votes.answers and not votes.choices:
        raise InputError(f"{path}: answers: none yet; expected some votes")
    _check_names(path, "answers", "item", [one.item for one in votes.answers], key.items.keys())
    _check_names(path, "choices", "pair", [one.pair for one in votes.choices], key.pairs.keys())
    for place, choice in enumerate(votes.choices):
        both = key.pairs[choice.pair]
        for name in ("chosen", "left"):
            value = getattr(choice, name)
            if value not in both and not (name == "chosen" and value is None):
                raise InputError(f"{path}: choices.{place}.{name}: {value!r}; expected one of {', '.join(both)}")


def _check_names(path: Path, part: str, field: str, names: list[str], known) -> None:
    seen = set()
    for place, name in enumerate(names):
        if name not in known:
            raise InputError(f"{path}: {part}.{place}.{field}: {shown(name)}: the page has none of that name")
        if name in seen:
            raise InputError(f"{path}: {part}.{place}.{field}: {name!r}: is there twice; expected each once")
        seen.add(name)
