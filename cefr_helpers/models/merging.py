"""Merge a LoRA adapter onto its 16-bit base, verify the result, and write it so that other programs can read it.

Run as `python -m cefr_helpers.models.merging BASE ADAPTER OUT` with token ids as JSON on standard input, in a separate
process, because the training process has Unsloth's patches. The last line printed is the check's numbers as JSON.
"""

import json
import os
import sys
from pathlib import Path

from cefr_helpers.core import locks
from cefr_helpers.models import base_model, chat_template, generation, model_files

_PROBE = "1. Don't stop, na\u00efve caf\u00e9s: 1,234.50 of 10 (12%)!\n\n2.  Two  spaces, \u0130stanbul \u65e5\u672c."
# Of a kind of model: what transformers 5 calls its layers, and what all others do.
_NAMES_OF_LAYERS = {"granitemoehybrid": {"linear_attention": "mamba", "full_attention": "attention"}}
_OF_THE_FILE = ("transformers_version", "_name_or_path", "torch_dtype", "dtype", "rope_scaling", "rope_theta")


def merge(base_folder: Path, adapter: Path, out: Path, prompt: list[int]) -> dict:
    """Merge in fp32, save in bf16, load again, compare logits at every position of `prompt` in fp32.

    Returns:
        `largest_difference_from_base_plus_adapter`: of the fp32 merge, before rounding (logits);
        `rounding_difference`: mean absolute difference caused by saving in 16 bits (logits);
        `difference_from_base`: mean absolute difference of the saved model from the base (logits).

    Raises:
        RuntimeError: the merge differs from base + adapter by more than 0.01, or more by rounding than from the base.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids, tokenizer = torch.tensor([prompt]), base_model.tokenizer_in(base_folder)

    def load(folder):
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()

    with torch.inference_mode():
        model = load(base_folder)
        base_logits = model(ids).logits
        model = PeftModel.from_pretrained(model, adapter).eval()
        adapter_logits = model(ids).logits
        model = model.merge_and_unload()
        merge_error = (model(ids).logits - adapter_logits).abs().max().item()
        _end_at_turns(model, tokenizer)
        model.to(torch.bfloat16).save_pretrained(out)
        saved_logits = load(out)(ids).logits
    tokenizer.save_pretrained(out)
    model_files.keep_sentencepiece(base_folder, out)
    check = {
        "largest_difference_from_base_plus_adapter": merge_error,
        "rounding_difference": (saved_logits - adapter_logits).abs().mean().item(),
        "difference_from_base": (saved_logits - base_logits).abs().mean().item(),
    }
    if merge_error > 0.01:
        raise RuntimeError(f"the merged model is not base + adapter: {check}")
    if check["difference_from_base"] <= check["rounding_difference"]:
        raise RuntimeError(
            f"the kept checkpoint changes its base by less than rounding to 16 bits does: {check}; raise learning_rate "
            "or the number of steps (while it warms up, the first step learns nothing)"
        )
    make_portable(out)
    _say_start(out, tokenizer, prompt)
    return check


def try_form(base_folder: Path, out: Path) -> None:
    """Write a base's configuration and tokenizer as for a merged model, read them again, and compare.

    Raises:
        ValueError: they are not the same.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base_folder, local_files_only=True, trust_remote_code=False)
    if type(config) not in AutoModelForCausalLM._model_mapping:
        raise ValueError(f"{config.model_type} is not a causal language model that transformers knows")
    tokenizer = base_model.tokenizer_in(base_folder)
    config.save_pretrained(out)
    tokenizer.save_pretrained(out)
    make_portable(out)
    again = AutoConfig.from_pretrained(out, local_files_only=True, trust_remote_code=False)
    changed = [key for key, value in _shaping(config).items() if _shaping(again).get(key) != value]
    if changed:
        raise ValueError(f"{', '.join(changed)} of its configuration would change")
    other = base_model.tokenizer_in(out)
    if [one(_PROBE).input_ids for one in (tokenizer, other)] != [tokenizer(_PROBE).input_ids] * 2:
        raise ValueError("its tokenizer would split text into different tokens")
    if chat_template.describe(other) != chat_template.describe(tokenizer):
        raise ValueError("its chat format would change")


def _shaping(config) -> dict:
    """Return a configuration's values, without those about the file itself."""
    values = json.loads(config.to_json_string(use_diff=False))
    return {key: value for key, value in values.items() if key not in _OF_THE_FILE}


def _end_at_turns(model, tokenizer) -> None:
    """Set the model's defaults to end an answer where a turn ends, and to decode as its answers were measured."""
    from transformers import GenerationConfig

    ends = generation.end_tokens(model, tokenizer)
    tokens = {"bos_token_id": model.generation_config.bos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model.generation_config = GenerationConfig(eos_token_id=ends if len(ends) > 1 else ends[0], **tokens)
    model.config.eos_token_id, model.config.pad_token_id = ends[0], tokenizer.pad_token_id


def make_portable(folder: Path) -> None:
    """Write the keys and class names that transformers 4, llama.cpp's converter and text-generation-webui read.

    Only transformers 5 writes rope settings under `rope_parameters`, the dtype under `dtype`, and a tokenizer class
    that others lack; a reader of the old keys would silently use rope_theta 10000. Its list of further special tokens
    is an error for transformers 4, and so are its names of Granite's layers, which llama.cpp's converter takes for
    other layers. See also `plain_byte_level`.
    """
    config = json.loads((folder / "config.json").read_text())
    changes = {"torch_dtype": config.get("dtype", "bfloat16"), **_rope(config.get("rope_parameters") or {})}
    if names := _NAMES_OF_LAYERS.get(config["model_type"]):
        changes["layer_types"] = [names.get(kind, kind) for kind in config["layer_types"]]
    config.pop("_name_or_path", None)
    config.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(config | changes, indent=2) + "\n")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    for local in ("is_local", "local_files_only", "name_or_path"):
        tokenizer.pop(local, None)
    if isinstance(tokenizer.get("extra_special_tokens"), list):
        tokenizer["additional_special_tokens"] = tokenizer.pop("extra_special_tokens")
    tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    if "max_position_embeddings" in config:
        tokenizer["model_max_length"] = config["max_position_embeddings"]
    path = folder / "tokenizer.json"
    plain = plain_byte_level(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
    # by these llama.cpp's converter knows the signs of a chat where it reads a tokenizer by SentencePiece's file
    added = {str(one["id"]): one for one in plain.get("added_tokens", [])}
    tokenizer["added_tokens_decoder"] = {
        number: {key: value for key, value in one.items() if key != "id"} for number, one in added.items()
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2, ensure_ascii=False) + "\n")


def _say_start(folder: Path, tokenizer, prompt: list[int]) -> None:
    """Say whether a chat begins with the start token: of some models llama.cpp takes it for granted."""
    path = folder / "tokenizer_config.json"
    starts = tokenizer.bos_token_id is not None and prompt[:1] == [tokenizer.bos_token_id]
    settings = json.loads(path.read_text(encoding="utf-8")) | {"add_bos_token": starts}
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rope(parameters: dict) -> dict:
    """Return rope settings under the keys of transformers 4; Gemma 3 has separate ones for local layers."""
    local = parameters.get("sliding_attention")
    whole = parameters.get("full_attention", parameters) or {}
    scaling = {key: value for key, value in whole.items() if key != "rope_theta"}
    plain = scaling.get("rope_type", "default") == "default"
    found = {"rope_scaling": None if plain else scaling}
    if "rope_theta" in whole:
        found["rope_theta"] = whole["rope_theta"]
    if local and "rope_theta" in local:
        found["rope_local_base_freq"] = local["rope_theta"]
    return found


def plain_byte_level(tokenizer: dict) -> dict:
    """Return a tokenizer.json that is marked as byte-level if it is; tokens and texts stay the same.

    transformers gives a tokenizer from a GGUF file the byte fallback and decoder of another kind. They have no effect
    if the vocabulary has no byte tokens, but llama.cpp's converter uses them and would write a broken vocabulary.
    """
    model, decoder = tokenizer["model"], tokenizer.get("decoder") or {}
    byte_level = [part for part in decoder.get("decoders", []) if part["type"] == "ByteLevel"]
    if not byte_level or not model.get("byte_fallback") or "<0x00>" in model["vocab"]:
        return tokenizer
    return tokenizer | {"model": model | {"byte_fallback": False}, "decoder": byte_level[0]}


if __name__ == "__main__":
    locks.die_with_parent()
    # Optional libraries, half of all that transformers and PEFT import: Python takes None for "not installed".
    for name in ("sklearn", "scipy", "pandas", "bitsandbytes"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # see above
    base_folder, adapter, out = map(Path, sys.argv[1:])
    print(json.dumps(merge(base_folder, adapter, out, json.load(sys.stdin))), flush=True)
    os._exit(0)  # exit at once: everything is written, and unloading the libraries would take a second or two
