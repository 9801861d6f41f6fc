"""Whole runs of recipes whose models write during the training: to be chosen by it, and to go on with it."""

import subprocess
import sys
from pathlib import Path

import made_bank
import pytest
import tiny_models

from cefr_helpers.core import records
from cefr_helpers.core.paths import Stage, project_root
from cefr_helpers.pipeline import configuration, status


def run(tmp_path, base, **changes) -> tuple[configuration.RunConfig, Path, str]:
    """Run a level from bank to report in Turkish; returns configuration, recipe and what was printed."""
    recipe = tiny_models.tiny_recipe(tmp_path / "recipe.yaml", base, train_examples=12, max_seq_length=2048, **changes)
    bank = made_bank.write(tmp_path / "bank.csv")
    overrides = {"levels": ["A2"], "recipe": str(recipe), "sentence_bank": str(bank), "language": "tr"}
    overrides |= {"output_root": str(tmp_path / "out"), "user_data": str(tmp_path / "user_data")}
    settings = configuration.read(overrides)
    options = [f"--{name.replace('_', '-').replace('sentence-', '')}" for name in list(overrides)[1:]]
    command = [sys.executable, "-m", "cefr_helpers.cli", "run", "--levels", "A2"]
    command += [
        part for option, name in zip(options, list(overrides)[1:], strict=True) for part in (option, overrides[name])
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
    assert done.returncode == 0, done.stdout + done.stderr
    return settings, recipe, done.stdout


@pytest.mark.slow
def test_a_recipe_by_joint_success_runs_from_bank_to_report(byte_folder, tmp_path):
    settings, recipe, printed = run(tmp_path, byte_folder, keep_best_by="joint_success")
    assert "joint success 0.0% (0:" in printed
    record = records.read(settings.workspace, "A2", "training")
    results = record.results
    evaluations = [row for row in results.history if row.eval_loss is not None]
    assert [row.step for row in evaluations] == [2, 4, 6]
    # nothing that a model of random bytes writes passes, so the lower loss decides
    assert {row.joint_success for row in evaluations} == {0}
    assert results.best.eval_loss == min(row.eval_loss for row in evaluations) and results.best.joint_success == 0
    assert (results.dev_answers.prompts, results.dev_answers.slots, results.dev_answers.evaluations) == (1, 10, 3)
    assert any(path.endswith("bank.csv") for path in record.inputs)
    agreement = records.read(settings.workspace, "A2", "comparison").results.agreement
    assert agreement.relative_difference < 0.01
    assert "| Bu yanıtların süresi | toplam " in settings.workspace.note("A2").read_text(encoding="utf-8")
    assert {one.state for one in status.of_level(settings, "A2")} == {"done"}
    recipe.write_text(recipe.read_text().replace("generation_prompts: 1", "generation_prompts: 2"))
    after = {one.stage: one.reason for one in status.of_level(settings, "A2")}
    assert after[Stage.TRAIN] == "generation_prompts 1, now 2"


@pytest.mark.slow
def test_a_recipe_with_self_training_runs_from_bank_to_report_although_nothing_passes(byte_folder, tmp_path):
    """What a model of random bytes writes passes no gate."""
    settings, recipe, printed = run(tmp_path, byte_folder, self_training_examples=4)
    assert "02_training | Self-training: Round 1: 10 words, 8 candidates for each" in printed
    assert "02_training | Self-training: too few of the sentences pass" in printed
    record = records.read(settings.workspace, "A2", "training")
    found = record.results.self_training
    assert (found.examples, found.own_examples, found.sentences) == (0, 0, 0)
    assert found.words >= 10 and found.candidates >= 8 * found.words and found.writing_s > 0
    assert any(path.endswith("bank.csv") for path in record.inputs)
    assert "cümleden çok azı denetimi geçti" in settings.workspace.note("A2").read_text(encoding="utf-8")
    assert {one.state for one in status.of_level(settings, "A2")} == {"done"}
    recipe.write_text(recipe.read_text().replace("self_training_examples: 4", "self_training_examples: 0"))
    after = {one.stage: one.reason for one in status.of_level(settings, "A2")}
    assert after[Stage.TRAIN] == "self_training_examples 4, now 0"
