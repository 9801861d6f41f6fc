import made_answers
import made_votes
import nbformat
import pytest

from cefr_helpers.core import ratings
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.rating import page, results
from tools import update_reference_run


@pytest.mark.skipif(not update_reference_run.folder().is_dir(), reason="no reference run yet")
def test_the_readme_shows_the_reference_runs_own_figures():
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    assert update_reference_run.with_table(readme) == readme


def test_an_executed_notebook_is_copied_without_the_paths_of_the_machine(tmp_path):
    workspace = Workspace(tmp_path / 'out "put"', tmp_path / "text generation")
    root, user_data = workspace.output_root, workspace.user_data
    said = f"{root}/runs/B2/training.json\n{user_data}/loras/b2\ndisk at {root}: free\n"
    root.mkdir()
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", name="stdout", text=said)])
    cell.metadata = {"papermill": {"duration": 1}, "tags": ["parameters"]}
    path = root / "02_training.ipynb"
    metadata = {"papermill": {"output_path": str(path)}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), path)

    text = update_reference_run.without_machine(path, workspace)
    copied = nbformat.reads(text, 4)
    assert copied.cells[0].outputs[0].text == "runs/B2/training.json\nuser_data/loras/b2\ndisk at .: free\n"
    assert copied.cells[0].metadata == {"tags": ["parameters"]} and "papermill" not in text


def test_the_executed_notebooks_of_the_reference_run_name_no_machine():
    found = list(update_reference_run.folder().glob("runs/*/*.ipynb"))
    assert found
    for path in found:
        notebook = nbformat.read(path, 4)
        assert "papermill" not in notebook.metadata and any(cell.get("outputs") for cell in notebook.cells)
        assert str(project_root()) not in path.read_text(encoding="utf-8")


def test_what_readers_say_stands_beside_joint_success_with_their_votes_and_whose_they_are(tmp_path, monkeypatch):
    workspace, copied = Workspace(tmp_path / "out", tmp_path / "user_data"), tmp_path / "docs"
    monkeypatch.setattr(update_reference_run, "folder", lambda: copied)
    made_answers.write(workspace)
    made_answers.write(Workspace(copied, copied))
    assert "| not rated yet |" in update_reference_run.table()
    key = page.build(workspace, "B2", "en", 40, 10, 1).key
    says = {"gold": (True, True, True), "tuned": (True, True, True), "base_three_examples": (False, True, True)}
    votes = made_votes.write(tmp_path / "m.json", key, lambda item: says[item.row], name="M", kind="language_model")
    [given] = results.read(workspace, [votes])
    results.write(workspace, given, results.compute(workspace, given))
    update_reference_run._copy_ratings(workspace, "B2")
    table = update_reference_run.table()
    assert "| 100% [72%, 100%] (0%, 100%) |" in table and "Readers: one language model as reader." in table
    assert ratings.read_if_there(Workspace(copied, copied), "B2") == ratings.read_if_there(workspace, "B2")
    assert {path.name for path in (copied / "rating" / "B2").iterdir()} == {"key.json", "m.json"}
