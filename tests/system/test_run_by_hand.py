"""Stages run again by hand, as in JupyterLab, on a level that the batch has finished."""

import subprocess
import sys

import papermill
import pytest
import tiny_models

from cefr_helpers.core.paths import STAGES, Stage, project_root
from cefr_helpers.pipeline import configuration, snakemake, stages, status
from cefr_helpers.sharing import hub_package


@pytest.mark.slow
def test_stages_run_again_by_hand_on_the_same_bank_leave_all_valid(byte_folder, tmp_path):
    """Several megabytes of examples: past the size at which Snakemake by itself no longer compares contents."""
    examples = {"train_examples": 4000, "eval_examples": 8, "epochs": 0.002, "max_seq_length": 1024}
    recipe = tiny_models.tiny_recipe(tmp_path / "recipe.yaml", byte_folder, eval_steps=1, **examples)
    overrides = {"levels": ["A2"], "recipe": str(recipe), "output_root": str(tmp_path / "out")}
    settings = configuration.read(overrides | {"user_data": str(tmp_path / "user_data")})
    workspace = settings.workspace
    command = [sys.executable, "-m", "cefr_helpers.cli", "run", "--levels", "A2", "--recipe", str(recipe)]
    command += ["--output-root", settings.output_root, "--user-data", settings.user_data]

    def run() -> str:
        done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def by_hand(stage):
        out, parameters = tmp_path / "by_hand.ipynb", settings.parameters("A2")
        notebook = stages.notebook_path(stage)
        papermill.execute_notebook(str(notebook), str(out), parameters, cwd=str(notebook.parent), kernel_name="python3")

    assert run().count("| started") == len(STAGES) + 1  # and the report
    assert workspace.formatted_file("A2", "train").stat().st_size > 2e6
    merged = list(workspace.merged_models().iterdir())
    written = workspace.record("A2", "dataset").stat().st_mtime
    by_hand(Stage.FORMAT)
    assert workspace.record("A2", "dataset").stat().st_mtime > written
    assert {one.state for one in status.of_level(settings, "A2")} == {"done"}
    profile = snakemake.profile_folder("local")
    assert snakemake.planned(settings.model_dump(), workspace.output_root, profile, []) == []
    assert "| started" not in run()
    by_hand(Stage.COMPARE)
    by_hand(Stage.PLOT)
    # what a card can't know of a model and a bank that are nobody's, and nothing that the records would say
    assert all(" lacks the " in problem and "licence" in problem for problem in _publishing_problems(workspace))
    assert list(workspace.merged_models().iterdir()) == merged


def _publishing_problems(workspace) -> list[str]:
    records = hub_package.model_card.of_one_training(workspace, "A2")
    folder = workspace.merged_models() / records.training.results.merged_model.name
    return hub_package.problems(workspace, records, "merged_model", folder)
