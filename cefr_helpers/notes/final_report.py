"""The final report: all levels side by side, its tables as CSV and LaTeX, its figures as PNG and PDF."""

from collections.abc import Callable, Iterable
from pathlib import Path

from cefr_helpers.core import level_records
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import PEOPLE
from cefr_helpers.core.schema import LevelScorerReport
from cefr_helpers.notes import (
    facts,
    files,
    level_tables,
    observations,
    readers,
    reference_results,
    verdicts,
)
from cefr_helpers.rendering import tables, templates
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale
from cefr_helpers.rendering.tables import LevelTable

FIGURES = ("levels_grid", "base_vs_tuned")


def write_final_report(workspace: Workspace, levels: Iterable[str], language: str) -> Path:
    """Write the report over `levels` with its tables and figures; the report itself last.

    Raises:
        InputError: a level or the language is unknown, or a record is broken.
    """
    by_level = level_records.read_levels(workspace, levels)
    locale = level_tables.locale_for(by_level, language)
    folder = workspace.notes()
    for table in report_tables(by_level):
        write_atomically(folder / "tables" / f"{table.name}.csv", tables.to_csv(table))
        write_atomically(folder / "tables" / f"{table.name}.tex", tables.to_latex(table, locale))
    _draw(by_level, folder / "figures", language)
    return write_atomically(workspace.final_report(), final_report(workspace, by_level, language))


def report_tables(by_level: dict[str, LevelRecords]) -> list[LevelTable]:
    """The report's tables: four, and those of the generated answers and of the human scale where a level has them."""
    made = [
        level_tables.side_by_side(by_level),
        level_tables.comparisons(by_level),
        level_tables.data(by_level),
        level_tables.beside_published(by_level),
    ]
    if any(records.generation for records in by_level.values()):
        made.append(level_tables.answers(by_level))
    if any(records.generation.value("gold", "questions") is not None for records in by_level.values()):
        made.append(level_tables.variety(by_level))
    if any(facts.on_human_scale(records.generation) for records in by_level.values()):
        made.append(level_tables.scales(by_level))
    if any(records.dataset.results.placement for records in by_level.values()):
        made.append(level_tables.bank_levels(by_level))
    if any(records.ratings.results.systems for records in by_level.values()):
        made.append(level_tables.readers(by_level))
    return made


def final_report(workspace: Workspace, by_level: dict[str, LevelRecords], language: str) -> str:
    """The report as Markdown; `workspace` only says where things lie, nothing in it is read."""
    locale = level_tables.locale_for(by_level, language)
    done = [records for records in by_level.values() if records.is_done]
    measured = [records for records in by_level.values() if records.generation]
    report = workspace.final_report()

    def each(rule: Callable[[LevelRecords, Locale], Markdown | None], of: list[LevelRecords]) -> list:
        return [(records.level, said) for records in of if (said := rule(records, locale))]

    return templates.render(
        "final_report.md.j2",
        locale,
        {
            "levels_done": [records.level for records in done],
            "levels_missing": [level for level, records in by_level.items() if not records.is_done],
            "helped": verdicts.helped(by_level, locale),
            "template_failures": each(observations.template, measured),
            "people": each(verdicts.people, measured),
            "readers": each(readers.headline, measured),
            "read_by_people": any(records.ratings.results.counted == PEOPLE for records in measured),
            "verdicts": each(observations.verdict, done),
            "compared": [records for records in by_level.values() if records.comparison],
            "scorers": scorers(by_level),
            "tables": {table.name: table for table in report_tables(by_level)},
            "figures": FIGURES,
            "observations": observations.across(by_level, locale),
            "reference": reference_results,
            "models": list(dict.fromkeys(records.model_name or locale.unknown for records in done)),
            "examples": [said for _, said in each(_examples, done)],
            "overlaps": [said for _, said in each(_overlap, done)],
            "notes": [(records, files.relative_link(workspace.note(records.level), report)) for records in done],
        },
    )


def _draw(by_level: dict[str, LevelRecords], folder: Path, language: str) -> None:
    from cefr_helpers.notes import training_figures  # matplotlib: only where something is drawn
    from cefr_helpers.rendering import figure_style

    figures = {
        "levels_grid": training_figures.levels_grid(by_level, language),
        "base_vs_tuned": training_figures.base_vs_tuned(by_level, language),
    }
    for name in FIGURES:
        figure_style.save_figure(figures[name], folder / f"{name}.png")
        figure_style.save_figure(figures[name], folder / f"{name}.pdf")


def _examples(records: LevelRecords, locale: Locale) -> Markdown | None:
    found = records.dataset.results
    if not found:
        return None
    counts = {"train": locale.whole(found.train_examples), "eval": locale.whole(found.eval_examples)}
    return locale.text["report"]["data_ours"].format(level=records.level, **counts)


def _overlap(records: LevelRecords, locale: Locale) -> Markdown | None:
    share = records.dataset.results.leak_audit.sentence_overlap.share
    if share is None:
        return None
    return locale.text["report"]["protocol_ours"].format(level=records.level, share=locale.share(share))


def scorers(by_level: dict[str, LevelRecords]) -> list[tuple[LevelScorerReport, list[str], list[tuple]]]:
    """Each scorer, the levels that it judged, and its confusion by true level: levels of one run share theirs."""
    found: dict[str, tuple[LevelScorerReport, list[str]]] = {}
    for level, records in by_level.items():
        scorer = records.generation.scorer
        if scorer.confusion:
            found.setdefault(scorer.model_dump_json(), (scorer, []))[1].append(level)
    return [
        (scorer, judged, list(zip(scorer.levels, scorer.confusion, strict=False))) for scorer, judged in found.values()
    ]
