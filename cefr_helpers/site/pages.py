"""Make the pages of the results site as notebooks of Markdown: start page, notes, executed notebooks, answers."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from cefr_helpers.core import files, levels
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import LevelRecords, changed_since, read_levels
from cefr_helpers.core.paths import STAGES, Stage, Workspace
from cefr_helpers.core.records import NAMES
from cefr_helpers.core.schema import GATES
from cefr_helpers.notes import level_tables, observations, readers, verdicts
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.locale import Locale

# The columns that readers need first; the others are only in the file.
_SHOWN = ("row", "word", "sentence", "result", "human_level", "level_score", "prompt", "slot")


@dataclass(frozen=True)
class Page:
    """A page before it is rendered.

    Attributes:
        path: path in the site, such as runs/B2/02_training.html; the same as its source's in the output folder.
        label: name in the navigation.
        title: title of the browser window.
        source: the file from which it is made; None for the start page.
        level: the level in whose navigation it is; None for pages about all levels.
    """

    path: PurePosixPath
    label: str
    title: str
    source: Path | None = None
    level: str | None = None


def find(workspace: Workspace, locale: Locale) -> list[Page]:
    """Return the pages that can be made, first the final report's, then level by level, without stages not run."""
    text, root = locale.phrases["site"], workspace.output_root
    report = [(workspace.final_report(), text["report"], None)]
    report.append((workspace.run("") / f"{Stage.REPORT}.ipynb", text["stages"][Stage.REPORT], None))
    by_level = []
    for level in levels.LEVELS:
        by_level.append((workspace.note(level), text["note"], level))
        by_level += [(workspace.run(level) / f"{stage}.ipynb", text["stages"][stage], level) for stage in STAGES]
        by_level.append((workspace.run(level) / "generations.csv", text["answers"], level))
    named = {source for source, *_ in (*report, *by_level)} | {workspace.notes() / "README.md"}
    others = [(path, path.stem, None) for path in sorted(workspace.notes().glob("[!.]*.md")) if path not in named]
    return [
        Page(_path(source, root), label, f"{level}: {label}" if level else label, source, level)
        for source, label, level in (*report, *by_level, *others)
        if source.is_file()
    ]


def notebook(page: Page, pages: list[Page], workspace: Workspace, locale: Locale):
    """Return the page as a notebook.

    Raises:
        InputError: its executed notebook or a record is broken.
    """
    import nbformat

    if page.source is not None and page.source.suffix == ".ipynb":
        return _read(page.source)
    if page.source is None:
        text = start(pages, workspace, locale)
    elif page.source.suffix == ".csv":
        text = _answers(page.source, page.level, locale)
    else:
        text = page.source.read_text(encoding="utf-8")
        if page.level and (stale := _stale(workspace, page.level, locale)):
            text = text.replace("\n", f"\n\n{stale}\n", 1)
    cell = nbformat.v4.new_markdown_cell(text, id="text")
    return nbformat.v4.new_notebook(cells=[cell])


def start(pages: list[Page], workspace: Workspace, locale: Locale) -> str:
    """Return the start page: a comparison of levels, each level's results, and all pages."""
    text, records = locale.phrases["site"], read_levels(workspace)
    done = {level: found for level, found in records.items() if found.is_done}
    parts = [f"# {text['title']}", text["intro"]]
    if done:
        locale = level_tables.locale_for(records, locale.language)
        parts += [tables.to_markdown(level_tables.side_by_side(done), locale), locale.phrases["note"]["levels_unit"]]
    report = [page for page in pages if page.level is None]
    parts += [_read_on(report, locale)] if report else []
    for level in levels.LEVELS:
        of_level = [page for page in pages if page.level == level]
        if of_level:
            parts.append(f"## {text['level'].format(level=level, name=levels.NAMES[locale.language][level])}")
            parts += [stale] if (stale := _stale(workspace, level, locale)) else []
            parts += [observations.verdict(done[level], locale)] if level in done else []
            parts += [said] if level in done and (said := observations.template(done[level], locale)) else []
            parts += [readers.headline(done[level], locale)] if level in done and done[level].generation else []
            people = verdicts.people(done[level], locale) if level in done else None
            parts += [people] if people else []
            parts.append(_read_on(of_level, locale))
    parts += _figures(workspace, locale) + ([_origin(done, locale)] if done else [])
    return "\n\n".join(parts) + "\n"


def _stale(workspace: Workspace, level: str, locale: Locale) -> str | None:
    """Return a warning if a level's figures are older than the data they show."""
    changed = changed_since(workspace, level)
    return changed and "> " + locale.phrases["site"]["stale"].format(file=escaping.code(changed))


def _path(source: Path, root: Path) -> PurePosixPath:
    return PurePosixPath(source.relative_to(root).as_posix()).with_suffix(".html")


def _read(path: Path):
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # a truncated or foreign file can raise anything
        raise InputError(f"{path}: not a notebook ({type(error).__name__}); run its stage again") from error


def _read_on(pages: list[Page], locale: Locale) -> str:
    links = [f"[{escaping.markdown(page.label)}]({quote(str(page.path))})" for page in pages]
    return locale.phrases["site"]["read"].format(links=" · ".join(links))


def _figures(workspace: Workspace, locale: Locale) -> list[str]:
    names = locale.phrases["report"]["figures"]
    there = [name for name in ("base_vs_tuned", "levels_grid") if (workspace.notes() / f"figures/{name}.png").is_file()]
    shown = [f"![{names[name]}](Notes/figures/{name}.png)" for name in there]
    return [f"## {locale.phrases['site']['figures']}", *shown] if shown else []


def _origin(done: dict[str, LevelRecords], locale: Locale) -> str:
    found = [getattr(records, name) for records in done.values() for name in NAMES]
    last = max((record for record in found if record), key=lambda record: record.created)
    commit = escaping.code(last.commit[:12])
    return locale.phrases["site"]["made"].format(date=locale.date(last.created), commit=commit)


def _answers(source: Path, level: str | None, locale: Locale) -> str:
    import pandas as pd

    text, systems = locale.phrases["site"], locale.phrases["generation"]["rows"]
    table = pd.read_csv(source, dtype=str, keep_default_na=False).map(files.from_spreadsheet)
    table["result"] = [_result(row, locale) for row in table.to_dict("records")]
    table["row"] = [systems.get(system, system) for system in table["row"]]
    table = table[[name for name in _SHOWN if name in table]].replace(r"\s+", " ", regex=True)
    table.columns = [text["answer_columns"][name] for name in table.columns]
    file = f"[{source.name}]({source.name})"
    return "\n\n".join(
        [
            f"# {text['answers_title'].format(level=level)}",
            text["answers_text"].format(file=file),
            table.to_html(index=False, border=0),
        ]
    )


def _result(row: dict[str, str], locale: Locale) -> str:
    """Return in words whether a slot passed and what it failed; for an invalid sentence only that is named."""
    text = locale.phrases["generation"]
    failed = [gate for gate in GATES if row.get(gate) == "False"]
    named = ["valid"] if "valid" in failed else failed
    return f"✗ {', '.join(text['failed'][gate] for gate in named)}" if named else text["passed"]
