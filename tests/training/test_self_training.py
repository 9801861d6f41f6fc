"""Training goes on with sentences of its own: what it ends with, after a kill too, and with too few sentences."""

import pytest
from train_tiny import FP32, results, run

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.core.schema import TrainingResults
from cefr_helpers.models import base_model, likelihood
from cefr_helpers.training import distributed, self_training


@pytest.fixture(scope="module")
def alone(tiny_folder, examples, tmp_path_factory):
    return results(run(tmp_path_factory.mktemp("alone"), tiny_folder, examples, FP32, publish=True))


@pytest.fixture(scope="module")
def went_on(tiny_folder, examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    done = run(folder, tiny_folder, examples, FP32, publish=True, own=examples[2:8])
    return folder, results(done), done.stdout


def test_the_first_part_is_the_training_without_it(alone, went_on):
    _, found, printed = went_on
    assert found["history"] == alone["history"] and found["best"] == alone["best"]
    assert found["adapter"]["files"] != alone["adapter"]["files"]
    assert "Self-training: 8 examples, 6 of them with its own sentences" in printed


def test_the_record_says_what_was_done(went_on):
    folder, found, _ = went_on
    done = TrainingResults.model_validate({"self_training": found["self_training"]}).self_training
    assert (done.examples, done.own_examples, done.steps) == (8, 6, 4)
    assert done.learning_rate == pytest.approx(self_training.RATE_SHARE * FP32["learning_rate"])
    assert [row.step for row in done.history if row.eval_loss is not None] == [4]
    assert done.history[-1].eval_loss == done.eval_loss and done.duration_s > 0
    assert list((folder / "logs" / "self_training").glob("events*"))


def test_the_adapter_has_the_weights_of_the_last_step(went_on, tiny_folder, examples):
    from peft import PeftModel

    folder, found, _ = went_on
    base = base_model.resolve(str(tiny_folder))
    model = PeftModel.from_pretrained(base_model.load_model(base, "fp32"), folder / found["adapter"]["path"])
    table = likelihood.score(model, base_model.load_tokenizer(base), examples[8:], 2)
    assert likelihood.summarise(table)["loss"] == pytest.approx(found["self_training"]["eval_loss"], abs=1e-4)


@pytest.mark.slow
def test_a_killed_self_training_ends_as_if_never_stopped(went_on, tiny_folder, examples, tmp_path):
    recipe = FP32 | {"eval_steps": 1}  # so that only the last two of its checkpoints are there
    whole = results(run(tmp_path / "whole", tiny_folder, examples, recipe, publish=True, own=examples[2:8]))
    killed = run(tmp_path / "run", tiny_folder, examples, recipe, own=examples[2:8], stop_at=3, stop_in_part=2)
    assert killed.returncode == -9
    done = run(tmp_path / "run", tiny_folder, examples, recipe, publish=True, own=examples[2:8])
    found = results(done)
    assert "Resuming from checkpoint-12\n" in done.stdout and "Resuming self-training from checkpoint-3" in done.stdout
    assert (
        found["adapter"]["files"]["adapter_model.safetensors"] == whole["adapter"]["files"]["adapter_model.safetensors"]
    )
    for key in ("eval_loss", "history", "steps"):
        assert found["self_training"][key] == whole["self_training"][key]


@pytest.mark.slow
def test_with_too_few_sentences_the_training_ends_as_it_was(alone, tiny_folder, examples, tmp_path):
    done = run(tmp_path / "run", tiny_folder, examples, FP32, publish=True, own=[])
    found = results(done)
    assert found["adapter"]["files"] == alone["adapter"]["files"]
    assert found["self_training"] == {"own_examples": 0, "examples": 0}
    assert "Self-training: too few of the sentences pass" in done.stdout


def test_several_processes_are_refused(monkeypatch):
    recipe = load_recipe("reference").model_copy(update={"self_training_examples": 64})
    distributed.check(recipe)
    monkeypatch.setenv(distributed.VARIABLE, "2")
    with pytest.raises(InputError, match="self_training_examples: 64; expected 0, since .* requests 2 processes"):
        distributed.check(recipe)
