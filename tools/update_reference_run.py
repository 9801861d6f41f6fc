"""Copy a finished run to docs/reference_run and renew the README's table from its records: `make showcase`."""

import argparse
import shutil
import sys
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.core.progress import clock
from cefr_helpers.pipeline import configuration

ROWS, RATES = ("base", "tuned", "gold"), ("covered", "joint_success")
START, END = "<!-- made by `make showcase`: start -->", "<!-- made by `make showcase`: end -->"


def folder() -> Path:
    return project_root() / "docs" / "reference_run"


def update(workspace: Workspace) -> list[Path]:
    """Copy the notes, figures and records of all finished levels to docs/reference_run and renew the README's table.

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
    readme = project_root() / "README.md"
    files.write_atomically(readme, with_table(readme.read_text(encoding="utf-8")))
    return [folder(), readme]


def with_table(readme: str) -> str:
    """The README's text with the table of the reference run between its two marks."""
    before, rest = readme.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{table()}\n{END}{after}"


def table() -> str:
    """The reference run's levels as a Markdown table with where it comes from, from its records alone."""
    workspace = Workspace(folder(), folder() / "user_data")
    lines = [
        "| level | held-out loss, base → tuned (nats a token) | difference, 95% interval | word used, base → tuned "
        "| Joint Success, base → tuned (bank) | difference in points, 95% interval | training |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for level in LEVELS:
        if workspace.record(level, "comparison").is_file():
            lines.append(_row(workspace, level))
            last = records.read(workspace, level, "comparison")
    return "\n".join([*lines, "", _origin(last)])


def _row(workspace: Workspace, level: str) -> str:
    results = records.read(workspace, level, "comparison")["results"]
    seconds = records.read(workspace, level, "training")["results"]["duration_s"]
    found, answers = results["completion"], results["generation"]
    loss, joint = found["difference"], answers["differences"]["joint_success"]
    covered, success = ({row: answers["measures"][row][rate]["value"] for row in ROWS} for rate in RATES)
    return (
        f"| {level} | {found['base']['loss']:.3f} → {found['tuned']['loss']:.3f} "
        f"| {loss['estimate']:+.3f} [{loss['low']:+.3f}, {loss['high']:+.3f}] "
        f"| {covered['base']:.0%} → {covered['tuned']:.0%} "
        f"| {success['base']:.0%} → {success['tuned']:.0%} ({success['gold']:.0%}) "
        f"| {100 * joint['estimate']:+.0f} [{100 * joint['low']:+.0f}, {100 * joint['high']:+.0f}] "
        f"| {clock(seconds)} |"
    ).replace("-", "\N{MINUS SIGN}")


def _origin(record: dict) -> str:
    hardware = record["hardware"]
    return (
        f"`make run` on {record['created'][:10]}, commit `{record['commit'][:10]}`, recipe "
        f"`{record['recipe']['name']}`, {hardware['cores']} cores of an {hardware['cpu']}, no GPU, "
        f"seed {record['seed']}; "
        f"n = {record['results']['examples']} held-out examples and {record['results']['generation']['slots']} words "
        f"asked for a level. Records, notes and figures: "
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
