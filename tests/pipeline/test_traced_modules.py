"""The files that decide whether a stage is run again: all files of the package that its notebook uses, no others."""

import json
import subprocess
import sys

import pytest

from cefr_helpers.core.paths import STAGES, Stage, project_root
from cefr_helpers.pipeline import stages

ALL = (*STAGES, Stage.REPORT, Stage.EXPERIMENT)
SHOWING = {"rendering", "notes", "sharing"}
# Imports each module and prints the package's files that Python then has loaded.
LOADED = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps([module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "cefr_helpers"]))
"""


def traced(stage: str) -> set[str]:
    """Paths below the package."""
    return {path.relative_to(stages.PACKAGE).as_posix() for path in stages.modules_of(stages.notebook_path(stage))}


def loaded(modules: set[str]) -> set[str]:
    names = [f"cefr_helpers/{path}".removesuffix(".py").replace("/", ".") for path in sorted(modules)]
    command = [sys.executable, "-c", LOADED, json.dumps(names)]
    done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout.splitlines()[-1])
    return {path.removeprefix(f"{stages.PACKAGE}/") for path in files}


@pytest.mark.parametrize("stage", ALL)
def test_all_that_python_loads_of_the_package_is_traced(stage):
    found = {path for path in traced(stage) if path.endswith(".py")}
    assert len(found) > 10 and "__init__.py" in found and "core/__init__.py" in found
    assert loaded(found) == found


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.computes])
def test_how_things_are_written_runs_no_training_or_comparison_again(stage):
    assert not {path for path in traced(stage) if path.split("/")[0] in SHOWING}


def test_a_training_is_run_again_for_the_merge_which_runs_in_a_process_of_its_own():
    assert {"models/merging.py", "core/locks.py"} <= traced("02_training")


def test_modules_are_found_through_one_another_and_others_are_not():
    found = traced("01_data_formatting")
    assert {"data/formatting.py", "text/spelling.py", "core/recipes.py", "core/paths.py"} <= found
    assert not {"training/tuning.py", "models/likelihood.py", "evaluation/comparison.py"} & found
    assert {"training/tuning.py", "training/callbacks.py", "models/likelihood.py"} <= traced("02_training")
    assert not {path for path in traced("02_training") if path.startswith("evaluation/")}


@pytest.mark.parametrize("stage", (Stage.PLOT, Stage.REPORT, Stage.EXPERIMENT))
def test_what_writes_notes_is_run_again_for_a_template_or_a_phrase(stage):
    folder = stages.PACKAGE / "rendering" / "templates"
    parts = {path.relative_to(stages.PACKAGE).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"rendering/phrases/tr.yaml", "rendering/templates/results_note.md.j2"} | parts <= traced(stage)


def test_a_report_is_written_again_for_a_data_file_beside_a_module():
    assert "notes/reference_results.json" in traced(Stage.REPORT)
