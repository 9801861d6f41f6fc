"""The `cefr level` command: how people would label the sentences of a file, and why."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from cefr_helpers.data import sentence_files
from cefr_helpers.data.sentence_files import Labelled
from cefr_helpers.evaluation import bank_levels, human_scale
from cefr_helpers.evaluation.human_scale import Explanation

_MINUS = "\N{MINUS SIGN}"


def level(
    file: Annotated[Path, typer.Argument(help="A text, a .csv with a column sentence, a sentence bank, or bundled.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")] = False,
) -> None:
    """Estimate the level that people would give each sentence, and show what drives it: length, vocabulary, grammar."""
    found = sentence_files.read(file)
    explained = human_scale.load().explain_all([one.sentence for one in found])
    if as_json:
        typer.echo(
            json.dumps([_object(*row) for row in zip(found, explained, strict=True)], ensure_ascii=False, indent=1)
        )
        return
    _show(found, explained)
    for placement in bank_levels.by_label(found):
        typer.echo("\n" + "\n".join(placement.lines()))


def _object(one: Labelled, why: Explanation) -> dict:
    """Return one sentence as an object; scores are null if it has no English word."""
    known = not math.isnan(why.score)  # JSON has no NaN
    drivers = {"average": why.average, "length": why.length, "vocabulary": why.vocabulary, "grammar": why.grammar}
    return {
        "sentence": one.sentence,
        "level_score": round(why.score, 3) if known else None,
        "level": human_scale.nearest(why.score) if known else None,
        "drivers": {name: round(value, 3) for name, value in drivers.items()} if known else None,
        "rare_words": list(why.rare_words),
    } | ({"label": one.label} if one.label else {})


def _show(found: list[Labelled], explained: list[Explanation]) -> None:
    """A table as wide as the terminal, sentences broken into lines."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("sentence", "level", "what drives it", box=box.SIMPLE_HEAD)
    for one, why in zip(found, explained, strict=True):
        table.add_row(Text(one.sentence), human_scale.in_words(why.score).replace(" ", "\N{NO-BREAK SPACE}"), _why(why))
    average = explained[0].average
    table.caption = f"Levels moved from the average sentence that people labelled, {human_scale.in_words(average)}."
    Console().print(table)


def _why(why: Explanation) -> str:
    if math.isnan(why.score):
        return "no English word"
    rare = f" ({', '.join(why.rare_words)})" if why.rare_words else ""
    parts = {"length": why.length, f"vocabulary{rare}": why.vocabulary, "grammar": why.grammar}
    ordered = sorted(parts.items(), key=lambda part: -abs(part[1]))
    return ", ".join(f"{name} {round(moved, 1) + 0.0:+.1f}".replace("-", _MINUS) for name, moved in ordered)
