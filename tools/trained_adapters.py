"""Check an adapter against the recipe with which it was trained, and load it so that training can go on from it."""

from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.models import base_model, model_files
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import tuning


def check(adapter: Path, recipe: Recipe, name: str) -> BaseModel:
    """Return the adapter's base model.

    Args:
        recipe, name: the recipe with which the adapter was trained, and its name.

    Raises:
        InputError: the folder is not that of an adapter, or it was trained with another rank or on another base.
    """
    base_model.local_folder(recipe.base_model)
    place = adapter / "adapter_config.json"
    if not place.is_file():
        raise InputError(f"adapter: {adapter} has no {place.name}; expected the folder of an adapter")
    config = files.read_json_object(place, "expected an adapter's configuration")
    for key, expected in (("r", recipe.lora_rank), ("lora_alpha", recipe.lora_alpha)):
        if config.get(key) != expected:
            raise InputError(
                f"{place}: {key} is {shown(config.get(key))}, but {expected} in recipe {name}; give the recipe with "
                "which the adapter was trained"
            )
    model_files.check_weights(adapter / model_files.ADAPTER_WEIGHTS)
    base = base_model.resolve(recipe.base_model, recipe.base_model_revision)
    named = config.get("base_model_name_or_path")
    if named != base.identifier:
        raise InputError(f"adapter: {adapter} is for {shown(named)}, but the base model of {name} is {base.identifier}")
    return base


def load(base: BaseModel, recipe: Recipe, adapter: Path, seed: int):
    """Load the base with the adapter, ready to train, and the tokenizer.

    Returns:
        (model, tokenizer).

    Raises:
        InputError: the adapter was trained with other modules than the recipe has.
    """
    model, tokenizer = tuning.load(base, recipe.model_copy(update={"lora_dropout": 0.0}), seed)
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        fitted = set_peft_model_state_dict(model, load_file(adapter / model_files.ADAPTER_WEIGHTS))
        wrong = [*fitted.unexpected_keys, *(key for key in fitted.missing_keys if "lora_" in key)]
    except RuntimeError as problem:
        wrong = [str(problem)]
    if wrong:
        raise InputError(f"adapter: {adapter} does not fit {base.name} with this recipe ({shown(wrong[0])})")
    return model, tokenizer
