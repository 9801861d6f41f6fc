"""Take the sentences that a person accepted, swapped or edited out of a file of decisions."""

from collections.abc import Iterable
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.evaluation import human_scale
from cefr_helpers.rating import decisions
from cefr_helpers.rating.decisions import ACTIONS, Decided
from cefr_helpers.writing.sentences import Collection, plain, written


def read(path: Path) -> Decided:
    """Read a file of decisions for the forms.

    Raises:
        InputError: see `rating.decisions.read`, or no sentence is accepted.
    """
    found = decisions.read(path)
    if all(one.action == "reject" for one in found.decisions):
        raise InputError(f"{path}: decisions: no sentence is accepted; expected at least one")
    return found


def collection(decided: Decided) -> Collection:
    """Return the accepted sentences, in the order of the page."""
    taken = [one for one in decided.decisions if one.action != "reject"]
    levels: Iterable[float] = human_scale.load().score([plain(one.sentence) for one in taken]) if taken else []
    made = [
        written(
            one.word,
            one.sentence,
            decided.level,
            pos=one.pos,
            meaning=one.meaning,
            topic=one.topic,
            people_level=float(score),
        )
        for one, score in zip(taken, levels, strict=True)
    ]
    return Collection(plain(decided.name), decided.level, tuple(made))


def lines(decided: Decided, taken: Collection) -> list[str]:
    """Return the decisions as lines for people.

    Args:
        taken: from `collection`.
    """
    counts = {action: sum(one.action == action for one in decided.decisions) for action in ACTIONS}
    told = [", ".join(f"{action}: {count}" for action, count in counts.items())]
    told += [f"Not decided, and left out: {decided.undecided}"] if decided.undecided else []
    without = [one.text for one in taken.sentences if not one.span]
    return told + [f"The sentence does not contain its word, so it gets no gap: {text}" for text in without]
