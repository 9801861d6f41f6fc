"""Read a person's decisions on chosen sentences: check the file that the page saves, and return its sentences."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError, first_problem, shown
from cefr_helpers.core.levels import check_level
from cefr_helpers.evaluation import human_scale
from cefr_helpers.writing.sentences import Collection, plain, written

ACTIONS = ("accept", "swap", "edit", "reject")
LONGEST = 500  # characters of a sentence
_EXPECTED = "expected the file that the page choose.html saves"


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
    sentence: str = Field(min_length=1, max_length=LONGEST)
    was: str
    pos: str = ""
    meaning: str = ""
    topic: str = ""


class Decided(_Strict):
    """A file of decisions.

    Attributes:
        schema_version: the file's version, called `schema` there.
        undecided: number of sentences that the person did not reach; they are left out.
        votes, key: the same decisions as votes on a page, for the statistics of readers' votes.
    """

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(min_length=1)
    level: str
    decisions: list[Decision]
    undecided: int = Field(ge=0)
    votes: dict[str, Any]
    key: dict[str, Any]

    @field_validator("level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        return check_level(level)

    def collection(self) -> Collection:
        """Return the accepted sentences, in the order of the page."""
        taken = [one for one in self.decisions if one.action != "reject"]
        levels: Iterable[float] = human_scale.load().score([plain(one.sentence) for one in taken]) if taken else []
        made = [
            written(
                one.word,
                one.sentence,
                self.level,
                pos=one.pos,
                meaning=one.meaning,
                topic=one.topic,
                people_level=float(score),
            )
            for one, score in zip(taken, levels, strict=True)
        ]
        return Collection(plain(self.name), self.level, tuple(made))

    def lines(self) -> list[str]:
        """Return the decisions as lines for people."""
        counts = {action: sum(one.action == action for one in self.decisions) for action in ACTIONS}
        told = [", ".join(f"{action}: {count}" for action, count in counts.items())]
        told += [f"Not decided, and left out: {self.undecided}"] if self.undecided else []
        without = [one.text for one in self.collection().sentences if not one.span]
        return told + [f"The sentence does not contain its word, so it gets no gap: {text}" for text in without]


def read(path: Path) -> Decided:
    """Read a file of decisions.

    Raises:
        InputError: it can't be read, is not such a file, or accepts no sentence; names the place and the value.
    """
    values = files.read_json(path, _EXPECTED)
    if not isinstance(values, dict):
        raise InputError(f"{path}: {shown(values)}; {_EXPECTED}")
    try:
        found = Decided.model_validate(values)
    except ValidationError as error:
        place, value, wrong = first_problem(error.errors())
        raise InputError(f"{path}: {place}: {value}: {wrong.lower()}; {_EXPECTED}") from None
    if all(one.action == "reject" for one in found.decisions):
        raise InputError(f"{path}: decisions: no sentence is accepted; expected at least one")
    return found
