"""Put the published results as tables and a figure between the marks of docs/benchmarks.md."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks import figures, goals, results, tables
from benchmarks.settings import GROUPS
from cefr_helpers.core import files
from cefr_helpers.core.paths import project_root
from tools import marked_parts

START, END = "<!-- made by `make benchmark`: {} start -->", "<!-- made by `make benchmark`: {} end -->"
PAGE_GROUPS = (*GROUPS, "gpu")


def path() -> Path:
    return project_root() / "docs" / "benchmarks.md"


def folder() -> Path:
    """Return the folder of the published results."""
    return project_root() / "docs" / "benchmarks"


def publish(found: Iterable[dict]) -> Path:
    """Write the results of groups among the published ones, and renew the page from all of them."""
    for one in found:
        results.write(folder(), one)
    return update(folder(), path())


def update(source: Path, page: Path) -> Path:
    """Renew the page from the results in `source`, and the figure beside them."""
    growth = results.read(source, "growth")
    if growth:
        figures.draw(growth, source / "growth.png")
    return files.write_atomically(page, with_tables(page.read_text(encoding="utf-8"), source))


def with_tables(text: str, source: Path) -> str:
    """Return the page's text with the tables of the results in `source` between its marks."""
    found = {group: results.read(source, group) for group in PAGE_GROUPS}
    parts = {group: tables.part(one) for group, one in found.items()} | {"goals": goals.table(found)}
    for name, part in parts.items():
        text = marked_parts.replace(text, START.format(name), END.format(name), part)
    return text
