"""The files of a stage that succeeds, with real kernels on a notebook of three cells."""

import subprocess
import sys

import nbformat
import pytest

from cefr_helpers.core import files, levels, records
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.pipeline import notebooks, stages

PARAMETERS = 'output_root = "."\nuser_data = "user_data"\nlanguage = "en"'
WORK = """
from pathlib import Path
from cefr_helpers.core import levels
folder = Path(output_root) / "Notes"
folder.mkdir(parents=True, exist_ok=True)
_ = (folder / "FINAL_REPORT.md").write_text(levels.LEVELS[0])
"""


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Runs the report's stage with a small notebook of its own; returns workspace and that notebook."""
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("raise RuntimeError('it ran')", metadata={"tags": [notebooks.EXPLORE]}),
            nbformat.v4.new_code_cell(WORK),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    path = tmp_path / f"{Stage.REPORT}.ipynb"
    nbformat.write(notebook, path)
    monkeypatch.setattr(stages, "notebook_path", lambda _: path)
    stages.run_stage(Stage.REPORT, {"output_root": str(workspace.output_root)}, workspace)
    return workspace, path


def test_the_executed_notebook_names_by_hash_the_code_that_it_came_from(report):
    workspace, notebook = report
    executed = stages.executed_notebook(workspace, Stage.REPORT, "")
    code = stages.code_of(executed)
    assert code == records.hash_inputs([notebook, *stages.modules_of(notebook)])
    assert {"cefr_helpers/core/levels.py", "cefr_helpers/core/errors.py", str(notebook)} <= code.keys()
    assert code["cefr_helpers/core/levels.py"] == files.sha256(stages.PACKAGE / "core" / "levels.py")
    assert workspace.final_report().read_text() == levels.LEVELS[0]
    cells = nbformat.read(executed, as_version=4).cells
    # counted from one: the line that ties the kernel to this process is none of the notebook's
    ran = [cell for cell in cells if notebooks.EXPLORE not in cell.metadata.tags]
    assert [cell.execution_count for cell in ran] == list(range(1, len(ran) + 1))
    assert not [output for cell in cells for output in cell.get("outputs", [])]


def test_a_cell_to_play_with_is_not_run_and_the_stage_is_done_without_it(report):
    workspace, _ = report
    executed = stages.executed_notebook(workspace, Stage.REPORT, "")
    [cell] = [one for one in nbformat.read(executed, as_version=4).cells if notebooks.EXPLORE in one.metadata.tags]
    assert "raise" in cell.source and cell.execution_count is None and not cell.outputs
    assert workspace.final_report().is_file()  # of the cell after it
    assert not executed.with_suffix(".failed.ipynb").exists()


def test_what_a_killed_run_was_writing_is_removed_by_the_next_one(report):
    workspace, notebook = report
    runs, notes = workspace.output_root / "runs", workspace.notes()
    left = [runs / f".{Stage.REPORT}.123.ipynb", notes / ".FINAL_REPORT.md.123.tmp"]
    others = [runs / ".04_plotting.123.ipynb", notes / ".B2_FINE_TUNING_RESULTS.md.123.tmp"]
    for path in (*left, *others):
        path.write_text("half")
    stages.run_stage(Stage.REPORT, {"output_root": str(workspace.output_root)}, workspace)
    assert not any(path.exists() for path in left) and all(path.exists() for path in others)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"metadata": {"cefr_helpers": {"code": []}}}'])
def test_a_notebook_that_does_not_say_its_code_says_nothing(tmp_path, text):
    (tmp_path / "x.ipynb").write_text(text)
    assert stages.code_of(tmp_path / "x.ipynb") == {} == stages.code_of(tmp_path / "none.ipynb")


def test_a_stage_starts_without_a_grammar_of_addresses():
    code = (
        "import sys\n"
        "from cefr_helpers.pipeline import notebooks\n"
        "notebooks.load_papermill().inspect_notebook(sys.argv[1])\n"
        "print(sorted({'lark', 'torch', 'pandas'} & set(sys.modules)))"
    )
    notebook = str(stages.notebook_path(Stage.REPORT))
    done = subprocess.run([sys.executable, "-c", code, notebook], cwd=project_root(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_command_line_starts_without_a_machine_learning_library():
    code = "import sys\nimport cefr_helpers.cli\nprint(sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
