"""`python -m benchmarks`: measure, write the results as JSON, and renew docs/benchmarks.md from them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import groups, page, results, rounds, tables, workload
from benchmarks import settings as sizes
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.models import base_model
from cefr_helpers.pipeline import snakemake

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    bank: Annotated[str, typer.Option(help="Sentence bank: bundled, or a folder or file with level B2.")] = "bundled",
    quick: Annotated[bool, typer.Option("--quick", help="Check that every program works; publish nothing.")] = False,
    only: Annotated[str, typer.Option(help=f"Some of the groups: {' '.join(sizes.GROUPS)}.")] = "",
    rows: Annotated[str, typer.Option(help="Some of the rows, by name; publishes nothing.")] = "",
) -> None:
    """Measure this suite, its peers and the machine's limit in turns.

    If it is stopped, call it again with the same options, code and machine, and it measures what is missing.
    """
    chosen = _groups(only)
    path = bank if bank == "bundled" else str(Path(bank).expanduser().resolve())
    settings = sizes.quick(path) if quick else sizes.Settings(bank=path)
    root = base_model.cache_folder() / "benchmarks"
    with snakemake.only_run(root):
        work = workload.prepare(settings, root / "work")
        asked = {group: groups.named(groups.of(group, settings, work), rows.split()) for group in chosen}
        found = [_measure(group, own, settings, work) for group, own in asked.items() if own]
        if not quick and not rows:
            # all together at the end: until then the working tree is the commit that the results name
            typer.echo(page.publish(found))
            rounds.forget(chosen, work)


def _measure(group: str, rows: list[groups.Row], settings: sizes.Settings, work: workload.Workload) -> dict:
    found = results.collect(group, rows, rounds.measure(rows, settings, work), settings, work)
    typer.echo(f"{results.write(work.folder / 'results', found)}\n\n{tables.part(found)}\n")
    return found


def _groups(only: str) -> list[str]:
    names = only.replace(",", " ").split()
    unknown = [name for name in names if name not in sizes.GROUPS]
    if unknown:
        raise InputError(f"--only: {shown(unknown[0])}; expected some of {', '.join(sizes.GROUPS)}")
    return [group for group in sizes.GROUPS if not names or group in names]


if __name__ == "__main__":
    try:
        app()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
