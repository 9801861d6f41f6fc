"""Write the human scale's tables in docs/evaluation.md and the bundled bank's README, only from shipped figures."""

from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import required
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks
from cefr_helpers.evaluation import bank_levels, human_scale
from cefr_helpers.rendering.tables import trusted_markdown_table
from tools import marked_parts

START, END = "<!-- made by tools/fit_human_scale.py: {} -->", "<!-- end of {} -->"
_SCORERS = {"full": "the human scale", "length_free": "its length-free twin"}
_PARTS = {
    "Wiki-Auto": "Wiki-Auto, part not fitted to",
    "SCoRE": "SCoRE, another source, all of it",
    "both": "the parts named dev of both",
}


def renew() -> list[Path]:
    """Write the tables between their marks, and return the pages."""
    texts = {page: with_tables(page.read_text(encoding="utf-8"), tables) for page, tables in pages().items()}
    return [files.write_atomically(page, text) for page, text in texts.items()]


def pages() -> dict[Path, dict[str, str]]:
    """Return page -> name of a table -> the table."""
    found = human_scale.shipped()
    return {
        project_root() / "docs" / "evaluation.md": {
            "quality": quality_table(found["quality"]),
            "called": called_table(found["quality"]),
            "alternatives": alternatives_table(found["alternatives"]),
        },
        banks.BUNDLED / "README.md": {"bank": bank_table()},
    }


def with_tables(text: str, tables: dict[str, str]) -> str:
    """Return a page's text with each table between its marks."""
    for name, table in tables.items():
        text = marked_parts.replace(text, START.format(name), END.format(name), table)
    return text


def quality_table(quality: dict) -> str:
    rows = [["sentences", "n", "who", "r", "RMSE", "bias", "QWK with A, B", "within one level"]]
    for part, found in quality.items():
        teachers = found["teachers"]
        rows.append([_PARTS[part], f"{teachers['sentences']:,}", "teacher A against B", *_figures(teachers)])
        rows += [["", "", label, *_figures(found[kind])] for kind, label in _SCORERS.items()]
    return _markdown(rows)


def called_table(quality: dict) -> str:
    rows = [["sentences that both teachers call", *LEVELS]]
    for part, found in quality.items():
        called = found["full"]["called"]
        cells = (
            f"{called[one]['mean']:.2f} (n = {called[one]['sentences']})" if one in called else "" for one in LEVELS
        )
        rows.append([_PARTS[part], *cells])
    return _markdown(rows)


def alternatives_table(found: dict) -> str:
    rows = [["by five folds of the part fitted to", "r", "RMSE", "bias", "QWK with A, B", "within one level"]]
    return _markdown(rows + [[name, *_figures(one)] for name, one in found.items()])


def bank_table() -> str:
    """Return a table of the bundled bank's levels, and a line that names those which read like another one."""
    rows = [["Level", "Sentences", "Mean on the human scale", "Standard deviation", "Within one level of the label"]]
    placed = bank_levels.of_banks(banks.read_all(banks.find("bundled", "A1")))
    for one in placed:
        mean = human_scale.in_words(one.mean, 2)
        rows.append([required(one.level), f"{one.sentences:,}", mean, f"{one.sd:.2f}", f"{one.within_one:.0%}"])
    others = [f"{one.level} like {one.reads_like}" for one in placed if one.reads_like != one.level]
    return _markdown(rows) + (f"\n\nRead like another level than their own: {', '.join(others)}." if others else "")


def _figures(found: dict) -> list[str]:
    qwk = found["qwk"] if isinstance(found["qwk"], list) else [found["qwk"]]
    figures = [f"{found['r']:.3f}", f"{found['rmse']:.2f}", f"{round(found['bias'], 2) + 0.0:+.2f}"]
    return [*figures, ", ".join(f"{one:.3f}" for one in qwk), f"{found['within_one']:.1%}"]


def _markdown(rows: list[list[str]]) -> str:
    return trusted_markdown_table(rows[0], rows[1:]).replace("-0.", "\N{MINUS SIGN}0.")
