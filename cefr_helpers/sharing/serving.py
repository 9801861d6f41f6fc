"""Serve an exported model with llama.cpp's server, which speaks OpenAI's chat API."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files, level_records
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.paths import Workspace

CONTEXT = 2048  # tokens of a question with its answer: ten words take a fifth of them


@dataclass(frozen=True)
class Served:
    """An export to be served.

    Attributes:
        name: its name on the server, by which `cefr bank` recognises it.
        merged: the name of the merged model from which it was made.
    """

    level: str
    name: str
    merged: str
    file: Path


def find(workspace: Workspace, level: str, quantisation: str | None = None) -> Served:
    """Return the level's export.

    Args:
        quantisation: its format; None for the first by name.

    Raises:
        InputError: there is no export of the level's present model, or the file is not the one that was exported.
    """
    records = level_records.read_trained(workspace, check_level(level))
    exports = level_records.gguf_exports(workspace, records)
    chosen = [one for one in exports if quantisation in (None, one["quantisation"])]
    if not chosen:
        more = f" QUANTISATION={quantisation}" if quantisation else ""
        raise InputError(
            f"{workspace.exports()}: no export{f' in {quantisation}' if quantisation else ''} of the model of level "
            f"{level}; run `make export LEVELS={level}{more}` first"
        )
    file = workspace.exports() / _folder(workspace, chosen[0]) / chosen[0]["file"]
    if files.sha256(file) != chosen[0]["sha256"]:
        raise InputError(f"{file}: not the file that was exported; remove its folder, and export it again")
    return Served(level, file.parent.name, str(records.training.results.merged_model.name), file)


@contextmanager
def running(served: Served, host: str, port: int) -> Iterator[str]:
    """Run the server until the end of the block, and yield its address.

    Answers are greedy, without a penalty for repetition, as they were measured, unless a program requests other
    settings. Pages of other sites that are open in a browser are not allowed to connect.

    Raises:
        InputError: the server cannot listen there.
    """
    import xllamacpp

    _check_free(host, port)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(served.file)
    settings.model_alias = {served.name}
    settings.hostnames, settings.port = [host], port
    settings.n_ctx, settings.n_parallel = CONTEXT, 1
    settings.cors_origins, settings.cors_origins_explicit = "http://127.0.0.1", True
    settings.verbosity = 1  # only errors
    settings.sampling.temp, settings.sampling.penalty_repeat = 0.0, 1.0
    server = xllamacpp.Server(settings)
    try:
        yield server.listening_address.replace("//0.0.0.0", "//127.0.0.1")
    finally:
        del server


def usage(served: Served, address: str) -> str:
    """Return instructions for using the server."""
    return "\n".join(
        [
            f"{served.level}: {served.name} at {address}/v1, until Ctrl+C",
            f"  a bank:    make bank WORDS=words.csv LEVEL={served.level} SERVER={address}/v1",
            f"  a chat:    open {address} in a browser, and use the training prompt: see docs/serving.md",
            f"  any other: OpenAI's chat API, model {served.name}, no key",
            f"text-generation-webui needs no server: it loads user_data/models/{served.merged} by itself.",
        ]
    )


def wait() -> None:
    """Wait until Ctrl+C, or the end of the process."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _folder(workspace: Workspace, export: dict) -> str:
    return next(path.parent.name for path in workspace.exports().glob(f"*/{export['file']}"))


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(
                f"{shown(host)}, port {port}: nothing can listen there ({error}); give another PORT, such as "
                f"{port + 1 if port < 65535 else 8080}"
            ) from None
