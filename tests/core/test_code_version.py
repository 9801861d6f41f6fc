import json
import subprocess

import pytest

from cefr_helpers.core import code_version
from cefr_helpers.core.paths import Stage

NOTEBOOK = f"notebooks/{Stage.COMPARE}.ipynb"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small git repository with a file of each kind, committed."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# 03"]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ['level = "B2"'], "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["score()"], "outputs": [], "execution_count": None},
        {"cell_type": "code", "metadata": {"tags": ["explore"]}, "source": ["1"], "outputs": []},
    ]
    texts = {
        "cefr_helpers/models/merging.py": "a = 1\n",
        "cefr_helpers/text/words.csv": "word\n",
        "recipes/cpu.yaml": "epochs: 1\n",
        "Snakefile": "rule all\n",
        "docs/page.md": "A page.\n",
        "notebooks/playground.ipynb": json.dumps({"cells": cells}),
        NOTEBOOK: json.dumps({"cells": cells}),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm first"):
        subprocess.run(["git", "-C", str(tmp_path), *command.split()], check=True)
    monkeypatch.setattr(code_version, "project_root", lambda: tmp_path)
    return tmp_path


def changed(project) -> bool:
    found = code_version.commit()
    assert len(found.removesuffix("+changes")) == 40
    return found.endswith("+changes")


def edit_notebook(project, place: int, **changes) -> None:
    path = project / NOTEBOOK
    notebook = json.loads(path.read_text())
    notebook["cells"][place] |= changes
    path.write_text(json.dumps(notebook, indent=1))


def test_nothing_changed_is_the_commit_alone(project):
    assert not changed(project)


@pytest.mark.parametrize(
    "name", ["cefr_helpers/models/merging.py", "cefr_helpers/text/words.csv", "recipes/cpu.yaml", "Snakefile"]
)
@pytest.mark.parametrize("how", ["edited", "removed", "staged"])
def test_code_its_data_and_recipes_count(project, name, how):
    path = project / name
    path.write_text(path.read_text() + "more\n") if how != "removed" else path.unlink()
    if how == "staged":
        subprocess.run(["git", "-C", str(project), "add", "."], check=True)
    assert changed(project)


@pytest.mark.parametrize("name", ["cefr_helpers/models/new.py", "cefr_helpers/new/new.py"])
def test_a_new_module_counts(project, name):
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("b = 2\n")
    assert changed(project)


@pytest.mark.parametrize(
    "name",
    [
        "my_bank.csv",
        "cefr_helpers/notes.txt",
        "recipes/mine.yaml",
        "notebooks/Untitled.ipynb",
        "docs/page.md",
        "notebooks/playground.ipynb",
        "new.py",
    ],
)
def test_what_shapes_no_result_does_not(project, name):
    (project / name).write_text("{}")
    assert not changed(project)


@pytest.mark.parametrize(
    ("place", "change", "counts"),
    [
        (2, {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["1"]}], "execution_count": 3}, False),
        (2, {"metadata": {"collapsed": True}}, False),
        (0, {"source": ["# Mine"]}, False),
        (1, {"source": ['level = "A1"']}, False),
        (3, {"source": ["2"]}, False),
        (2, {"source": ["score(1)"]}, True),
        (2, {"source": ["score", "()"]}, False),
        (2, {"metadata": {"tags": ["explore"]}}, True),
        (1, {"metadata": {}}, True),
    ],
    ids=range(9),
)
def test_of_an_autosaved_notebook_its_code_counts(project, place, change, counts):
    edit_notebook(project, place, **change)
    assert changed(project) == counts


def test_a_broken_notebook_counts(project):
    (project / NOTEBOOK).write_text("{")
    assert changed(project)


def test_outside_git_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(code_version, "project_root", lambda: tmp_path)
    assert code_version.commit() == "unknown"
