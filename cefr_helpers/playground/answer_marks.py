"""What people are told of each sentence of an answer: word use, level score, errors, copies; as text and as HTML."""

import html
import math

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import level_scorers
from cefr_helpers.text import grammar

Mark = tuple[bool, str]
_COLOURS = {True: "var(--jp-success-color1, #2e7d32)", False: "var(--jp-error-color1, #c62828)"}


def marks(slot: dict, scorers: level_scorers.Scorers | None) -> list[Mark]:
    """What is good (True) and bad (False) about one slot.

    Args:
        slot: a row of `summary.measure`.
        scorers: those it was measured with; without, nothing is said of the level.
    """
    if slot["sentence"] is None:
        return [(False, "no sentence")]
    if not slot["valid"]:
        return [(False, "not one whole sentence")]
    found = [(bool(slot["covered"]), f"{'uses' if slot['covered'] else 'does not use'} {slot['word']}")]
    if scorers is not None and not math.isnan(slot["level_score"]):
        near = LEVELS[int(scorers.full.nearest([slot["level_score"]])[0]) - 1]
        found.append((bool(slot["level_ok"]), f"level score {slot['level_score']:.2f}, nearest {near}"))
    found += _errors(slot)
    found += [(False, "stands in the training sentences")] if slot["copied"] else []
    found += [(False, "says what another line says")] if slot["repetitive"] else []
    return found


def as_html(sentence: str | None, found: list[Mark]) -> str:
    """A sentence with its marks below, for a light or dark page; the signs say what the colours say."""
    lines = "".join(
        f'<span style="color:{_COLOURS[good]};margin-right:1em;white-space:normal">{"✓" if good else "✗"} '
        f"{html.escape(text)}</span>"
        for good, text in found
    )
    shown = html.escape(sentence) if sentence else "–"
    return f'<div style="line-height:1.4">{shown}<br><small>{lines}</small></div>'


def _errors(slot: dict) -> list[Mark]:
    found = [] if slot["harper_clean"] else grammar.mistakes(slot["sentence"], "BRITISH")
    told = [(False, f"{kind.lower()}: “{words}”. {message}") for kind, words, message in found]
    told += [] if slot["order_ok"] else [(False, "unusual word order")]
    return told or [(True, "no error found")]
