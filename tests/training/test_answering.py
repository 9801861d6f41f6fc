"""Trainings that keep the checkpoint that writes best, compared with the same trainings that keep the lowest loss."""

import re

import pytest
from train_tiny import FP32, OneInFour, results, run

from cefr_helpers.core import recipes
from cefr_helpers.training import answering, tuning

BY_ANSWERS = {"keep_best_by": "joint_success", "max_new_tokens": 12}
OF_ANSWERS = ("answers_s", "joint_success")


@pytest.fixture(scope="module")
def by_answers(tiny_folder, examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_answers")
    done = run(folder, tiny_folder, examples, FP32 | BY_ANSWERS)
    return results(done), done.stdout


def without_answers(found: dict) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in OF_ANSWERS} for row in found["history"]]


def evaluations(found: dict) -> list[dict]:
    return [row for row in found["history"] if "eval_loss" in row]


def test_answers_have_no_effect_on_the_training(by_answers, tiny_folder, examples, tmp_path):
    """With dropout, whose random state they could change."""
    by_loss = results(run(tmp_path / "run", tiny_folder, examples, FP32))
    assert without_answers(by_answers[0]) == by_loss["history"]
    assert "dev_answers" not in by_loss and "joint_success" not in by_loss["best"]


def test_the_checkpoint_that_writes_best_is_kept(by_answers):
    found, _ = by_answers
    rows = evaluations(found)
    assert [row["step"] for row in rows] == [4, 8, 12]
    highest = max(row["joint_success"] for row in rows)
    best = min((row for row in rows if row["joint_success"] == highest), key=lambda row: row["eval_loss"])
    assert found["best"] == {key: best[key] for key in ("step", "epoch", "eval_loss", "joint_success")}
    # this training shows both: the last evaluation has the lowest loss, and two write equally well
    assert best["step"] != min(rows, key=lambda row: row["eval_loss"])["step"]
    assert sum(row["joint_success"] == highest for row in rows) == 2
    assert found["trainer_arguments"]["metric_for_best_model"] == "eval_joint_success_then_loss"


def test_what_the_answers_cost_is_in_the_record_and_in_the_progress_lines(by_answers):
    found, printed = by_answers
    rows, cost = evaluations(found), found["dev_answers"]
    assert (cost["prompts"], cost["slots"], cost["evaluations"]) == (2, 20, 3)
    spent = sum(row["answers_s"] for row in rows)
    assert 0 < spent < found["duration_s"]
    assert cost["seconds"] == pytest.approx(spent + OneInFour([]).preparation_s)
    assert cost["seconds_per_evaluation"] == pytest.approx(spent / 3)
    said = re.findall(r"joint success (\d+\.\d)% \(\d+:\d\d for the answers\)", printed)
    assert said == [f"{100 * row['joint_success']:.1f}" for row in rows]


def test_more_words_come_first_and_then_the_lower_loss():
    of = OneInFour([{"words": ["a", "b"]}])
    good, better, other = (answering.order(*figures, of) for figures in ((0.5, 0.5), (9.0, 1.0), (0.4, 0.5)))
    assert good < other < better


@pytest.mark.slow
def test_a_killed_training_goes_on_and_keeps_the_same_checkpoint(by_answers, tiny_folder, examples, tmp_path):
    assert run(tmp_path / "run", tiny_folder, examples, FP32 | BY_ANSWERS, stop_at=10).returncode == -9
    found = results(run(tmp_path / "run", tiny_folder, examples, FP32 | BY_ANSWERS))
    assert found["resumed_from_step"] == 8 and found["best"] == by_answers[0]["best"]
    assert without_answers(found) == without_answers(by_answers[0])
    assert found["dev_answers"]["evaluations"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_model_trains_on_as_before_it_wrote(tiny_folder, examples, tmp_path, checkpointing):
    """Modes of all modules before and after; bf16, where the LoRA weights need autocast."""
    recipe = {"precision": "bf16", "gradient_checkpointing": checkpointing, "epochs": 1, "eval_steps": 2}
    by_loss = results(run(tmp_path / "loss", tiny_folder, examples, recipe))
    found = results(run(tmp_path / "answers", tiny_folder, examples, recipe | BY_ANSWERS, modes=True))
    assert without_answers(found) == by_loss["history"]
    before, after = found["modes"]
    assert before == after and any(training for training, _ in before.values())
    assert any(flag for _, flag in before.values()) == checkpointing


def test_a_training_by_joint_success_needs_what_judges(examples):
    chosen = recipes.load_recipe("smoke").model_copy(update={"keep_best_by": "joint_success"})
    with pytest.raises(ValueError, match="joint_success"):
        tuning.tune(None, None, examples, examples, chosen, 1, None, None)
