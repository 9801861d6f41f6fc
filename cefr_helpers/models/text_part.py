"""Extract the text part of a model that also takes pictures or sound; only this part is tuned and merged."""

import json
import os
import shutil
from pathlib import Path

from cefr_helpers.core import files, locks
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.models import model_files, quiet


def extracted(folder: Path, weights_sha256: str, cache: Path) -> Path:
    """Return the folder itself if its model takes only text, or else a folder with its text part, extracted once.

    Args:
        weights_sha256: digest over the weights, by which the extracted part is cached.
        cache: folder for the extracted part.

    Raises:
        InputError: transformers has no text model for the part.
    """
    config = files.read_json_object(folder / "config.json", "expected the configuration of a model")
    if "text_config" not in config:
        return folder
    target = cache / f"{folder.name}-text-{weights_sha256[:16]}"
    with locks.lease(Path(f"{target}.lease")):
        if not (target / "config.json").is_file():
            aside = files.aside_of(target)
            shutil.rmtree(aside, ignore_errors=True)
            _extract(folder, aside)
            os.replace(aside, target)
    return target


def _extract(folder: Path, target: Path) -> None:
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoTokenizer,
        GenerationConfig,
    )

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    text_config = config.get_text_config(decoder=True)
    if type(text_config) not in AutoModelForCausalLM._model_mapping:
        kind = shown(getattr(text_config, "model_type", None))
        raise InputError(f"base_model: {folder}: its text part is of the kind {kind}; expected a text model")
    print(f"Extracting the text part of {folder.name} (once) ...", flush=True)
    quiet.libraries()
    whole = AutoModelForImageTextToText.from_pretrained(
        folder, dtype="auto", use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    text_config.tie_word_embeddings = config.tie_word_embeddings
    text_config.dtype = whole.dtype
    part = AutoModelForCausalLM.from_config(text_config, dtype=whole.dtype)
    decoder = whole.get_decoder()
    part.get_decoder().load_state_dict(decoder.state_dict())
    part.get_output_embeddings().load_state_dict(whole.get_output_embeddings().state_dict())
    part.generation_config = GenerationConfig.from_model_config(text_config)
    if (folder / "generation_config.json").is_file():
        part.generation_config = GenerationConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    part.save_pretrained(target)
    AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False).save_pretrained(target)
    model_files.keep_sentencepiece(folder, target)
    # such a tokenizer names a processor for pictures, which the text part does not have
    path = target / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings.pop("processor_class", None)
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
