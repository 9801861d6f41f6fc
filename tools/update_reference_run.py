"""Copy a finished run to docs/reference_run and renew the README's example and table from it: `make showcase`."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from cefr_helpers.core import files, ratings, records
from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import STAGES, Workspace, project_root, resolve
from cefr_helpers.core.progress import clock
from cefr_helpers.core.schema import ComparisonRecord
from cefr_helpers.evaluation import parsing
from cefr_helpers.notes import readers
from cefr_helpers.pipeline import configuration
from cefr_helpers.rendering.locale import load_locale
from tools import marked_parts

if TYPE_CHECKING:
    import pandas

ROWS = ("base", "tuned", "gold")
# Notebook 04 is left out: the figures that it shows lie beside the notes.
NOTEBOOKS = [stage for stage in STAGES if stage.computes]
SEEDS = "seeds"  # the experiment whose means the README shows, where it was run
START, END = "<!-- made by `make showcase`: start -->", "<!-- made by `make showcase`: end -->"


def folder() -> Path:
    return project_root() / "docs" / "reference_run"


def update(workspace: Workspace, seeds: Workspace | None = None) -> list[Path]:
    """Copy notes, figures and records of all finished levels, and the last one's executed notebooks; renew the README.

    Args:
        seeds: output folder of `make experiment NAME=seeds`, whose note, tables and figures are copied too; the README
            then shows means over its seeds. By default the run's own output folder.

    Returns:
        The folder and the README.

    Raises:
        InputError: no level is finished.
    """
    levels = [level for level in LEVELS if workspace.record(level, "comparison").is_file()]
    if not levels:
        raise InputError(f"{workspace.output_root / 'runs'}: no level is finished; run `make run` first")
    shutil.rmtree(folder(), ignore_errors=True)
    shutil.copytree(workspace.notes(), folder() / "Notes", ignore=shutil.ignore_patterns("README.md", ".*"))
    for path in _of_seeds(seeds or workspace):
        content = path.read_bytes()
        files.write_atomically(folder() / "Notes" / path.relative_to((seeds or workspace).notes()), content)
    for level in levels:
        shutil.copytree(workspace.plots(level), folder() / "training_plots" / level)
        for name in records.NAMES:
            content = workspace.record(level, name).read_bytes()
            files.write_atomically(folder() / "runs" / level / f"{name}.json", content)
        _copy_ratings(workspace, level)
    for stage in NOTEBOOKS:
        name = f"runs/{levels[-1]}/{stage}.ipynb"
        content = without_machine(workspace.output_root / name, workspace)
        files.write_atomically(folder() / name, content)
    readme = project_root() / "README.md"
    files.write_atomically(readme, with_table(readme.read_text(encoding="utf-8")))
    return [folder(), readme]


def _copy_ratings(workspace: Workspace, level: str) -> None:
    """Copy readers' judgements of the level with their votes and the page's key, if there are any."""
    record = ratings.read_if_there(workspace, level)
    if record is None:
        return
    content = workspace.record(level, ratings.NAME).read_bytes()
    files.write_atomically(folder() / "runs" / level / f"{ratings.NAME}.json", content)
    for path in map(resolve, record.inputs):
        if path.suffix == ".json":  # not the table of answers
            files.write_atomically(folder() / "rating" / level / path.name, path.read_bytes())


def _of_seeds(workspace: Workspace) -> list[Path]:
    """Return note, tables and figures of the experiment, if they exist."""
    notes = workspace.notes()
    name = workspace.experiment_note(SEEDS).stem
    return [path for pattern in (f"{name}.md", f"*/{name}_*") for path in sorted(notes.glob(pattern))]


def without_machine(path: Path, workspace: Workspace) -> str:
    """Return an executed notebook as text, without paths of the machine that ran it and papermill's metadata."""
    notebook = nbformat.read(path, 4)
    for part in (notebook, *notebook.cells):
        part.metadata = {key: value for key, value in part.metadata.items() if key in ("kernelspec", "tags")}
    text = nbformat.writes(notebook) + "\n"
    for root, short in ((workspace.user_data, "user_data"), (workspace.output_root, "."), (project_root(), ".")):
        name = json.dumps(str(root), ensure_ascii=False)[1:-1]  # as JSON writes it
        text = text.replace(f"{name}/", f"{short}/".removeprefix("./")).replace(name, short)
    return text


def with_table(readme: str) -> str:
    """Return the README's text with the table of the reference run between its two marks."""
    return marked_parts.replace(readme, START, END, table())


def table() -> str:
    """Return an example, a Markdown table of the reference run's levels, and their origin, only from its records."""
    workspace = Workspace(folder(), folder() / "user_data")
    found = [level for level in LEVELS if workspace.record(level, "comparison").is_file()]
    last = records.read(workspace, found[-1], "comparison")
    heading = (
        "| level | loss on held-out words, base → tuned | Joint Success, base → tuned [95 % interval] (bank) "
        "| printable, tuned [95 % interval] (untuned, bank) | training |"
    )
    means, runs = (_table(workspace, name) for name in ("over_seeds", "runs"))
    if means is None or runs is None:
        rows, origin = [_row(workspace, level) for level in found], _origin(last)
    else:
        rows = [_row_of_means(workspace, row) for row in means.to_dict("records")]
        origin = _origin_of_means(means, runs, last)
    lines = [heading, "| --- | --- | --- | --- | --- |", *rows]
    return "\n".join([*example(last), "", *lines, "", _readers(workspace), "", origin])


def example(record: ComparisonRecord) -> list[str]:
    """Return the first word in the record's answers whose tuned sentence passes every check, with the base's answer."""
    results = record.results
    shown = next(slot for slot in results.generation.slots_shown if not slot.failed)
    base = dict(parsing.numbered_lines(required(results.answers[0].base)))
    return [
        f"| {record.level} sentence with **{shown.word}** | |",
        "| --- | --- |",
        f"| base model | {base.get(required(shown.slot), 'no sentence')} |",
        f"| tuned model | {shown.sentence} |",
    ]


def _table(workspace: Workspace, name: str) -> "pandas.DataFrame | None":
    import pandas as pd

    path = workspace.notes() / "tables" / f"{workspace.experiment_note(SEEDS).stem}_{name}.csv"
    return pd.read_csv(path) if path.is_file() else None


def _row_of_means(workspace: Workspace, row: dict) -> str:
    return (
        f"| {row['level']} | {row['base_loss']:.2f} → {row['tuned_loss']:.2f} "
        f"| {row['joint_base']:.0%} → {row['joint_tuned']:.0%} "
        f"[{row['joint_tuned_interval_low']:.0%}, {row['joint_tuned_interval_high']:.0%}] ({row['joint_gold']:.0%}) "
        f"| {_printable(workspace, row['level'])} | {_training_time(workspace, row['level'])} |"
    )


def _origin_of_means(means: "pandas.DataFrame", runs: "pandas.DataFrame", shown: ComparisonRecord) -> str:
    """Say what the means are over, and where the runs come from.

    Args:
        shown: the record of the example above the table.
    """
    done = runs[runs["loss"].notna()]
    several = {name: ", ".join(map(str, sorted(done[name].unique()))) for name in ("seed", "recipe", "cpu")}
    commits = ", ".join(f"`{commit[:10]}`" for commit in sorted(done["commit"].unique()))
    seeds, prompts = int(means["seeds"].min()), int(means["prompts"].min())
    return (
        f"Means over {seeds} seeds ({several['seed']}), each with its own words and training; intervals are over seeds "
        f"and prompts together ([how](docs/evaluation.md#certainty)). `make experiment NAME={SEEDS}` on "
        f"{done['created'].max()[:10]}, commit {commits}, recipe `{several['recipe']}`, {int(done['cores'].min())} "
        f"cores of an {several['cpu']}, no GPU; at least {prompts} prompts of ten words per level in all; loss in nats "
        f"per token. Example, figure, training times (minutes) and readers' votes are of seed {shown.seed}. Records, "
        "notes and figures of a run: [docs/reference_run](docs/reference_run/Notes/FINAL_REPORT.md); "
        f"[over the seeds](docs/reference_run/Notes/experiment_{SEEDS}.md)."
    )


def _row(workspace: Workspace, level: str) -> str:
    results = records.read(workspace, level, "comparison").results
    found = results.completion
    success = {system: results.generation.metric(system, "joint_success") for system in ROWS}
    low, high = success["tuned"].low, success["tuned"].high
    return (
        f"| {level} | {found.base.loss:.2f} → {found.tuned.loss:.2f} "
        f"| {success['base'].value:.0%} → {success['tuned'].value:.0%} [{low:.0%}, {high:.0%}] "
        f"({success['gold'].value:.0%}) | {_printable(workspace, level)} | {_training_time(workspace, level)} |"
    )


def _training_time(workspace: Workspace, level: str) -> str:
    record = records.read_if_there(workspace, level, "training")
    return clock(required(record.results.duration_s)) if record else "not run"


def _printable(workspace: Workspace, level: str) -> str:
    """Return the shares that readers would print, for the tuned model, the best untuned row and the bank."""
    record = ratings.read_if_there(workspace, level)
    systems = record.results.systems if record else {}
    if "tuned" not in systems:
        return "not rated yet"
    tuned = systems["tuned"].printable
    untuned = [required(one.printable.value) for row, one in systems.items() if row.startswith("base")]
    others = [*([max(untuned)] if untuned else []), *([systems["gold"].printable.value] if "gold" in systems else [])]
    return f"{tuned.value:.0%} [{tuned.low:.0%}, {tuned.high:.0%}] ({', '.join(f'{one:.0%}' for one in others)})"


def _readers(workspace: Workspace) -> str:
    """Say who the readers are, or how to get some."""
    found = [record.results for level in LEVELS if (record := ratings.read_if_there(workspace, level))]
    said = list(dict.fromkeys(readers.who(one, load_locale("en")) for one in found if one.readers))
    if not said:
        return "Nobody has rated these sentences yet: `make rate` makes the [page](docs/rating.md) for it."
    questions = "*Printable* means yes to all three questions of the [page for readers](docs/rating.md)."
    return f"{questions} Readers: {'; '.join(said)}."


def _origin(record: ComparisonRecord) -> str:
    hardware = record.hardware
    return (
        f"`make run` on {required(record.created)[:10]}, commit `{required(record.commit)[:10]}`, recipe "
        f"`{record.recipe['name']}`, {hardware.cores} cores of an {hardware.cpu}, no GPU, "
        f"one seed, {record.seed}; "
        f"n = {record.results.examples} held-out examples and {record.results.generation.slots} words "
        f"per level; loss in nats per token, time in minutes. Records, notes and figures: "
        "[docs/reference_run](docs/reference_run/Notes/FINAL_REPORT.md)."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output-root", help="Output folder of the run, with Notes and runs; default: config.yaml.")
    parser.add_argument("--seeds", help=f"Output folder of the experiment {SEEDS}; default: that of the run.")
    given = {key: value for key, value in vars(parser.parse_args()).items() if value}
    try:
        seeds = given.pop("seeds", None)
        workspace = configuration.read(given).workspace
        print(*update(workspace, configuration.read({"output_root": seeds}).workspace if seeds else None), sep="\n")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
