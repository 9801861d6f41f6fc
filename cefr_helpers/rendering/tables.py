"""Tables in Markdown, and tables over levels in Markdown, CSV and LaTeX from the same values."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace

from cefr_helpers.core import files
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.locale import Locale

_PAIRS = ("interval", "share_interval")
SMALLEST_P = 0.001


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


def markdown_table(headings: list[str], rows: list[list[str]], numbers_from: int | None = None) -> str:
    """A Markdown table; cells are Markdown already; columns from `numbers_from` on are aligned right."""
    right = len(headings) if numbers_from is None else numbers_from
    marks = ["---:" if place >= right else "---" for place in range(len(headings))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [headings, marks, *rows])


def to_markdown(table: LevelTable, locale: Locale) -> str:
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
    return [locale.phrases["columns"][key] for key in ("level", *(column.key for column in table.columns))]


def _written(table: LevelTable, locale: Locale) -> list[list[str]]:
    lines = []
    for row in table.rows:
        cells = [_cell(row, column, locale) for column in table.columns]
        if row.get("state") == "missing" and row.get(table.columns[0].key) is None:
            cells[0] = locale.phrases["not_run"]
        lines.append([row["level"], *cells])
    return lines


def _cell(row: dict, column: Column, locale: Locale) -> str:
    value = row.get(column.key)
    if value is None:
        return locale.unknown if row.get("state") == "unknown" else locale.phrases["missing"]
    return written(value, column.kind, replace(locale, loss_decimals=row.get("decimals", locale.loss_decimals)))


def written(value: object, kind: str, locale: Locale) -> str:
    """A value of a column's kind in words."""
    if kind in _PAIRS:
        return interval(value, locale, locale.loss if kind == "interval" else locale.share)
    if kind == "text":
        return escaping.markdown(value)
    if kind == "p":
        least = f"< {locale.decimal(SMALLEST_P, 3)}"
        return escaping.markdown(least) if value < SMALLEST_P else locale.decimal(value, 3)
    if kind in ("one_decimal", "two_decimals"):
        return locale.decimal(value, 1 if kind == "one_decimal" else 2)
    if kind == "run":
        return locale.phrases["runs"][value]
    if kind == "system":
        return locale.phrases["generation"]["rows"][value]
    kinds = {
        "whole": locale.whole,
        "loss": locale.loss,
        "percent": locale.percent,
        "share": locale.share,
        "duration": locale.duration,
    }
    return kinds[kind](value)


def interval(ends: tuple[float, float], locale: Locale, write: Callable[[float], str] | None = None) -> str:
    """[low, high], with a semicolon where the comma marks decimals; written as losses if not told otherwise."""
    low, high = (write or locale.loss)(ends[0]), (write or locale.loss)(ends[1])
    return locale.phrases["interval"].format(low=low, high=high)
