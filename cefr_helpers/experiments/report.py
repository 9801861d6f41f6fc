"""Write the note of an experiment, with its tables as Markdown and CSV, and its figures as PNG and PDF."""

from pathlib import Path

from cefr_helpers.core.files import to_spreadsheet, write_atomically
from cefr_helpers.core.paths import Workspace
from cefr_helpers.experiments import results as experiment_results
from cefr_helpers.experiments import seed_means
from cefr_helpers.experiments.results import Results
from cefr_helpers.rendering import tables, templates
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
    """Return the tables: best settings, means over seeds, all settings, what each field explains, effects."""
    made = [_best(results), _over_seeds(workspace, results), _settings(results), _explained(results)]
    made.append(_effects(results, results.measure))
    if results.done["joint"].notna().any():
        made.append(_effects(results, "joint"))
    return {table.name: table for table in made}


def note(results: Results, made: dict[str, LevelTable], locale: Locale) -> str:
    """Return the note as Markdown."""
    cut = {table.name: _cut(table, results) for table in made.values() if table.rows}
    missing = results.table[results.table["loss"].isna()]
    return templates.render(
        "experiment.md.j2",
        locale,
        {
            "name": results.name,
            "done": len(results.done),
            "runs": len(results.table),
            "levels": results.levels,
            "axes": results.axes,
            "measure": results.measure,
            "versions": sorted(set(results.done["measure_version"].dropna().astype(int))),
            "findings": _findings(made),
            "few": _few(results, made),
            "tables": cut,
            "cut": any(len(table.rows) < len(made[name].rows) for name, table in cut.items()),
            "most_shown": MOST_SHOWN,
            "missing": [(row["run"], row["level"]) for row in _records(missing)],
            "csv_tables": [*made, "runs"],
            "figures": FIGURES,
        },
    )


def _draw(results: Results, folder: Path, language: str) -> None:
    from cefr_helpers.experiments import figures as experiment_plots  # matplotlib: only when figures are drawn
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
    """Return losses and Joint Success as means over seeds, with intervals over seeds and prompts together."""
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


def _findings(made: dict[str, LevelTable]) -> list[dict]:
    """Return for each table of effects its measure, the number of tests, and the rows that show a difference."""
    return [
        {
            "measure": name.removeprefix("effects_"),
            "tests": len(table.rows),
            "shown": [row for row in table.rows if row["holm"] is not None and row["holm"] < _SHOWN],
        }
        for name, table in made.items()
        if name.startswith("effects_") and table.rows
    ]


def _few(results: Results, made: dict[str, LevelTable]) -> dict | None:
    """Return how many seeds are needed, if they are too few: p is at least 2^(1 - seeds) times the tests."""
    seeds, tests = len(results.axes["seed"]), len(made[f"effects_{results.measure}"].rows)
    enough = next(n for n in range(2, 100) if tests * 2.0 ** (1 - n) < _SHOWN)
    if seeds >= enough or not tests:
        return None
    return {"seeds": seeds, "tests": tests, "enough": enough, "least": min(1, tests * 2.0 ** (1 - seeds))}


def _cut(table: LevelTable, results: Results) -> LevelTable:
    """Return the table with only the first rows of each level."""
    rows = [row for level in results.levels for row in [r for r in table.rows if r["level"] == level][:MOST_SHOWN]]
    return LevelTable(table.name, table.columns, tuple(rows))


def _records(table) -> list[dict]:
    return [{key: _known(value) for key, value in row.items()} for row in table.to_dict("records")]


def _known(value):
    return None if value != value else value


def _ends(row: dict) -> dict:
    return {"low": row["low"], "high": row["high"]}


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
