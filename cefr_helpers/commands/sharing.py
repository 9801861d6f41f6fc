"""The `cefr` commands that share trained models: as GGUF files, behind a server, and on the Hugging Face Hub."""

import os
import sys
from typing import Annotated, Literal

import typer

from cefr_helpers.commands.options import Levels, OutputRoot, UserData, overrides, shown, upper
from cefr_helpers.pipeline import configuration, snakemake
from cefr_helpers.sharing import hub_package


def export(
    levels: Levels = None,
    quantisation: Annotated[str, typer.Option(help="Format of the weights: f16, bf16 or q8_0.")] = "f16",
    output_root: OutputRoot = None,
    user_data: UserData = None,
) -> None:
    """Write each level's merged model as a GGUF file with a Modelfile, for programs such as Ollama and llama.cpp."""
    from cefr_helpers.sharing import gguf

    settings = configuration.read(overrides(levels, output_root=output_root, user_data=user_data))
    failures = []
    with snakemake.only_run(settings.workspace.output_root):
        for level in settings.levels:
            gguf.check_input(settings.workspace, level, quantisation)
        for level in settings.levels:
            try:
                typer.echo(f"{level}: {shown(gguf.export(settings.workspace, level, quantisation))}")
            except RuntimeError as error:
                failures.append(f"{level}: {error}")
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    raise typer.Exit(1 if failures else 0)


def serve(
    level: Annotated[str, typer.Option(callback=upper, help="The CEFR level whose exported model is served.")],
    quantisation: Annotated[
        str | None, typer.Option(help="Which export: f16, bf16 or q8_0; default: the first.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any free port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines connect.")] = (
        "127.0.0.1"
    ),
    output_root: OutputRoot = None,
    user_data: UserData = None,
) -> None:
    """Serve a level's exported model to programs that speak OpenAI's chat API, until Ctrl+C."""
    from cefr_helpers.sharing import serving

    settings = configuration.read(overrides(output_root=output_root, user_data=user_data))
    found = serving.find(settings.workspace, level, quantisation)
    with serving.running(found, host, port) as address:
        typer.echo(serving.usage(found, address))
        serving.wait()


def publish(
    level: Annotated[str, typer.Argument(callback=upper, help="The CEFR level whose model is uploaded.")],
    repo: Annotated[str, typer.Argument(help="Where on the hub: an account, or account/name for one folder.")],
    what: Annotated[
        Literal["merged", "adapter", "both"], typer.Option(help="The merged model, the adapter or both.")
    ] = "merged",
    public: Annotated[bool, typer.Option("--public", help="Make the repository public (default: private).")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite existing files with a new commit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Upload it; without this, only show it.")] = False,
    output_root: OutputRoot = None,
) -> None:
    """Upload a level's model to the Hugging Face Hub with the token in HF_TOKEN; without --yes, only show it."""
    # set before the hub's client is imported: plain HTTPS, as tested, unless the user chooses the newer transport
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    from cefr_helpers.sharing import hub_upload

    settings = configuration.read(overrides(output_root=output_root))
    packages = hub_package.collect(settings.workspace, level, what, repo)
    for package in packages:
        typer.echo(hub_package.describe(package, public))
    if not yes:
        typer.echo("Checked; nothing was sent. To upload, add --yes (with make: YES=yes) and set a token in HF_TOKEN.")
        return
    try:
        for package in packages:
            typer.echo(hub_upload.send(package, hub_upload.token(), public, replace))
    except hub_upload.Failed as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
