"""Copy a finished run to docs/reference_run and renew the README's example and table from it: `make showcase`."""

import argparse
import json
import shutil
import sys
from pathlib import Path

import nbformat

from cefr_helpers.core import files, ratings, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import STAGES, Workspace, project_root, resolve
from cefr_helpers.core.progress import clock
from cefr_helpers.core.schema import ComparisonRecord
from cefr_helpers.evaluation import parsing
from cefr_helpers.notes import reader_sections
from cefr_helpers.pipeline import configuration
from cefr_helpers.rendering.locale import load_locale
from tools import marked_parts

ROWS = ("base", "tuned", "gold")
# Notebook 04 is left out: the figures that it shows lie beside the notes.
NOTEBOOKS = [stage for stage in STAGES if stage.computes]
START, END = "<!-- made by `make showcase`: start -->", "<!-- made by `make showcase`: end -->"


def folder() -> Path:
    return project_root() / "docs" / "reference_run"


def update(workspace: Workspace) -> list[Path]:
    """Copy notes, figures and records of all finished levels, and the last one's executed notebooks; renew the README.

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
    """What readers say of the level, with their votes and the page's key, where there is anything."""
    record = ratings.read_if_there(workspace, level)
    if record is None:
        return
    content = workspace.record(level, ratings.NAME).read_bytes()
    files.write_atomically(folder() / "runs" / level / f"{ratings.NAME}.json", content)
    for path in map(resolve, record.inputs):
        if path.suffix == ".json":  # not the table of answers
            files.write_atomically(folder() / "rating" / level / path.name, path.read_bytes())


def without_machine(path: Path, workspace: Workspace) -> str:
    """An executed notebook as text, without the paths of the machine that ran it and without papermill's metadata."""
    notebook = nbformat.read(path, 4)
    for part in (notebook, *notebook.cells):
        part.metadata = {key: value for key, value in part.metadata.items() if key in ("kernelspec", "tags")}
    text = nbformat.writes(notebook) + "\n"
    for root, short in ((workspace.user_data, "user_data"), (workspace.output_root, "."), (project_root(), ".")):
        name = json.dumps(str(root), ensure_ascii=False)[1:-1]  # as JSON writes it
        text = text.replace(f"{name}/", f"{short}/".removeprefix("./")).replace(name, short)
    return text


def with_table(readme: str) -> str:
    """The README's text with the table of the reference run between its two marks."""
    return marked_parts.replace(readme, START, END, table())


def table() -> str:
    """An example, the reference run's levels as a Markdown table, and where they come from, from its records alone."""
    workspace = Workspace(folder(), folder() / "user_data")
    lines = [
        "| level | loss on held-out words, base → tuned | Joint Success, base → tuned [95 % interval] (bank) "
        "| printable, tuned [95 % interval] (untuned, bank) | training |",
        "| --- | --- | --- | --- | --- |",
    ]
    for level in LEVELS:
        if workspace.record(level, "comparison").is_file():
            lines.append(_row(workspace, level))
            last = records.read(workspace, level, "comparison")
    return "\n".join([*example(last), "", *lines, "", _readers(workspace), "", _origin(last)])


def example(record: ComparisonRecord) -> list[str]:
    """The first word in the record's answers whose tuned sentence passes every check, with the base's answer."""
    results = record.results
    shown = next(slot for slot in results.generation.slots_shown if not slot.failed)
    base = dict(parsing.numbered_lines(results.answers[0].base))
    return [
        f"| {record.level} sentence with **{shown.word}** | |",
        "| --- | --- |",
        f"| base model | {base.get(shown.slot, 'no sentence')} |",
        f"| tuned model | {shown.sentence} |",
    ]


def _row(workspace: Workspace, level: str) -> str:
    results = records.read(workspace, level, "comparison").results
    seconds = records.read(workspace, level, "training").results.duration_s
    found = results.completion
    success = {system: results.generation.metric(system, "joint_success") for system in ROWS}
    low, high = success["tuned"].low, success["tuned"].high
    return (
        f"| {level} | {found.base.loss:.2f} → {found.tuned.loss:.2f} "
        f"| {success['base'].value:.0%} → {success['tuned'].value:.0%} [{low:.0%}, {high:.0%}] "
        f"({success['gold'].value:.0%}) | {_printable(workspace, level)} | {clock(seconds)} |"
    )


def _printable(workspace: Workspace, level: str) -> str:
    """What readers would print of the tuned model's, of the best untuned row's and of the bank's sentences."""
    record = ratings.read_if_there(workspace, level)
    systems = record.results.systems if record else {}
    if "tuned" not in systems:
        return "not rated yet"
    tuned = systems["tuned"].printable
    untuned = [one.printable.value for row, one in systems.items() if row.startswith("base")]
    others = [*([max(untuned)] if untuned else []), *([systems["gold"].printable.value] if "gold" in systems else [])]
    return f"{tuned.value:.0%} [{tuned.low:.0%}, {tuned.high:.0%}] ({', '.join(f'{one:.0%}' for one in others)})"


def _readers(workspace: Workspace) -> str:
    """Whose word "printable" is, or how to get one."""
    found = [record.results for level in LEVELS if (record := ratings.read_if_there(workspace, level))]
    said = list(dict.fromkeys(reader_sections.who(one, load_locale("en")) for one in found if one.readers))
    if not said:
        return "Nobody has rated these sentences yet: `make rate` makes the [page](docs/rating.md) for it."
    questions = "*Printable* is yes to all three questions of the [page for readers](docs/rating.md)."
    return f"{questions} Readers: {'; '.join(said)}."


def _origin(record: ComparisonRecord) -> str:
    hardware = record.hardware
    return (
        f"`make run` on {record.created[:10]}, commit `{record.commit[:10]}`, recipe "
        f"`{record.recipe['name']}`, {hardware.cores} cores of an {hardware.cpu}, no GPU, "
        f"seed {record.seed}; "
        f"n = {record.results.examples} held-out examples and {record.results.generation.slots} words "
        f"per level; loss in nats per token, time in minutes. Records, notes and figures: "
        "[docs/reference_run](docs/reference_run/Notes/FINAL_REPORT.md)."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output-root", help="Where the run is, with its Notes and runs; default: config.yaml.")
    given = {key: value for key, value in vars(parser.parse_args()).items() if value}
    try:
        print(*update(configuration.read(given).workspace), sep="\n")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
