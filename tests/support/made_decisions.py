"""Make decisions in the file format of the page that `cefr write` leaves."""

import json
from pathlib import Path

from made_votes import AT

REASONS = ("sense", "meaning", "level")


def decisions(rows: list[tuple[str, str, str]], name: str = "animals", level: str = "B2", page: str = "p1") -> dict:
    """Return a file's content.

    Args:
        rows: word, chosen sentence and action of each place; the action is "accept", "swap", "edit", or the question
            for which the sentence was rejected.
    """
    made, items, pairs, answers, choices = [], {}, {}, [], []
    for place, (word, was, action) in enumerate(rows):
        took = was if action not in ("swap", "edit") else f"{was} Really."
        made.append({"word": word, "action": "reject" if action in REASONS else action, "sentence": took, "was": was})
        chosen = {"row": "chosen", "prompt": 1, "slot": place + 1, "word": word, "sentence": was}
        times = {"seconds": 2.0, "at": AT}
        if action != "edit":
            items[f"c{place}"] = chosen
        if action == "swap":
            items[f"r{place}"] = chosen | {"row": "runner_up", "sentence": took}
            pairs[f"p{place}"] = [f"r{place}", f"c{place}"]
            choices.append({"pair": f"p{place}", "chosen": f"r{place}", "left": f"c{place}", **times})
        elif action != "edit":
            answers.append({"item": f"c{place}", **{reason: reason != action for reason in REASONS}, **times})
    head = {"page": page, "level": level}
    votes = {"schema": 1, **head, "rater": {"name": "who chose", "kind": "teacher"}, "language": "en", "started": AT}
    votes |= {"saved": AT, "answers": answers, "choices": choices}
    key = {"schema_version": 1, **head, "created": AT, "secret": "", "items": items, "pairs": pairs, "missing": []}
    whole = {"schema": 1, "name": name, "level": level, "model": "B2_model", "decisions": made, "undecided": 3}
    return {**whole, "votes": votes, "key": key}


def write(path: Path, *args, **kwargs) -> Path:
    """The file of `decisions`."""
    path.write_text(json.dumps(decisions(*args, **kwargs)), encoding="utf-8")
    return path
