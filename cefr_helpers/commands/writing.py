"""The `cefr write` command: checked sentences for a word list, as files that a class can use."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cefr_helpers.commands.options import (
    Bank,
    OutputRoot,
    RecipeName,
    Seed,
    UserData,
    overrides,
    resumable,
    shown,
    upper,
)
from cefr_helpers.core import secret_scan
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.pipeline import configuration
from cefr_helpers.writing import forms, plans

if TYPE_CHECKING:
    from cefr_helpers.writing.judge_model import JudgeServer

_TIMEOUT_S = 300.0  # to wait for any part of the judge model's answer
_RESUME = "All sentences so far are saved: the same command continues from there."


def write(
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

    names = forms.parse(form)
    settings = configuration.read(
        overrides(recipe=recipe, bank=bank, output_root=output_root, user_data=user_data, seed=seed)
    )
    if decided is not None:
        _give_out(decided, names, output, settings.workspace, words or level)
        return
    if words is None or level is None:
        raise InputError("words, level: both are needed, or a file as decided")
    plan = plans.read(words, level, sentences, candidates, known, settings.seed)
    folder = _folder(output, settings.workspace, plan.name, level)
    typer.echo("\n".join(plan.read_as))
    request = call.Request(
        plan,
        names,
        folder,
        model,
        settings.sentence_bank,
        settings.workspace,
        load_recipe(settings.recipe),
        _judge_server(server, judge, max_new_tokens),
    )
    with resumable(_RESUME, chat_client.Unavailable):
        choice, paths = call.write(request, typer.echo)
    for path in paths:
        typer.echo(f"{shown(path)}")
    if not paths:
        raise InputError(f"words: {words}: no sentence passed for any word; {folder / 'made'} says why")


def _judge_server(server: str | None, model: str | None, max_new_tokens: int) -> "JudgeServer | None":
    from cefr_helpers.bank_making import chat_client
    from cefr_helpers.writing.judge_model import JudgeServer

    secret_scan.refuse_secrets("cefr write", {"server": server, "judge": model})
    if server is None:
        if model is not None:
            raise InputError(f"judge: {model} without a server; expected server too, such as {chat_client.DEFAULT}")
        return None
    url = chat_client.address(server)
    return JudgeServer(chat_client.ChatClient(url, chat_client.key_for(url), _TIMEOUT_S), model, max_new_tokens)


def _give_out(path: Path, names: tuple[str, ...], output: Path | None, workspace: Workspace, others: object) -> None:
    from cefr_helpers.writing import call, decisions

    if others:
        raise InputError(f"decided: {path} already contains words and level; leave those options out")
    found = decisions.read(path)
    folder = _folder(output, workspace, re.sub(r"[/\\\0]", "_", found.name), found.level)
    for written in call.write_decided(found, names, folder, typer.echo):
        typer.echo(shown(written))


def _folder(output: Path | None, workspace: Workspace, name: str, level: str) -> Path:
    return Path(os.path.abspath(output)) if output else workspace.written(name, level)
