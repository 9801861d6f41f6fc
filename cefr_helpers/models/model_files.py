"""Check a model's folder before anything in it is loaded: unquantised safetensors weights, and no code."""

import shutil
from pathlib import Path

from cefr_helpers.core import files as json_files
from cefr_helpers.core.errors import InputError, shown

SENTENCEPIECE = "tokenizer.model"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def keep_sentencepiece(folder: Path, out: Path) -> None:
    """Copy a tokenizer's SentencePiece file, if it has one: llama.cpp's converter needs it for Gemma and Phi-3."""
    if (folder / SENTENCEPIECE).is_file():
        shutil.copyfile(folder / SENTENCEPIECE, out / SENTENCEPIECE)


def check(folder: Path) -> None:
    """Refuse a folder that is not a model in Hugging Face format, or that needs pickles or its own code.

    Raises:
        InputError: names file, value and expectation.
    """
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing or not list(folder.glob("*.safetensors")):
        raise InputError(
            f"base_model: {folder}: not a model folder (missing {', '.join(missing) or 'weights, *.safetensors'}); "
            "expected config.json, tokenizer.json and safetensors weights"
        )
    for path in sorted(folder.glob("*.safetensors")):
        check_weights(path)
    for path in sorted(folder.glob("*.safetensors.index.json")):
        _check_index(path)
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            _check_configuration(folder / name)


def check_weights(path: Path) -> None:
    """Refuse a file that is not complete safetensors, whatever its name: a pickle runs code when it is read.

    Raises:
        InputError: names the file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as tensors:
            list(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not complete safetensors weights ({error}); expected a safetensors file") from None


def _check_index(path: Path) -> None:
    index = json_files.read_json(path, "expected an index of safetensors files")
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        raise InputError(f"{path}: has no weight_map; expected an index of safetensors files")
    there = [file.name for file in path.parent.glob("*.safetensors")]
    for name in files.values():
        if name not in there:
            raise InputError(f"{path}: weight_map names {shown(name)}; expected *.safetensors files beside it")


def _check_configuration(path: Path) -> None:
    """Refuse a hub model's configuration that runs its own code, or has weights quantised to few bits.

    The first is `auto_map`, for which transformers would ask the user. An adapter can't be merged onto the second.
    """
    config = json_files.read_json(path, "expected the configuration of a model")
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object, the configuration of a model")
    if config.get("auto_map"):
        raise InputError(f"{path}: auto_map {shown(config['auto_map'])} is code to be run; expected none")
    if config.get("quantization_config"):
        raise InputError(
            f"{path}: quantization_config {shown(config['quantization_config'])}: quantised weights; expected "
            "the model in 16 bits, which load_in_4bit: true in the recipe quantises only for the training"
        )
