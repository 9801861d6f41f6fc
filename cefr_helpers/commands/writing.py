"""The `cefr write` command: checked sentences for a word list, as files that a class can use."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from cefr_helpers.commands.options import (
    Bank,
    OutputRoot,
    RecipeName,
    Seed,
    UserData,
    overrides,
    refuse_unused,
    resumable,
    shown,
    upper,
)
from cefr_helpers.core import secret_scan
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.pipeline import configuration
from cefr_helpers.pipeline.configuration import RunConfig
from cefr_helpers.writing import forms, plans

_ONLY_FOR_WRITING = ("words", "level", "sentences", "known", "candidates", "seed", "server", "judge", "max_new_tokens")
_ONLY_FOR_GAPS = ("model", "bank", "recipe")
_RESUME = "All sentences so far are saved: the same command continues from there."


def write(
    context: typer.Context,
    words: Annotated[
        Path | None,
        typer.Option(help="The word list: a table with a column word (pos, meaning, topic), or one word per line."),
    ] = None,
    level: Annotated[str | None, typer.Option(callback=upper, help="The CEFR level of the sentences.")] = None,
    sentences: Annotated[int, typer.Option(help=f"Sentences per word, 1 to {plans.MOST_SENTENCES}.")] = 3,
    form: Annotated[str, typer.Option(help=f"One or more of: {' '.join(forms.FORMS)}.")] = forms.DEFAULT,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the forms; default: LIST_LEVEL in sentences/.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Folder of an adapter or a model, or a hub id; default: the level's newest adapter."),
    ] = None,
    known: Annotated[
        Path | None, typer.Option(help="Words the class knows: only these and easier ones are used.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server with a judge model, its key in BANK_API_KEY; default: none."),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="The judge: a model of the server; default: the one that it lists.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Maximum tokens of a judge's answer.")] = 300,
    candidates: Annotated[int, typer.Option(min=1, max=64, help="Candidates per word to choose from.")] = (
        plans.CANDIDATES
    ),
    decided: Annotated[
        Path | None,
        typer.Option(help="Decisions saved on the page of an earlier call: only make forms of them."),
    ] = None,
    bank: Bank = None,
    recipe: RecipeName = None,
    output_root: OutputRoot = None,
    user_data: UserData = None,
    seed: Seed = None,
) -> None:
    """Write checked, varied example sentences for a word list, as a deck, a worksheet, a table or a bank."""
    from cefr_helpers.bank_making import chat_client
    from cefr_helpers.writing import call
    from cefr_helpers.writing.judge_model import JudgeServer

    names = forms.parse(form)
    settings = configuration.read(
        overrides(recipe=recipe, bank=bank, output_root=output_root, user_data=user_data, seed=seed)
    )
    if decided is not None:
        _refuse_unused_beside_decided(context, decided, names)
        _give_out(decided, names, output, model, settings)
        return
    if words is None or level is None:
        raise InputError("words, level: both are needed, or a file as decided")
    secret_scan.refuse_secrets("cefr write", {"server": server, "judge": judge})
    if server is None:
        expected = f"without a server; expected server too, such as {chat_client.DEFAULT}"
        refuse_unused(context, ("judge", "max_new_tokens"), expected)
    plan = plans.read(words, level, sentences, candidates, known, settings.seed)
    folder = _folder(output, settings.workspace, plan.name, level)
    typer.echo("\n".join(plan.read_as))
    request = call.Request(
        names,
        folder,
        model,
        settings.sentence_bank,
        settings.workspace,
        load_recipe(settings.recipe),
        plan=plan,
        server=JudgeServer(chat_client.connect(server), judge, max_new_tokens) if server is not None else None,
    )
    with resumable(_RESUME, chat_client.Unavailable):
        choice, paths = call.write(request, typer.echo)
    for path in paths:
        typer.echo(f"{shown(path)}")
    if not paths:
        raise InputError(f"words: {words}: no sentence passed for any word; {folder / 'made'} says why")


def _refuse_unused_beside_decided(context: typer.Context, decided: Path, names: tuple[str, ...]) -> None:
    beside = f"beside decided: {decided} already contains words and level, and only their forms are made"
    refuse_unused(context, _ONLY_FOR_WRITING, f"{beside}; leave it out")
    if not forms.need_gaps(names):
        only = ", ".join(form for form in forms.FORMS if form in forms.WITH_GAPS)
        refuse_unused(context, _ONLY_FOR_GAPS, f"{beside}, without {only}, which need a model; leave it out")


def _give_out(path: Path, names: tuple[str, ...], output: Path | None, model: str | None, settings: RunConfig) -> None:
    from cefr_helpers.writing import call, decisions

    found = decisions.read(path)
    folder = _folder(output, settings.workspace, re.sub(r"[/\\\0]", "_", found.name), found.level)
    request = call.DecidedRequest(
        names, folder, model, settings.sentence_bank, settings.workspace, load_recipe(settings.recipe), decided=found
    )
    for written in call.write_decided(request, typer.echo):
        typer.echo(shown(written))


def _folder(output: Path | None, workspace: Workspace, name: str, level: str) -> Path:
    return Path(os.path.abspath(output)) if output else workspace.written(name, level)
