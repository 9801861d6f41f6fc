"""The `cefr` commands that collect readers' judgements of sentences and compare them with the measures."""

from pathlib import Path
from typing import Annotated

import typer

from cefr_helpers.commands.options import Language, Levels, OutputRoot, Seed, overrides, resumable, shown, upper
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.pipeline import configuration


def rate(
    levels: Levels = None,
    items: Annotated[int, typer.Option(min=1, max=2000, help="Sentences to judge.")] = 80,
    pairs: Annotated[int, typer.Option(min=0, max=2000, help="Pairs of sentences to compare.")] = 20,
    written: Annotated[
        Path | None,
        typer.Option(help="Table of `cefr write` whose sentences are judged too: its sentences.csv, for one level."),
    ] = None,
    language: Language = None,
    output_root: OutputRoot = None,
    seed: Seed = None,
) -> None:
    """Write a page on which people judge the sentences of finished runs blind; it works from disk."""
    from cefr_helpers.rating import page
    from cefr_helpers.rating.items import read_table

    settings = configuration.read(overrides(levels, language=language, output_root=output_root, seed=seed))
    if written is not None and len(settings.levels) > 1:
        raise InputError(f"written: {written}: is for one level; name that level as LEVELS")
    for level in settings.levels:  # all are checked before any page is made
        read_table(settings.workspace, level)
    for level in settings.levels:
        built = page.build(settings.workspace, level, settings.language, items, pairs, settings.seed, written)
        if built.earlier:
            typer.echo(f"{level}: the previous page, about other sentences, and its key are in {shown(built.earlier)}")
        asked = f"{len(built.key.items)} sentences, {len(built.key.pairs)} pairs"
        typer.echo(f"{level}: {shown(built.path)} (page {built.key.page}: {asked})")
    typer.echo('Open a page, or give it to readers, without its key.json; then: make rated VOTES="their files"')


def rated(
    votes: Annotated[
        list[Path] | None,
        typer.Argument(help="Files that readers saved, and decisions of `cefr write`, apart.", show_default=False),
    ] = None,
    language: Language = None,
    output_root: OutputRoot = None,
) -> None:
    """Read votes, compare them with gates and measures, and put the results into notes and report."""
    from cefr_helpers.core import level_records, ratings
    from cefr_helpers.notes import final_report, readers, results_note
    from cefr_helpers.rating import results
    from cefr_helpers.rendering.locale import load_locale
    from cefr_helpers.sharing import model_card

    settings = configuration.read(overrides(language=language, output_root=output_root))
    workspace, locale = settings.workspace, load_locale(settings.language)
    given = results.read(workspace, votes or [])
    before = {one.level: ratings.read_if_there(workspace, one.level) for one in given}
    for one in given:
        results.write(workspace, one, results.compute(workspace, one))
    for one in given:
        found = level_records.read_level(workspace, one.level)
        typer.echo(f"{one.level}: {readers.headline(found, locale)}")
        if gone := results.no_longer_there(before[one.level], found.ratings):
            typer.echo(f"{one.level}: earlier votes of {', '.join(gone)} were not given, and no longer count")
        if found.is_done:
            typer.echo(shown(results_note.write_results_note(workspace, one.level, settings.language)))
            for card in model_card.write_cards(workspace, one.level):
                typer.echo(shown(card))
    if workspace.final_report().is_file():
        typer.echo(shown(final_report.write_final_report(workspace, LEVELS, settings.language)))


def judge(
    level: Annotated[str, typer.Option(callback=upper, help="The CEFR level whose page is to be judged.")],
    server: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server, its key in BANK_API_KEY; default: llama.cpp's here."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model of the server; default: the one it lists.")] = None,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Maximum tokens of an answer; reasoning models need more.")
    ] = 300,
    timeout_s: Annotated[float, typer.Option(min=1, help="Seconds to wait for any part of an answer.")] = 300,
    output_root: OutputRoot = None,
) -> None:
    """Let a model behind a server answer the page's questions; its votes are kept separate from readers' votes."""
    from cefr_helpers.bank_making import chat_client
    from cefr_helpers.core import secret_scan
    from cefr_helpers.rating import judge as judging

    secret_scan.refuse_secrets("cefr judge", {"server": server, "model": model})
    asked = chat_client.connect(server or chat_client.DEFAULT, timeout_s)
    settings = configuration.read(overrides(check_level(level), output_root=output_root))
    kept = "All answers so far are saved: the same command continues from there."
    with resumable(kept, chat_client.Unavailable):
        made = judging.judge(settings.workspace, level, asked, model, max_new_tokens, typer.echo)
    typer.echo(f"{shown(made)}: give it to `make rated` with the readers' votes; without them it is not checked")
