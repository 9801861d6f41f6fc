"""The `cefr` command: what Make calls, and what works without Make."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from cefr_helpers.commands import level as level_command
from cefr_helpers.commands import rating, sharing, writing
from cefr_helpers.commands.options import (
    Bank,
    DryRun,
    Language,
    Levels,
    NoChecks,
    OutputRoot,
    Profile,
    RecipeName,
    Seed,
    UserData,
    overrides,
    resumable,
    shown,
    upper,
)
from cefr_helpers.core.errors import Busy, DiskFull, InputError
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import bank_check, banks, word_lists
from cefr_helpers.evaluation import bank_levels
from cefr_helpers.pipeline import configuration, resources, runs, side_by_side, snakemake, stages
from cefr_helpers.pipeline.configuration import RunConfig
from cefr_helpers.training import preflight

_NO_ENGLISH = "  No sentence has an English word, so the level that people would give them is unknown."
app = typer.Typer(
    help="Teach a small language model to write example sentences at a CEFR level, and measure what it learned.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    levels: Levels = None,
    recipe: RecipeName = None,
    bank: Bank = None,
    language: Language = None,
    output_root: OutputRoot = None,
    user_data: UserData = None,
    seed: Seed = None,
    profile: Profile = "local",
    dry_run: DryRun = False,
    no_checks: NoChecks = False,
) -> None:
    """Run the four notebooks for each level, then the final report; skip what is up to date."""
    settings = configuration.read(overrides(levels, recipe, bank, language, output_root, user_data, seed))
    for one in configuration.check_inputs(settings):
        typer.echo(bank_check.short(one))
    workspace = settings.workspace
    profile_folder = snakemake.profile_folder(profile)
    _set_checks(no_checks)
    with snakemake.only_run(workspace.output_root):
        recipes = {settings.recipe: load_recipe(settings.recipe)}
        config = settings.model_dump() | resources.for_profile(profile_folder, recipes, workspace.output_root)
        started, call = time.time(), (config, workspace.output_root, profile_folder)
        forced = runs.forced([runs.single(settings)])
        if dry_run:
            rules = snakemake.planned(*call, ["levels", *forced])
            typer.echo("\n".join(runs.plan_lines(settings, rules)))
            raise typer.Exit
        ok = side_by_side.run(*call, forced, recipes.values(), workspace.output_root)
        if any(workspace.record(level, "training").is_file() for level in LEVELS):
            # in a separate call: the report covers the finished levels, and must not retry a failed one
            ok &= snakemake.snakemake(*call, ["report", "--allowed-rules", "report"])
    failures = runs.single(settings).failures(started)
    _summary(settings, failures)
    if failures or not ok:
        raise typer.Exit(1)


@app.command()
def check(
    bank: Annotated[str, typer.Argument(help="Sentence bank: bundled, a folder with one file per level, or a file.")],
    level: Annotated[
        str | None, typer.Option(callback=upper, help="The CEFR level to read; default: all levels of the bank.")
    ] = None,
    recipe: RecipeName = None,
    seed: Seed = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a run would read, change, drop or doubt in a bank, whether it is enough, and how its levels read."""
    levels = [check_level(level)] if level is not None else []
    given = overrides(recipe=recipe, bank=bank, seed=seed)
    settings = configuration.read({key: value for key, value in given.items() if key != "sentence_bank"})
    found = bank_check.check(given["sentence_bank"], levels, load_recipe(settings.recipe), settings.seed)
    passed_over = banks.passed_over(given["sentence_bank"])
    placed = (bank_levels.of_bank(one.named_level, one.bank, settings.seed) for one in found)
    if as_json:
        told = bank_check.as_json(found, passed_over)
        for one, placement in zip(found, placed, strict=True):
            told["levels"][one.level]["placement"] = placement and placement.as_dict()
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for one, placement in zip(found, placed, strict=True):
        typer.echo("\n".join(bank_check.lines(one, settings.recipe)))
        typer.echo("\n".join(f"  {line}" for line in placement.lines()) if placement else _NO_ENGLISH)
    for one in passed_over:
        typer.echo(f"Ignored: {one}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="A name in experiments/ (rank, seeds) or a .yaml file.")],
    bank: Bank = None,
    language: Language = None,
    output_root: OutputRoot = None,
    profile: Profile = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and estimate their cost.")] = False,
    no_checks: NoChecks = False,
) -> None:
    """Run an experiment's grid of runs, then its report; skip what is up to date."""
    from cefr_helpers.experiments import grid as experiments
    from cefr_helpers.experiments import running

    settings = configuration.read(overrides(bank=bank, language=language, output_root=output_root))
    grid = experiments.read(name, settings)
    if dry_run:
        typer.echo("\n".join(running.plan(grid, snakemake.profile_folder(profile))))
        return
    _set_checks(no_checks)
    ok, failures = running.run(grid, snakemake.profile_folder(profile))
    if (note := settings.workspace.experiment_note(grid.name)).is_file():
        typer.echo(f"Report: {shown(note)}")
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    raise typer.Exit(0 if ok else 1)


@app.command()
def status(
    levels: Levels = None,
    recipe: RecipeName = None,
    bank: Bank = None,
    language: Language = None,
    output_root: OutputRoot = None,
    user_data: UserData = None,
    seed: Seed = None,
) -> None:
    """List levels and stages with their age, whether their inputs have changed since, and what would run next."""
    from cefr_helpers.pipeline import status

    settings = configuration.read(overrides(levels, recipe, bank, language, output_root, user_data, seed))
    found = status.of_all(settings)
    typer.echo(f"{status.table(found)}\n\n{status.next_line(found, settings)}")


@app.command()
def adopt(
    source: Annotated[Path, typer.Argument(help="Folder of the earlier run: trainer_state.json or event files.")],
    level: Annotated[str, typer.Argument(callback=upper, help="Its CEFR level.")],
    language: Language = None,
    output_root: OutputRoot = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the level's training record.")] = False,
) -> None:
    """Import a run that was trained elsewhere, and write its record, plots and note."""
    from cefr_helpers.notes import results_note, training_figures
    from cefr_helpers.training import adoption

    settings = configuration.read(overrides(language=language, output_root=output_root))
    record = adoption.adopt(source, level, settings.workspace, replace)
    drawn = training_figures.draw_all(settings.workspace, level, settings.language)
    note = results_note.write_results_note(settings.workspace, level, settings.language)
    for path in (record, *drawn, note):
        typer.echo(path)


@app.command()
def bank(
    words: Annotated[Path, typer.Option(help="The word list: a table with a column word, or .txt, one word per line.")],
    level: Annotated[str, typer.Option(callback=upper, help="The CEFR level of the sentences.")],
    server: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server, its key in BANK_API_KEY; default: llama.cpp's here."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model of the server; default: the one it lists.")] = None,
    sentences: Annotated[int, typer.Option(min=1, max=50, help="Sentences per word.")] = 5,
    output: Annotated[Path | None, typer.Option(help="The bank, .json or .csv; default: in user_data/banks.")] = None,
    tries: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of requests per word.")] = 3,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Sampling temperature; 0 always takes the likeliest token.")
    ] = 0.8,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Maximum tokens of an answer; reasoning models need more.")
    ] = 1000,
    timeout_s: Annotated[float, typer.Option(min=1, help="Seconds to wait for any part of an answer.")] = 300,
    prompt: Annotated[
        Literal["auto", "tuned", "plain"],
        typer.Option(help="The prompt: that of this suite's training, a plain one, or chosen by the model's name."),
    ] = "auto",
    bank: Bank = None,
    output_root: OutputRoot = None,
    user_data: UserData = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show the first prompt, and send nothing.")
    ] = False,
) -> None:
    """Let a model behind a server write a sentence bank for a word list; no answered request is sent again."""
    from cefr_helpers.bank_making import chat_client, checks, generator, storage, tuned_models
    from cefr_helpers.core import secret_scan

    given = {"words": words, "server": server, "model": model, "output": output}
    secret_scan.refuse_secrets("cefr bank", given)
    asked = chat_client.connect(server or chat_client.DEFAULT, timeout_s)
    settings = configuration.read(
        overrides(check_level(level), bank=bank, output_root=output_root, user_data=user_data)
    )
    listed = word_lists.read(words, level)
    typer.echo("\n".join(listed.lines()))
    place = storage.BankOutput(Path(os.path.abspath(output)) if output else settings.workspace.made_bank(level))
    teachers = checks.read_reference_banks(settings.sentence_bank, level, place.bank, settings.workspace)
    known = tuned_models.known_names(settings.workspace)
    plan = generator.Plan(listed.words, level, sentences, tries, model, temperature, max_new_tokens, prompt, known)
    if dry_run:
        typer.echo(generator.preview(plan, teachers, place))
        return
    with resumable(generator.GO_ON, chat_client.Unavailable):
        results = generator.generate(plan, teachers, place, asked, words)
    typer.echo(storage.report(results, place))
    raise typer.Exit(0 if results["kept"] and not results["stopped"] else 1)


@app.command()
def site(language: Language = None, output_root: OutputRoot = None) -> None:
    """Turn notes, executed notebooks and answers into static pages (site/index.html) that need no network."""
    from cefr_helpers.site import build

    settings = configuration.read(overrides(language=language, output_root=output_root))
    typer.echo(shown(build.build(settings.workspace, settings.language)))


@app.command()
def doctor(output_root: OutputRoot = None, user_data: UserData = None) -> None:
    """Show what this machine has, which recipes fit, how long a level takes, and how to fix what is missing."""
    from cefr_helpers.pipeline import doctor

    typer.echo(doctor.report(configuration.read(overrides(output_root=output_root, user_data=user_data))))


app.command()(level_command.level)
app.command()(writing.write)
app.command()(rating.rate)
app.command()(rating.rated)
app.command()(rating.judge)
app.command()(sharing.export)
app.command()(sharing.serve)
app.command()(sharing.publish)


def main() -> None:
    """Run the command; bad input ends with only its message and exit code 2."""
    try:
        app()
    except (InputError, DiskFull) as error:
        print(error, file=sys.stderr)
        sys.exit(1 if isinstance(error, (Busy, DiskFull)) else 2)


def _set_checks(no_checks: bool) -> None:
    """Set it in the environment, which Snakemake and its stages inherit."""
    if no_checks:
        os.environ[preflight.OVERRIDE] = "1"


def _summary(settings: RunConfig, failures: list[str]) -> None:
    workspace = settings.workspace
    for level in settings.levels:
        if workspace.note(level).is_file() and not any(failure.startswith(level) for failure in failures):
            typer.echo(f"{level}: {shown(workspace.note(level))}")
    if all(path.is_file() for path in stages.outputs(workspace, Stage.REPORT, "")):
        typer.echo(f"Report: {shown(workspace.final_report())}")
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)


if __name__ == "__main__":
    main()
