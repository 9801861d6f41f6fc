"""A typed, frozen training recipe: read from a flat YAML file and checked; missing keys are errors, not defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cefr_helpers.core.errors import InputError, explain_validation, shown
from cefr_helpers.core.paths import Stage, check_path, project_root

TARGET_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
AUTO: Final = "auto"  # batch_size: the largest that fits
EVAL_LOSS: Final = "eval_loss"  # keep_best_by: the lowest loss on the development examples
JOINT_SUCCESS: Final = "joint_success"  # keep_best_by: the highest Joint Success of answers to development prompts
# A larger number is a typing error, and would fill memory or disk before it failed.
MOST = 10_000_000


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataKeys(_Keys):
    """The keys that affect the examples."""

    base_model: str = Field(min_length=1)
    base_model_revision: str | None
    split: Literal["words", "examples"]
    held_out_share: float = Field(gt=0, lt=1)
    dev_share: float = Field(gt=0, lt=1)
    train_examples: int = Field(ge=1, le=MOST)
    dev_examples: int = Field(ge=1, le=MOST)
    eval_examples: int = Field(ge=1, le=MOST)
    max_seq_length: int = Field(ge=64, le=MOST)

    @field_validator("dev_share")
    @classmethod
    def _leaves_training_words(cls, value, values):
        test = values.data.get("held_out_share")
        if test is not None and test + value >= 1:
            raise ValueError(f"must leave words to train on: less than 1 together with held_out_share ({test:g})")
        return value


class TrainingKeys(_Keys):
    """The keys that affect the training."""

    loss_on: Literal["completion", "full_text"]
    target_word_weight: float = Field(ge=1, le=1000)
    load_in_4bit: bool
    precision: Literal["auto", "bf16", "fp16", "fp32"]
    lora_rank: int = Field(ge=1, le=MOST)
    lora_alpha: int = Field(ge=1, le=MOST)
    lora_dropout: float = Field(ge=0, lt=1)
    lora_target_modules: tuple[str, ...] = Field(min_length=1)
    batch_size: int | Literal["auto"]
    gradient_accumulation_steps: int = Field(ge=1, le=MOST)
    gradient_checkpointing: bool
    epochs: float = Field(gt=0, le=MOST)
    learning_rate: float = Field(gt=0, lt=1)
    optimizer: Literal["adamw_8bit", "adamw_torch", "adamw_torch_fused", "paged_adamw_8bit"]
    lr_scheduler: Literal["cosine", "linear", "constant", "constant_with_warmup"]
    warmup_ratio: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0, lt=1)
    max_grad_norm: float = Field(gt=0, le=MOST)
    logging_steps: int = Field(ge=1, le=MOST)
    eval_steps: int = Field(ge=1, le=MOST)
    keep_best_by: Literal["eval_loss", "joint_success"]
    self_training_examples: int = Field(ge=0, le=MOST)
    eval_batch_size: int = Field(ge=1, le=MOST)

    @field_validator("batch_size", mode="before")
    @classmethod
    def _number_or_auto(cls, value):
        if value != AUTO and not (type(value) is int and 1 <= value <= MOST):
            raise ValueError(f"must be a whole number from 1 to {MOST}, or {AUTO}")
        return value

    @field_validator("self_training_examples")
    @classmethod
    def _none_or_some_of_both_kinds(cls, value):
        if value == 1:
            raise ValueError("must be 0, or at least 2: half of the examples are the bank's")
        return value

    @field_validator("lora_target_modules", mode="before")
    @classmethod
    def _known_modules(cls, value):
        if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
            raise ValueError("must be a list of module names")
        unknown = [name for name in value if name not in TARGET_MODULES]
        if unknown or len(set(value)) != len(value):
            raise ValueError(f"names {unknown or 'a module twice'}; choose among {', '.join(TARGET_MODULES)}")
        return tuple(value)


class ComparisonKeys(_Keys):
    """The keys that affect only the comparison."""

    sample_prompts: int = Field(ge=1, le=MOST)
    generation_prompts: int = Field(ge=1, le=MOST)
    generation_samples: int = Field(ge=0, le=MOST)
    max_new_tokens: int = Field(ge=1, le=MOST)


# The last base's keys come first.
class Recipe(ComparisonKeys, TrainingKeys, DataKeys):
    """A training recipe; every key must be given. The comments of recipes/reference.yaml explain each."""

    @property
    def examples_per_step(self) -> int:
        """Examples of an optimiser step; with `batch_size: auto` the accumulation steps count them."""
        return (1 if self.batch_size == AUTO else self.batch_size) * self.gradient_accumulation_steps

    def decisive(self, stage: Stage) -> dict:
        """Return what a stage's result depends on, key -> value; a later key that changes nothing is left out."""
        found = self.part(keys_of_stage(stage, self.keep_best_by))
        return {key: value for key, value in found.items() if (key, value) not in _BEFORE.items()}

    def part(self, keys: tuple[str, ...]) -> dict:
        """Return some of the keys with their values, as plain JSON types."""
        return {key: value for key, value in self.model_dump(mode="json").items() if key in keys}

    def as_record(self, recipe: str) -> dict:
        """Return the whole recipe for a stage's record, with the name under which it was requested."""
        return {"name": Path(recipe).stem, **self.model_dump(mode="json")}


DATA_KEYS, TRAINING_KEYS, COMPARISON_KEYS = (
    tuple(one.model_fields) for one in (DataKeys, TrainingKeys, ComparisonKeys)
)
# The keys that a stage's result always depends on: the batch runs a stage again when one of these changed.
# eval_batch_size affects only time and memory, not the results; 02 and 03 read it.
KEYS_OF_STAGE = {
    Stage.FORMAT: DATA_KEYS,
    Stage.TRAIN: DATA_KEYS + TRAINING_KEYS,
    Stage.COMPARE: DATA_KEYS + TRAINING_KEYS + COMPARISON_KEYS,
    Stage.PLOT: (),
}
# A training that writes answers depends on these too.
_ANSWER_KEYS = ("generation_prompts", "max_new_tokens")
# What a recipe of before a key existed did.
_BEFORE = {"keep_best_by": EVAL_LOSS, "self_training_examples": 0}


def recorded(recipe: Mapping[str, Any], key: str) -> Any:
    """Return a key's value in a record's recipe; for a key that came later, the value that means what was done."""
    return recipe.get(key, _BEFORE.get(key))


def keys_of_stage(stage: Stage, keep_best_by: str | None) -> tuple[str, ...]:
    """Return the keys that a stage's result depends on; if a training writes answers, also those of answers."""
    writes = stage == Stage.TRAIN and keep_best_by == JOINT_SUCCESS
    return (*KEYS_OF_STAGE[stage], *(_ANSWER_KEYS if writes else ()))


def recipe_path(recipe: str) -> Path:
    """Return the file of a recipe: a name in recipes/, or the path of a .yaml file (relative to the project folder).

    Raises:
        InputError: there is no such file; the message lists the recipes in recipes/.
    """
    folder = project_root() / "recipes"
    check_path(recipe)
    path = Path(recipe).expanduser() if recipe.endswith((".yaml", ".yml")) else folder / f"{recipe}.yaml"
    path = path if path.is_absolute() else project_root() / path
    named = recipe.endswith((".yaml", ".yml")) or Path(recipe).name == recipe
    if not named or not path.is_file():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise InputError(f"recipe: {recipe!r} not found ({path}); expected one of {there}, or the path of a .yaml file")
    return path


def load_recipe(recipe: str) -> Recipe:
    """Read and check a recipe, by name or path.

    Raises:
        InputError: file missing, not YAML, a key unknown, missing or given twice, a value of the wrong type or out of
            range; the message names file, key, value and expectation, all problems at once.
    """
    path = recipe_path(recipe)
    values = read_flat_yaml(path)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {explain(one)}" for one in error.errors())
        raise InputError(f"{path}: not a valid recipe\n{problems}") from None


def explain(error: Mapping[str, Any]) -> str:
    """Describe one of pydantic's errors about a recipe: key, value and expectation."""
    hint = "a recipe gives every key (recipes/reference.yaml shows them all)"
    return explain_validation(error, Recipe.model_fields, hint)


def read_flat_yaml(path: Path) -> dict:
    """Read a YAML file that maps keys to single values or lists of them, each key once.

    Raises:
        InputError: not UTF-8, not YAML, not such a mapping, or with a duplicate key; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check_flat(path, yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a YAML file") from None
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deep; expected `key: value` lines") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        # PyYAML also lets through errors of int() and date(), such as for 2026-13-01
        raise InputError(f"{path}: not valid YAML: {error}") from None


def _check_flat(path: Path, node: yaml.Node | None) -> None:
    """Refuse nesting, which also refuses aliases nested in aliases: a page of them can expand to gigabytes."""
    if not isinstance(node, yaml.MappingNode):
        found = "list" if isinstance(node, yaml.SequenceNode) else "text" if node else "nothing"
        raise InputError(f"{path}: expected `key: value` lines, found {found}")
    seen: dict[str, int] = {}
    for key, value in node.value:
        place = f"{path}, line {key.start_mark.line + 1}"
        # an experiment gives a list of a field's values, and a field may itself be a list
        if not isinstance(key, yaml.ScalarNode) or not _is_flat(value, lists=2):
            name = shown(key.value) if isinstance(key, yaml.ScalarNode) else "a key"
            raise InputError(f"{place}: {name} is nested; expected `key: value` or `key: [value, value]`")
        if key.value in seen:
            raise InputError(f"{place}: key {key.value!r} is given twice (first in line {seen[key.value]})")
        seen[key.value] = key.start_mark.line + 1


def _is_flat(node: yaml.Node, lists: int) -> bool:
    """Return whether it is a single value, or single values in lists that are nested at most `lists` deep."""
    if isinstance(node, yaml.SequenceNode) and lists:
        return all(_is_flat(one, lists - 1) for one in node.value)
    return isinstance(node, yaml.ScalarNode)
