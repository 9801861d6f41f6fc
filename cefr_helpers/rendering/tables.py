"""Tables in Markdown, and tables over levels in Markdown, CSV and LaTeX from the same values."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cefr_helpers.core import files
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

_PAIRS = ("interval", "share_interval")


@dataclass(frozen=True)
class Column:
    """A column of a table over levels: the key of its value in a row, and what kind of value that is.

    Attributes:
        kind: run, system, text, whole, loss, one_decimal, two_decimals, percent, share, p, duration, or interval and
            share_interval (a pair).
    """

    key: str
    kind: str


@dataclass(frozen=True)
class LevelTable:
    """A table over levels, as values; rows hold "level", and optionally "state" ("missing", "unknown"), "decimals"."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[dict, ...]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int | None = None) -> Markdown:
    """A Markdown table; columns from `numbers_from` on are aligned right."""
    right = len(headings) if numbers_from is None else numbers_from
    marks = ["---:" if place >= right else "---" for place in range(len(headings))]
    bar = Markdown(" | ")
    return Markdown("\n").join(Markdown("| {cells} |").format(cells=bar.join(row)) for row in [headings, marks, *rows])


def trusted_markdown_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int | None = None
) -> Markdown:
    """Return a Markdown table whose cells are Markdown already, with nothing of a user's in them."""
    cells = [[Markdown(cell) for cell in row] for row in rows]
    return markdown_table([Markdown(one) for one in headings], cells, numbers_from)


def to_markdown(table: LevelTable, locale: Locale) -> Markdown:
    """The table as Markdown, values written in the language."""
    return markdown_table(_headings(table, locale), _written(table, locale), numbers_from=1)


def to_latex(table: LevelTable, locale: Locale) -> str:
    """The table as a LaTeX tabular with booktabs rules."""
    lines = [_headings(table, locale), *_written(table, locale)]
    head, *body = [" & ".join(escaping.latex(cell) for cell in line) + r" \\" for line in lines]
    form = "l" + "r" * len(table.columns)
    return "\n".join(
        [rf"\begin{{tabular}}{{{form}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""]
    )


def to_csv(table: LevelTable) -> str:
    """The values unrounded, whatever the language: decimal point, empty where there is none, an interval in two."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = [(f"{c.key}_low", f"{c.key}_high") if c.kind in _PAIRS else (c.key,) for c in table.columns]
    writer.writerow(["level", *(key for pair in keys for key in pair)])
    for row in table.rows:
        values = [row["level"]]
        for column in table.columns:
            value = row.get(column.key)
            values += (value or (None, None)) if column.kind in _PAIRS else (value,)
        writer.writerow([files.to_spreadsheet(value) for value in values])
    return out.getvalue()


def _headings(table: LevelTable, locale: Locale) -> list[str]:
    return [locale.text["columns"][key] for key in ("level", *(column.key for column in table.columns))]


def _written(table: LevelTable, locale: Locale) -> list[list[str]]:
    lines = []
    for row in table.rows:
        cells = [_cell(row, column, locale) for column in table.columns]
        if row.get("state") == "missing" and row.get(table.columns[0].key) is None:
            cells[0] = locale.text["not_run"]
        lines.append([row["level"], *cells])
    return lines


def _cell(row: dict, column: Column, locale: Locale) -> str:
    value = row.get(column.key)
    if value is None and row.get("state") == "unknown":
        return locale.unknown
    return cell(value, column.kind, replace(locale, loss_decimals=row.get("decimals", locale.loss_decimals)))


def cell(value: object, kind: str, locale: Locale) -> str:
    """A value of a column's kind in words; a dash for one that is None."""
    if value is None:
        return locale.text["missing"]
    kinds = {
        "text": escaping.markdown,
        "run": locale.text["runs"].__getitem__,
        "system": locale.text["generation"]["rows"].__getitem__,
        "whole": locale.whole,
        "loss": locale.loss,
        "one_decimal": lambda number: locale.decimal(number, 1),
        "two_decimals": lambda number: locale.decimal(number, 2),
        "percent": locale.percent,
        "share": locale.share,
        "p": locale.p,
        "duration": locale.duration,
        "interval": locale.interval,
        "share_interval": lambda ends: locale.interval(ends, locale.share),
    }
    return kinds[kind](value)
