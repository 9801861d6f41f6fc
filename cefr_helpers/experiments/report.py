"""The note of an experiment: its tables as Markdown and CSV, its figures as PNG and PDF."""

from pathlib import Path

from cefr_helpers.core.files import to_spreadsheet, write_atomically
from cefr_helpers.core.paths import Workspace
from cefr_helpers.experiments import results as experiment_results
from cefr_helpers.experiments import seed_means
from cefr_helpers.experiments.results import Results
from cefr_helpers.rendering import escaping, tables, templates
from cefr_helpers.rendering.locale import Locale, load_locale
from cefr_helpers.rendering.tables import Column, LevelTable

MOST_SHOWN = 30
FIGURES = ("settings", "fields")
_SHOWN = 0.05


def write_note(workspace: Workspace, name: str, language: str) -> Path:
    """Write the note of an experiment with its tables and figures; the note itself last.

    Raises:
        InputError: the experiment has no plan, a record is broken, or the language is unknown.
    """
    results = experiment_results.load(workspace, name)
    folder, locale = workspace.notes(), load_locale(language)
    made = report_tables(workspace, results)
    for table in made.values():
        write_atomically(folder / "tables" / f"experiment_{name}_{table.name}.csv", tables.to_csv(table))
    texts = {name: results.table[name].map(to_spreadsheet) for name in (*results.axes, *experiment_results.ORIGIN)}
    runs = results.table.assign(**texts).to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "tables" / f"experiment_{name}_runs.csv", runs)
    _draw(results, folder / "figures", language)
    return write_atomically(workspace.experiment_note(name), note(results, made, locale))


def report_tables(workspace: Workspace, results: Results) -> dict[str, LevelTable]:
    """Best settings, means over seeds, all settings, what each field explains, effects on loss and answers."""
    made = [_best(results), _over_seeds(workspace, results), _settings(results), _explained(results)]
    made.append(_effects(results, results.measure))
    if results.done["joint"].notna().any():
        made.append(_effects(results, "joint"))
    return {table.name: table for table in made}


def note(results: Results, made: dict[str, LevelTable], locale: Locale) -> str:
    """The note as Markdown."""
    text = locale.phrases["experiment"]
    done, name = len(results.done), results.name
    shown = {table.name: tables.to_markdown(_cut(table, results), locale) for table in made.values() if table.rows}
    cut = sum(len(_cut(table, results).rows) < len(table.rows) for table in made.values())
    files = [f"tables/experiment_{name}_{key}.csv" for key in (*made, "runs")]
    files += [f"figures/experiment_{name}_{key}.pdf" for key in FIGURES]
    return templates.render(
        "experiment.md.j2",
        {
            "text": text,
            "title": text["title"].format(name=escaping.markdown(name)),
            "summary": text["summary"].format(done=done, runs=len(results.table), levels=", ".join(results.levels)),
            "axes": [_axis(axis, values) for axis, values in results.axes.items()],
            "measure": text["measures"][results.measure],
            "findings": [*_versions(results, locale), *_findings(made, locale)],
            "few": _few(results, made, locale),
            "tables": shown,
            "cut": text["cut"].format(n=MOST_SHOWN) if cut else None,
            "figures": {
                key: {"title": text["figures"][key], "link": f"figures/experiment_{name}_{key}.png"} for key in FIGURES
            },
            "missing": _missing(results),
            "files": files,
        },
    )


def _draw(results: Results, folder: Path, language: str) -> None:
    from cefr_helpers.experiments import figures as experiment_plots  # matplotlib: only where something is drawn
    from cefr_helpers.rendering import figure_style

    figures = {
        "settings": experiment_plots.by_setting(results, language),
        "fields": experiment_plots.fields(results, language),
    }
    for key in FIGURES:
        for form in ("png", "pdf"):
            figure_style.save_figure(figures[key], folder / f"experiment_{results.name}_{key}.{form}", dpi=150)


def _best(results: Results) -> LevelTable:
    columns = (
        Column("setting", "text"),
        Column("seeds", "whole"),
        Column(f"mean_{results.measure}", "loss"),
        Column("interval", "interval"),
        Column("runner_up", "text"),
        Column("ahead", "loss"),
        Column("ahead_interval", "interval"),
        Column("best_run", "text"),
    )
    rows = [
        row
        | {"seeds": row["n"], f"mean_{results.measure}": row["estimate"], "interval": _pair(row["low"], row["high"])}
        | {"ahead_interval": _pair(row["ahead_low"], row["ahead_high"]), "best_run": row["run"]}
        for row in experiment_results.best(results)
    ]
    return LevelTable("best", columns, tuple(rows))


def _settings(results: Results) -> LevelTable:
    columns = (
        Column("setting", "text"),
        Column("seeds", "whole"),
        Column(f"mean_{results.measure}", "loss"),
        Column("interval", "interval"),
        Column("joint_tuned", "share"),
        Column("joint_interval", "share_interval"),
        Column("training_time", "duration"),
    )
    done = results.done.assign(setting=experiment_results.settings(results, results.done))
    times = done.groupby(["level", "setting"])["training_s"].mean()
    joint = {(row["level"], row["setting"]): row for row in _records(experiment_results.by_setting(results, "joint"))}
    rows = []
    for row in _records(experiment_results.by_setting(results, results.measure)):
        place = (row["level"], row["setting"])
        answered = joint.get(place, dict.fromkeys(("estimate", "low", "high")))
        rows.append(
            {"level": row["level"], "setting": row["setting"], "seeds": row["n"], "interval": _pair(**_ends(row))}
            | {f"mean_{results.measure}": row["estimate"], "joint_tuned": answered["estimate"]}
            | {"joint_interval": _pair(**_ends(answered)), "training_time": _known(times[place])}
        )
    return LevelTable("settings", columns, tuple(rows))


def _over_seeds(workspace: Workspace, results: Results) -> LevelTable:
    """Losses and Joint Success, means over seeds, with intervals over seeds and prompts together."""
    columns = (
        Column("setting", "text"),
        Column("seeds", "whole"),
        Column("prompts", "whole"),
        Column("base_loss", "loss"),
        Column("tuned_loss", "loss"),
        Column("loss_change", "loss"),
        Column("loss_change_sd", "loss"),
        Column("loss_change_interval", "interval"),
        Column("joint_base", "share"),
        Column("joint_tuned", "share"),
        Column("joint_tuned_sd", "share"),
        Column("joint_tuned_interval", "share_interval"),
        Column("joint_change", "share"),
        Column("joint_change_interval", "share_interval"),
        Column("joint_gold", "share"),
        Column("training_time", "duration"),
    )
    rows = [
        row
        | {f"{name}_interval": _pair(row[f"{name}_low"], row[f"{name}_high"]) for name in seed_means.INTERVALS}
        | {"training_time": row["training_s"]}
        for row in seed_means.rows(workspace, results, MOST_SHOWN)
    ]
    return LevelTable("over_seeds", columns, tuple(rows))


def _explained(results: Results) -> LevelTable:
    columns = (Column("field", "text"), Column("explained", "share"))
    return LevelTable("explained", columns, tuple(experiment_results.explained(results, results.measure)))


def _effects(results: Results, measure: str) -> LevelTable:
    kind, pair = ("share", "share_interval") if measure == "joint" else ("loss", "interval")
    columns = (
        Column("field", "text"),
        Column("change", "text"),
        Column("pairs", "whole"),
        Column("seeds", "whole"),
        Column(f"change_{measure}", kind),
        Column("interval", pair),
        Column("p", "p"),
        Column("p_holm", "p"),
    )
    rows = [
        row
        | {"change": f"{row['first']} → {row['value']}", f"change_{measure}": row["estimate"], "p_holm": row["holm"]}
        | {"interval": _pair(**_ends(row))}
        for row in experiment_results.effects(results, measure)
    ]
    return LevelTable(f"effects_{measure}", columns, tuple(rows))


def _findings(made: dict[str, LevelTable], locale: Locale) -> list[str]:
    """In a sentence each: how many differences are shown after correction, and which."""
    text = locale.phrases["experiment"]
    found = []
    for name, table in made.items():
        if name.startswith("effects_") and table.rows:
            shown = [row for row in table.rows if row["holm"] is not None and row["holm"] < _SHOWN]
            measure = text["measures"][name.removeprefix("effects_")]
            found.append(text["shown"].format(measure=measure, shown=len(shown), tests=len(table.rows)))
            for row in shown[:MOST_SHOWN]:
                change = tables.written(row["change"], "text", locale)
                p = tables.written(row["holm"], "p", locale)
                found.append(f"{row['level']}, {escaping.code(row['field'])} {change}: p = {p}")
    return found


def _versions(results: Results, locale: Locale) -> list[str]:
    """That runs were measured by gates of different versions, where they were."""
    versions = [str(one) for one in sorted(set(results.done["measure_version"].dropna().astype(int)))]
    return (
        [locale.phrases["experiment"]["versions"].format(versions=locale.list(versions))] if len(versions) > 1 else []
    )


def _few(results: Results, made: dict[str, LevelTable], locale: Locale) -> str | None:
    """That the seeds are too few to show anything, where they are: p is at least 2^(1 - seeds), times the tests."""
    text, seeds = locale.phrases["experiment"], len(results.axes["seed"])
    tests = len(made[f"effects_{results.measure}"].rows)
    enough = next(n for n in range(2, 100) if tests * 2.0 ** (1 - n) < _SHOWN)
    if seeds >= enough or not tests:
        return None
    if seeds == 1:
        return text["one_seed"].format(enough=enough)
    least = locale.decimal(min(1, tests * 2.0 ** (1 - seeds)), 3)
    return text["few"].format(seeds=seeds, tests=tests, least=least, enough=enough)


def _missing(results: Results) -> list[str]:
    missing = results.table[results.table["loss"].isna()]
    names = [f"{escaping.code(row['run'])} {row['level']}" for row in _records(missing.head(MOST_SHOWN))]
    return [*names, *(["…"] if len(missing) > MOST_SHOWN else [])]


def _cut(table: LevelTable, results: Results) -> LevelTable:
    """The table with the first rows of each level alone."""
    rows = [row for level in results.levels for row in [r for r in table.rows if r["level"] == level][:MOST_SHOWN]]
    return LevelTable(table.name, table.columns, tuple(rows))


def _axis(axis: str, values: list[str]) -> str:
    return f"{escaping.code(axis)}: {', '.join(escaping.code(value) for value in values)}"


def _records(table) -> list[dict]:
    return [{key: _known(value) for key, value in row.items()} for row in table.to_dict("records")]


def _known(value):
    return None if value != value else value


def _ends(row: dict) -> dict:
    return {"low": row["low"], "high": row["high"]}


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
