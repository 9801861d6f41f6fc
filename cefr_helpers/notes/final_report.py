"""The final report: all levels side by side, its tables as CSV and LaTeX, its figures as PNG and PDF."""

from collections.abc import Iterable
from pathlib import Path

from cefr_helpers.core import level_records
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import PEOPLE
from cefr_helpers.core.schema import QUALITIES, SCORERS, LevelScorerReport
from cefr_helpers.notes import (
    facts,
    files,
    level_tables,
    observations,
    reader_sections,
    reference_results,
    scales,
    sections,
    verdicts,
)
from cefr_helpers.rendering import escaping, tables, templates
from cefr_helpers.rendering.locale import Locale
from cefr_helpers.rendering.tables import LevelTable

FIGURES = ("levels_grid", "base_vs_tuned")


def write_final_report(workspace: Workspace, levels: Iterable[str], language: str) -> Path:
    """Write the report over `levels` with its tables and figures; the report itself last.

    Raises:
        InputError: a level or the language is unknown, or a record is broken.
    """
    by_level = level_records.read_levels(workspace, levels)
    locale = level_tables.wording_for(by_level, language)
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
    if any(scales.is_measured(records.generation) for records in by_level.values()):
        made.append(level_tables.scales(by_level))
    if any(records.dataset.results.placement for records in by_level.values()):
        made.append(level_tables.bank_levels(by_level))
    return [*made, *([read] if (read := reader_sections.levels_table(by_level)) else [])]


def final_report(workspace: Workspace, by_level: dict[str, LevelRecords], language: str) -> str:
    """The report as Markdown; `workspace` only says where things lie, nothing in it is read."""
    locale = level_tables.wording_for(by_level, language)
    text = locale.phrases["report"]
    made = report_tables(by_level)
    return templates.render(
        "final_report.md.j2",
        {
            "text": text,
            "summary": _summary(by_level, locale),
            "helped": verdicts.helped(by_level, locale),
            "templates": _templates(by_level, locale),
            "variety_text": locale.phrases["generation"]["variety"]["text"],
            "people": _people(by_level, locale),
            "scales_text": locale.phrases["scales"],
            "readers": _readers(by_level, locale),
            "verdicts": _verdicts(by_level, locale),
            "memorisation": _memorisation(by_level, locale),
            "scorer_title": locale.phrases["scorer_card"]["title"],
            "scorer_cards": scorer_tables(by_level, locale),
            "tables": {table.name: tables.to_markdown(table, locale) for table in made},
            "levels_unit": locale.phrases["note"]["levels_unit"],
            "figures": {name: {"title": text["figures"][name], "link": f"figures/{name}.png"} for name in FIGURES},
            "observations": observations.across(by_level, locale),
            "published_text": text["published_text"].format(date=locale.date(reference_results.TAKEN_DOWN)),
            "b2": _published_b2(locale),
            "differences": _differences(by_level, locale),
            "files": _files(made, locale),
            "notes": _notes(workspace, by_level, locale),
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


def _summary(by_level: dict[str, LevelRecords], locale: Locale) -> str:
    done = [level for level, records in by_level.items() if records.is_done]
    missing = [level for level, records in by_level.items() if not records.is_done]
    named = [locale.list(names) or locale.phrases["none"] for names in (done, missing)]
    return locale.phrases["report"]["summary"].format(done=named[0], missing=named[1])


def _verdicts(by_level: dict[str, LevelRecords], locale: Locale) -> list[str]:
    return [
        f"{level}: {observations.verdict(records, locale)}" for level, records in by_level.items() if records.is_done
    ]


def _templates(by_level: dict[str, LevelRecords], locale: Locale) -> list[str]:
    told = {level: observations.template(records, locale) for level, records in by_level.items()}
    return [f"{level}: {said}" for level, said in told.items() if said]


def _people(by_level: dict[str, LevelRecords], locale: Locale) -> list[str]:
    told = {level: scales.people(records, locale) for level, records in by_level.items()}
    return [f"{level}: {said}" for level, said in told.items() if said]


def _readers(by_level: dict[str, LevelRecords], locale: Locale) -> dict | None:
    """What readers say at each level that has answers to be read."""
    measured = [records for records in by_level.values() if records.generation]
    if not measured:
        return None
    lines = [f"{records.level}: {reader_sections.headline(records, locale)}" for records in measured]
    people = any(records.ratings.results.counted == PEOPLE for records in measured)
    return {"title": locale.phrases["readers"]["title"], "lines": lines, "people": people}


def _memorisation(by_level: dict[str, LevelRecords], locale: Locale) -> list[str]:
    told = {level: sections.memorisation(records, locale) for level, records in by_level.items()}
    return [f"{level}: {said}" for level, said in told.items() if said]


def _published_b2(locale: Locale) -> str:
    figures = {
        key: locale.whole(value) if key == "steps" else locale.decimal(value, 2)
        for key, value in reference_results.B2.items()
    }
    best = locale.decimal(reference_results.LEVELS["B2"]["best_eval_loss"], 2)
    return locale.phrases["report"]["b2"].format(best=best, **figures)


def _differences(by_level: dict[str, LevelRecords], locale: Locale) -> list[str]:
    """What differs from the reference project in model, data, protocol, loss and hardware."""
    text = locale.phrases["report"]
    done = [records for records in by_level.values() if records.is_done]
    models = dict.fromkeys(records.model_name or locale.unknown for records in done)
    model = ", ".join(escaping.markdown(name) for name in models) or locale.unknown
    low, high = (locale.share(value) for value in reference_results.OVERLAP)
    counts = {part: locale.whole(count) for part, count in reference_results.EXAMPLES.items()}
    return [
        text["model"].format(theirs=reference_results.MODEL, ours=model),
        text["data"].format(ours=_each(done, locale, _examples) or locale.unknown, **counts),
        text["protocol"].format(low=low, high=high, ours=_each(done, locale, _overlap) or locale.unknown),
        text["loss"],
        text["method"],
    ]


def _each(done: list[LevelRecords], locale: Locale, tell) -> str:
    return "; ".join(told for told in (tell(records, locale) for records in done) if told)


def _examples(records: LevelRecords, locale: Locale) -> str | None:
    found = records.dataset.results
    if not found:
        return None
    counts = {"train": locale.whole(found.train_examples), "eval": locale.whole(found.eval_examples)}
    return locale.phrases["report"]["data_ours"].format(level=records.level, **counts)


def _overlap(records: LevelRecords, locale: Locale) -> str | None:
    share = records.dataset.results.leak_audit.sentence_overlap.share
    if share is None:
        return None
    return locale.phrases["report"]["protocol_ours"].format(level=records.level, share=locale.share(share))


def _files(made: list[LevelTable], locale: Locale) -> str:
    text = locale.phrases["report"]
    rows = [
        [text["tables"][table.name], f"[CSV](tables/{table.name}.csv) · [LaTeX](tables/{table.name}.tex)"]
        for table in made
    ]
    rows += [[text["figures"][name], f"[PNG](figures/{name}.png) · [PDF](figures/{name}.pdf)"] for name in FIGURES]
    return tables.markdown_table([f"{text['table']} / {text['figure']}", ""], rows)


def _notes(workspace: Workspace, by_level: dict[str, LevelRecords], locale: Locale) -> list[dict[str, str]]:
    """Each level's note, with date and commit of its training."""
    report = workspace.final_report()
    return [
        {
            "level": level,
            "link": files.relative_link(workspace.note(level), report),
            "date": facts.trained_on(records, locale),
            "commit": facts.trained_at(records, locale),
        }
        for level, records in by_level.items()
        if records.is_done
    ]


def scorer_tables(by_level: dict[str, LevelRecords], locale: Locale) -> list[dict]:
    """A card for each scorer that judged a level: levels of one run share theirs, and then there is one."""
    found: dict[str, tuple[LevelScorerReport, list[str]]] = {}
    for level, records in by_level.items():
        scorer = records.generation.scorer
        if scorer.confusion:
            found.setdefault(scorer.model_dump_json(), (scorer, []))[1].append(level)
    return [_card(scorer, judged, locale) for scorer, judged in found.values()]


def _card(scorer: LevelScorerReport, judged: list[str], locale: Locale) -> dict:
    text = locale.phrases["scorer_card"]
    levels = [escaping.markdown(level) for level in scorer.levels]
    counts = {key: locale.whole(getattr(scorer, key)) for key in ("sentences", "folds", "groups")}
    confusion = [
        [level, *(locale.whole(count) for count in row)] for level, row in zip(levels, scorer.confusion, strict=False)
    ]
    return {
        "text": text["text"].format(judged=locale.list(judged), levels=locale.list(levels), **counts),
        "quality": tables.markdown_table(
            [text["variant"], *(text["qualities"][key] for key in QUALITIES)],
            [_quality(scorer, variant, locale) for variant in SCORERS],
            numbers_from=1,
        ),
        "confusion_text": text["confusion_text"],
        "confusion": tables.markdown_table([text["actual"], *levels], confusion, numbers_from=1),
    }


def _quality(scorer: LevelScorerReport, variant: str, locale: Locale) -> list[str]:
    own = getattr(scorer, variant)
    return [
        locale.phrases["scorer_card"]["variants"][variant],
        locale.decimal(own.qwk, 3),
        locale.share(own.accuracy),
        locale.share(own.within_one),
        locale.decimal(own.rmse, 2),
    ]
