"""Make votes in the file format of the page for readers, from a reader's opinion on each sentence."""

import json
from collections.abc import Callable
from pathlib import Path

from cefr_helpers.rating.keys import Key, KeyItem

AT = "2026-11-27T06:00:00.000Z"


def votes(
    key: Key,
    says: Callable[[KeyItem], tuple[bool, bool, bool]],
    chooses: Callable[[KeyItem, KeyItem], str] = lambda tuned, other: "neither",
    name: str = "A",
    kind: str = "teacher",
) -> dict:
    """Return a reader's votes on everything on a page.

    Args:
        says: sentence -> yes or no to the three questions.
        chooses: the tuned model's sentence and the other -> "tuned", "other" or "neither".
    """
    answers = [
        dict(zip(("item", "sense", "meaning", "level"), (item, *says(one)), strict=True)) | {"seconds": 4.0, "at": AT}
        for item, one in key.items.items()
    ]
    choices = []
    for pair, (tuned, other) in key.pairs.items():
        chosen = {"tuned": tuned, "other": other, "neither": None}[chooses(key.items[tuned], key.items[other])]
        choices.append({"pair": pair, "chosen": chosen, "left": tuned, "seconds": 3.0, "at": AT})
    head = {"schema": 1, "page": key.page, "level": key.level, "rater": {"name": name, "kind": kind}}
    times = {"language": "en", "started": AT, "saved": AT}
    return {**head, **times, "answers": answers, "choices": choices}


def write(path: Path, *args, **kwargs) -> Path:
    """The file of `votes`."""
    path.write_text(json.dumps(votes(*args, **kwargs)), encoding="utf-8")
    return path
