"""The course of the losses as table rows, each with a remark by rule."""

from cefr_helpers.core.schema import LevelRecords, best, history
from cefr_helpers.rendering import locale
from cefr_helpers.rendering.locale import Wording

FAST = 0.10  # an evaluation lower than the one before by this share of it is a fast improvement
UNCHANGED = 0.0005  # a change below this share is none
SLIGHT = 0.05  # a rise below this share is slight
MOST_ROWS = 24


def rows(held: LevelRecords) -> list[dict]:
    """First training loss, every evaluation with the last training loss logged by then, and the end.

    Returns:
        Rows of {"epoch", "step", "train_loss", "eval_loss", "remarks"}; remarks are keys of the phrases.
    """
    logged, evaluations = history(held, "train_loss"), history(held, "eval_loss")
    lowest = best(held)
    made = []
    for place, entry in enumerate(evaluations):
        earlier = [other["eval_loss"] for other in evaluations[:place]]
        remarks = _remarks(entry, earlier, lowest)
        made.append(_row(entry, _last_by(logged, entry["step"]), entry["eval_loss"], remarks))
    if logged and (not made or logged[0]["step"] < made[0]["step"]):
        made.insert(0, _row(logged[0], logged[0]["train_loss"], None, ["start"]))
    if logged and logged[-1]["step"] > made[-1]["step"]:
        made.append(_row(logged[-1], logged[-1]["train_loss"], None, []))
    if len(made) > 1:
        made[-1]["remarks"].append("last")
    return made


def thinned(made: list[dict]) -> list[dict]:
    """At most MOST_ROWS of the rows, evenly; first, first evaluation, best and last are always among them."""
    if len(made) <= MOST_ROWS:
        return made
    kept = {place for place, row in enumerate(made) if {"start", "first", "best", "last"} & set(row["remarks"])}
    free = MOST_ROWS - len(kept)
    kept |= {round(place * (len(made) - 1) / (free + 1)) for place in range(1, free + 1)}
    return [made[place] for place in sorted(kept)]


def written(made: list[dict], words: Wording) -> list[list[str]]:
    """The rows in words, ready for a Markdown table."""
    nothing = words.phrases["missing"]
    return [
        [
            locale.decimal(row["epoch"], 2, words),
            locale.whole(row["step"], words),
            nothing if row["train_loss"] is None else locale.loss(row["train_loss"], words),
            nothing if row["eval_loss"] is None else locale.loss(row["eval_loss"], words),
            "; ".join(words.phrases["remarks"][remark] for remark in row["remarks"]),
        ]
        for row in made
    ]


def _row(entry: dict, train_loss: float | None, eval_loss: float | None, remarks: list[str]) -> dict:
    losses = {"train_loss": train_loss, "eval_loss": eval_loss}
    return {"epoch": entry.get("epoch"), "step": entry["step"], **losses, "remarks": remarks}


def _last_by(logged: list[dict], step: int) -> float | None:
    by_then = [entry["train_loss"] for entry in logged if entry["step"] <= step]
    return by_then[-1] if by_then else None


def _remarks(entry: dict, earlier: list[float], lowest: dict) -> list[str]:
    found = ["first"] if not earlier else []
    if entry["step"] == lowest["step"]:
        return [*found, "best"]
    return found or [_change(entry["eval_loss"], earlier)]


def _change(loss: float, earlier: list[float]) -> str:
    fall = (earlier[-1] - loss) / earlier[-1]
    if abs(fall) < UNCHANGED:
        return "unchanged"
    if fall < 0:
        return "slight_rise" if -fall < SLIGHT else "rise"
    if loss >= min(earlier):
        return "falling_again"
    return "fast" if fall >= FAST else "improving"
