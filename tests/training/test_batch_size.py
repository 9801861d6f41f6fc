"""`batch_size: auto`: the choice on GPU and CPU, that a trial leaves no trace, and the size used in the record."""

import json

import pytest
from train_tiny import FP32, results, run

from cefr_helpers.core import recipes
from cefr_helpers.core.errors import InputError
from cefr_helpers.training import batch_size, distributed

AUTO = recipes.load_recipe("cpu").model_copy(update={"batch_size": "auto", "gradient_accumulation_steps": 24})


def sizes(recipe) -> tuple:
    return recipe.batch_size, recipe.gradient_accumulation_steps


@pytest.mark.parametrize(("most", "expected"), [(100, (24, 1)), (11, (8, 3)), (1, (1, 24))])
def test_the_largest_that_fits_and_divides_a_step_is_taken_on_a_gpu(most, expected, tmp_path, capsys):
    tried = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= most

    chosen = batch_size.resolve(AUTO, tmp_path, True, fits)
    assert sizes(chosen) == expected and tried == [size for size in (24, 12, 8, 6, 4, 3, 2, 1) if size >= expected[0]]
    assert (
        f"batch_size: auto: {expected[0]} examples at a time, {expected[1]} times per step" in capsys.readouterr().out
    )
    # a training that resumes keeps it, whatever fits by now
    assert sizes(batch_size.resolve(AUTO, tmp_path, True, lambda size: False)) == expected


def test_a_gpu_that_holds_not_one_example_is_told(tmp_path):
    with pytest.raises(InputError, match="batch_size: auto: not even one example .* set load_in_4bit: true"):
        batch_size.resolve(AUTO, tmp_path, True, lambda size: False)
    assert not (tmp_path / batch_size.FILE).exists()


def test_a_cpu_takes_what_is_fast_and_a_number_stays(tmp_path):
    assert sizes(batch_size.resolve(AUTO, tmp_path, False, lambda size: False)) == (4, 6)
    number = recipes.load_recipe("cpu")
    assert batch_size.resolve(number, tmp_path / "other", True, lambda size: False) is number


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "many", None])
def test_anything_but_a_number_or_auto_is_refused(value, tmp_path):
    text = (recipes.recipe_path("smoke")).read_text().replace("\nbatch_size: 2", f"\nbatch_size: {json.dumps(value)}")
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(InputError, match="batch_size: .* whole number from 1 to 10000000, or auto"):
        recipes.load_recipe(str(tmp_path / "my.yaml"))


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv(distributed.VARIABLE, "2")
    with pytest.raises(
        InputError, match="batch_size: auto; expected a number, since CEFR_TRAINING_PROCESSES requests 2"
    ):
        distributed.check(AUTO)


@pytest.mark.slow
def test_auto_trains_as_the_number_would_and_trials_leave_no_trace(tiny_folder, examples, tmp_path):
    """The second run tries steps of 8 and 4 examples, which do not fit here, and uses 2."""
    by_number = FP32 | {"batch_size": 2, "gradient_accumulation_steps": 4}
    auto = FP32 | {"batch_size": "auto", "gradient_accumulation_steps": 8}
    one = results(run(tmp_path / "one", tiny_folder, examples, by_number))
    other = results(run(tmp_path / "other", tiny_folder, examples, auto, fits_up_to=2))
    assert [row["train_loss"] for row in one["history"] if "train_loss" in row] == [
        row["train_loss"] for row in other["history"] if "train_loss" in row
    ]
    assert one["best"] == other["best"]
    ran = other["hyperparameters"]
    assert (ran["batch_size"], ran["gradient_accumulation_steps"]) == (2, 4)
    told = {row["setting"]: (row["asked"], row["ran"]) for row in other["differences_from_recipe"]}
    assert told["batch_size"] == ("auto", 2) and told["gradient_accumulation_steps"] == (8, 4)
