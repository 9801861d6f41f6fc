"""Merge a LoRA adapter onto its 16-bit base, prove the result, and write it so that other programs read it.

Run as `python -m cefr_helpers.models.merging BASE ADAPTER OUT` with token ids as JSON on standard input: a process of
its own, since the one that trains carries Unsloth's patches. Prints the check's numbers as JSON on the last line.
"""

import json
import os
import sys
from pathlib import Path

from cefr_helpers.core import locks


def merge(base_folder: Path, adapter: Path, out: Path, prompt: list[int]) -> dict:
    """Merge in fp32, save in bf16, load again, compare logits at every position of `prompt` in fp32.

    Returns:
        `largest_difference_from_base_plus_adapter`: of the fp32 merge, before rounding (logits);
        `rounding_difference`: mean absolute difference that saving in 16 bits makes (logits);
        `difference_from_base`: mean absolute difference of the saved model from the base (logits).

    Raises:
        RuntimeError: the merge differs from base + adapter by more than 0.01, or more by rounding than from the base.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = torch.tensor([prompt])

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
        model.to(torch.bfloat16).save_pretrained(out)
        saved_logits = load(out)(ids).logits
    AutoTokenizer.from_pretrained(base_folder, local_files_only=True, trust_remote_code=False).save_pretrained(out)
    check = {
        "largest_difference_from_base_plus_adapter": merge_error,
        "rounding_difference": (saved_logits - adapter_logits).abs().mean().item(),
        "difference_from_base": (saved_logits - base_logits).abs().mean().item(),
    }
    if merge_error > 0.01:
        raise RuntimeError(f"the merged model is not base + adapter: {check}")
    if check["difference_from_base"] <= check["rounding_difference"]:
        raise RuntimeError(f"the merged model can't be told from its base: {check}")
    make_portable(out)
    return check


def make_portable(folder: Path) -> None:
    """Write the keys and class names that transformers 4, llama.cpp's converter and text-generation-webui read.

    transformers 5 alone writes rope settings under `rope_parameters`, the dtype under `dtype`, and a tokenizer class
    that others lack; a reader of the old keys would silently take rope_theta 10000. See also `plain_byte_level`.
    """
    config = json.loads((folder / "config.json").read_text())
    rope = config.get("rope_parameters") or {}
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    plain = scaling.get("rope_type", "default") == "default"
    changes = {"torch_dtype": config.get("dtype", "bfloat16"), "rope_scaling": None if plain else scaling}
    if "rope_theta" in rope:
        changes["rope_theta"] = rope["rope_theta"]
    config.pop("_name_or_path", None)
    config.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(config | changes, indent=2) + "\n")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    for local in ("is_local", "local_files_only", "name_or_path"):
        tokenizer.pop(local, None)
    tokenizer |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": config["max_position_embeddings"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2, ensure_ascii=False) + "\n")
    path = folder / "tokenizer.json"
    plain = plain_byte_level(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")


def plain_byte_level(tokenizer: dict) -> dict:
    """A tokenizer.json whose byte-level model says so; tokens and texts stay the same.

    transformers gives a tokenizer out of a GGUF file the byte fallback and the decoder of another kind. They do nothing
    where the vocabulary has no byte tokens, but llama.cpp's converter goes by them, and writes a broken vocabulary.
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
        sys.modules.setdefault(name, None)
    base_folder, adapter, out = map(Path, sys.argv[1:])
    print(json.dumps(merge(base_folder, adapter, out, json.load(sys.stdin))), flush=True)
    os._exit(0)  # at once: all is written, and to take the libraries apart would take a second or two
