"""Find the modules that a recipe's names mean, because model families name the same projection differently."""

from collections.abc import Sequence

from cefr_helpers.core.errors import InputError

# Phi-3 has several projections in one module; LFM2 and Granite's hybrids use their own names.
_OTHER_NAMES = {
    "q_proj": ("qkv_proj",),
    "k_proj": ("qkv_proj",),
    "v_proj": ("qkv_proj",),
    "o_proj": ("out_proj",),
    "gate_proj": ("gate_up_proj", "w1", "input_linear"),
    "up_proj": ("gate_up_proj", "w3", "input_linear"),
    "down_proj": ("w2", "output_linear"),
}


def find(model, names: Sequence[str]) -> list[str]:
    """Return a model's own names for a recipe's modules, in order, without those that it does not have.

    Raises:
        InputError: it has none of them.
    """
    there = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    chosen = [next((one for one in (name, *_OTHER_NAMES[name]) if one in there), None) for name in names]
    found = list(dict.fromkeys(one for one in chosen if one))
    if not found:
        raise InputError(
            f"lora_target_modules: {', '.join(names)}: the base model, a {model.config.model_type}, has none of them; "
            "expected names of its modules"
        )
    return found
