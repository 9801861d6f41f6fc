"""The hyperparameter tables of a results note, as they ran."""

from cefr_helpers.core.schema import LevelRecords, find
from cefr_helpers.rendering import escaping, locale, tables
from cefr_helpers.rendering.locale import Wording

LORA = ("lora_rank", "lora_alpha", "lora_dropout", "lora_target_modules")
TRAINING = (
    "batch_size",
    "gradient_accumulation_steps",
    "effective_batch_size",
    "learning_rate",
    "epochs",
    "optimizer",
    "lr_scheduler",
    "warmup_ratio",
    "weight_decay",
    "max_grad_norm",
    "max_seq_length",
    "load_in_4bit",
    "precision",
    "gradient_checkpointing",
    "loss_on",
    "target_word_weight",
    "eval_steps",
    "logging_steps",
    "eval_batch_size",
    "seed",
)


def settings(held: LevelRecords, keys: tuple[str, ...], words: Wording) -> str:
    """Hyperparameters as they ran, under their readable names."""
    ran = dict(find(held.training, "results.hyperparameters") or {})
    sizes = (ran.get("batch_size"), ran.get("gradient_accumulation_steps"))
    ran["effective_batch_size"] = None if None in sizes else sizes[0] * sizes[1]
    ran.setdefault("max_seq_length", find(held.training, "recipe.max_seq_length"))
    ran["seed"] = find(held.training, "seed")
    rows = [[words.phrases["settings"][key], setting(ran.get(key), words)] for key in keys]
    return tables.markdown_table([words.phrases["note"]["setting"], words.phrases["note"]["value"]], rows)


def setting(value: object, words: Wording) -> str:
    """A setting's value as Markdown."""
    if isinstance(value, list):
        return ", ".join(escaping.code(part) for part in value)
    if isinstance(value, str):
        known = words.phrases["recorded_texts"].get(value)
        return known or escaping.code(value)
    return locale.plain(value, words)


def differences(held: LevelRecords, words: Wording) -> str | None:
    """What ran otherwise than the recipe asks, and why."""
    found = find(held.training, "results.differences_from_recipe")
    if not found:
        return None
    text = words.phrases["note"]
    rows = []
    for row in found:
        why = words.phrases["recorded_texts"].get(row["why"]) or escaping.markdown(row["why"])
        name = words.phrases["settings"].get(row["setting"]) or escaping.markdown(row["setting"])
        rows.append([name, setting(row["asked"], words), setting(row["ran"], words), why])
    return tables.markdown_table([text["setting"], text["asked"], text["ran"], text["why"]], rows)
