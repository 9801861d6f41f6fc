from pathlib import Path

import pytest
import yaml

from cefr_helpers.core import recipes
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Stage, project_root

SHIPPED = sorted(path.stem for path in (project_root() / "recipes").glob("*.yaml"))


def changed(tmp_path: Path, **changes) -> str:
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text()) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value != "REMOVED"}))
    return str(path)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_valid(name):
    assert recipes.load_recipe(name).train_examples > 0


def test_reference_recipe_is_the_reference_projects():
    read = recipes.load_recipe("reference")
    assert read.base_model.endswith("Llama-3.2-1B-Instruct")
    assert (read.train_examples, read.eval_examples, read.max_seq_length) == (1800, 200, 512)
    assert (read.lora_rank, read.lora_alpha, read.lora_dropout) == (128, 256, 0.05)
    assert set(read.lora_target_modules) == set(recipes.TARGET_MODULES)
    assert (read.batch_size, read.gradient_accumulation_steps, read.learning_rate, read.epochs) == (16, 4, 2e-4, 10)
    assert (read.optimizer, read.lr_scheduler, read.warmup_ratio) == ("adamw_8bit", "cosine", 0.1)
    assert (read.load_in_4bit, read.eval_steps) == (True, 50)


def test_each_key_belongs_to_one_stage():
    parts = [recipes.DATA_KEYS, recipes.TRAINING_KEYS, recipes.COMPARISON_KEYS]
    assert sorted(key for part in parts for key in part) == sorted(recipes.Recipe.model_fields)


def test_what_a_training_depends_on_is_as_before_the_key_unless_it_writes_answers():
    by_loss = recipes.load_recipe("cpu")
    by_answers = by_loss.model_copy(update={"keep_best_by": "joint_success"})
    later = ("keep_best_by", "self_training_examples")
    before = [key for key in (*recipes.DATA_KEYS, *recipes.TRAINING_KEYS) if key not in later]
    assert list(by_loss.decisive(Stage.TRAIN)) == before
    assert set(by_answers.decisive(Stage.TRAIN)) == {*before, "keep_best_by", "generation_prompts", "max_new_tokens"}
    more = by_loss.model_copy(update={"self_training_examples": 84})
    assert set(more.decisive(Stage.TRAIN)) == {*before, "self_training_examples"}
    assert recipes.recorded({}, "keep_best_by") == "eval_loss" and recipes.recorded({}, "lora_rank") is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lora_rank": "REMOVED"}, "lora_rank: missing"),
        ({"lora_rnk": 3}, "lora_rnk: unknown key"),
        ({"lora_rank": 0}, "lora_rank: 0: input should be greater than or equal to 1"),
        ({"learning_rate": "2e-4"}, "learning_rate: '2e-4'"),
        ({"learning_rate": "2e-4"}, "write 2.0e-4"),
        ({"load_in_4bit": 1}, "load_in_4bit: 1"),
        ({"batch_size": True}, "batch_size: True"),
        ({"epochs": float("nan")}, "epochs: nan"),
        ({"split": "random"}, "split: 'random'"),
        ({"keep_best_by": "loss"}, "keep_best_by: 'loss'"),
        ({"self_training_examples": 1}, "self_training_examples: 1: must be 0, or at least 2"),
        ({"self_training_examples": -2}, "self_training_examples: -2"),
        ({"lora_target_modules": ["q_proj", "x_proj"]}, "x_proj"),
        ({"lora_target_modules": "q_proj"}, "must be a list of module names"),
    ],
)
def test_wrong_values_are_named(tmp_path, changes, expected):
    path = changed(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        recipes.load_recipe(path)
    assert path in str(error.value)
    assert expected in str(error.value)


def test_all_problems_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as error:
        recipes.load_recipe(changed(tmp_path, lora_rank=-1, epochs=0))
    assert "lora_rank" in str(error.value) and "epochs" in str(error.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("lora_rank: 8\nepochs: 1\nlora_rank: 9\n", "line 3: key 'lora_rank' is given twice (first in line 1)"),
        ("- a\n- b\n", "found list"),
        ("lora_rank: [8\n", "not valid YAML"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, content, expected):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match="bad.yaml") as error:
        recipes.load_recipe(str(path))
    assert expected in str(error.value)


def test_unknown_name_lists_those_there_are():
    with pytest.raises(InputError) as error:
        recipes.load_recipe("referense")
    assert all(name in str(error.value) for name in SHIPPED)
