"""Static checks of each notebook: the rules of style, and what papermill needs."""

import ast
import json
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from doc_pages import links

from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root
from cefr_helpers.pipeline import stages
from cefr_helpers.pipeline.notebooks import EXPLORE

NOTEBOOKS = (*STAGES, Stage.REPORT, Stage.EXPERIMENT, "07_writing", "playground", "colab")
OF_ONE = {"experiment", "repository", "smoke_only"}  # parameters that only one notebook has
OF_ONE |= {"words", "sentences", "candidates", "form", "output_folder", "model", "known"}
PARAMETERS = {"level", "recipe", "sentence_bank", "output_root", "user_data", "language", "seed"}


def notebook(stage):
    return nbformat.read(stages.notebook_path(stage), as_version=4)


def code_cells(stage):
    return [cell for cell in notebook(stage).cells if cell.cell_type == "code"]


def lines(cell):
    return len(cell.source.split("\n"))


def names(cell, context: type) -> set[str]:
    """The names that a cell reads (ast.Load) or gives a value (ast.Store)."""
    nodes = ast.walk(ast.parse(cell.source))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def test_every_notebook_in_the_folder_is_checked():
    found = {path.stem for path in (project_root() / "notebooks").glob("*.ipynb")}
    assert found == set(NOTEBOOKS)


@pytest.mark.parametrize("stage", NOTEBOOKS)
class TestNotebook:
    def test_is_valid_and_committed_without_outputs(self, stage):
        nbformat.validate(notebook(stage))
        assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(stage))
        assert notebook(stage).metadata.kernelspec.name == "python3"
        assert "widgets" not in notebook(stage).metadata

    def test_has_one_parameters_cell_of_commented_literals(self, stage):
        tagged = [cell for cell in code_cells(stage) if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1
        for line in tagged[0].source.split("\n"):
            value, comment = line.split("  # ")
            ast.literal_eval(value.split(" = ")[1])
            assert comment and value.count("=") == 1

    def test_parameters_have_the_fixed_names(self, stage):
        found = set(papermill.inspect_notebook(str(stages.notebook_path(stage))))
        assert found == PARAMETERS if stage in STAGES else found < PARAMETERS | OF_ONE

    def test_a_parameter_that_does_nothing_says_so(self, stage):
        """All stages have the same parameters, so that one configuration serves them all."""
        cells = code_cells(stage)
        [cell] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
        others = [ast.parse(other.source) for other in cells if other is not cell]
        used = {node.id for tree in others for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for line in cell.source.split("\n"):
            assert ("# not used here" in line) == (line.split(" = ")[0] not in used)

    def test_cells_are_few_and_short_and_define_nothing(self, stage):
        cells = code_cells(stage)
        assert 6 <= len(cells) <= 19
        assert sorted(map(lines, cells))[len(cells) // 2] <= 8
        assert max(map(lines, cells)) <= 25
        nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
        assert not [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))]
        assert not [cell for cell in cells if cell.source.lstrip().startswith(("!", "%"))]

    def test_what_the_batch_leaves_out_is_a_short_cell_that_nothing_else_needs(self, stage):
        cells = {EXPLORE: [], "": []}
        for cell in code_cells(stage):
            tags = cell.metadata.get("tags", [])
            assert tags in ([], ["parameters"], [EXPLORE])
            cells[EXPLORE if EXPLORE in tags else ""].append(cell)
        assert all(lines(cell) <= 6 and "records.write" not in cell.source for cell in cells[EXPLORE])
        made, needed = (
            {name for cell in cells[kind] for name in names(cell, context)}
            for kind, context in ((EXPLORE, ast.Store), ("", ast.Load))
        )
        assert not made & needed

    def test_says_what_it_is_what_it_reads_and_what_it_does_not_show(self, stage):
        cells = notebook(stage).cells
        assert cells[0].source.startswith("# ") and "**Reads**" in cells[0].source and "**Writes**" in cells[0].source
        assert cells[-1].source.startswith("## What this does not show")

    def test_prose_holds_for_any_level(self, stage):
        prose = "".join(cell.source for cell in notebook(stage).cells if cell.cell_type == "markdown")
        assert not [level for level in ("A1", "A2", "B1", "B2", "C1") if level in prose]

    def test_unknown_parameters_are_refused(self, stage):
        with pytest.raises(InputError, match="no parameter levle; it has .*output_root"):
            stages.check_parameters(stages.notebook_path(stage), {"levle": "B2"})


def test_the_start_page_names_every_notebook_with_the_files_of_its_stage():
    start_page = project_root() / "notebooks" / "README.md"
    page = start_page.read_text(encoding="utf-8")
    rows = {row.split("](")[0].strip("| ["): row for row in page.splitlines() if row.startswith("| [")}
    assert tuple(rows) == NOTEBOOKS
    assert all((project_root() / "notebooks" / link).is_file() for link in links(start_page))
    workspace = Workspace(project_root(), project_root() / "user_data")
    for stage, name in zip(STAGES, records.NAMES, strict=False):
        assert f"`{workspace.record('B2', name).relative_to(project_root())}`" in rows[stage]
    assert str(workspace.favourites("B2").relative_to(project_root())) in rows["playground"]


def test_make_lab_opens_the_start_page_rendered():
    makefile = (project_root() / "Makefile").read_text()
    assert ".jupyter$${" in makefile and "--LabApp.default_url=/lab/tree/notebooks/README.md" in makefile
    settings = json.loads((project_root() / ".jupyter/labconfig/default_setting_overrides.json").read_text())
    assert settings["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"] == {"markdown": "Markdown Preview"}
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    for plugin, values in settings.items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text())
        assert values.keys() <= schema["properties"].keys()


def test_a_notebook_that_ends_early_is_not_done(tmp_path, monkeypatch):
    """Papermill returns normally after sys.exit(0) in a cell: the missing record gives it away."""
    path = tmp_path / "01_data_formatting.ipynb"
    source = json.loads(stages.notebook_path("01_data_formatting").read_text())
    cells = source["cells"]
    first_code = next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
    parameters = next(cell for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    stop = {**cells[first_code], "source": ["import sys\n", "print('step 1/2')\n", "sys.exit(0)"]}
    path.write_text(json.dumps({**source, "cells": [parameters, stop]}))
    monkeypatch.setattr(stages, "notebook_path", lambda stage: path)
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")
    with pytest.raises(stages.StageFailed, match="ended without writing") as error:
        stages.run_stage("01_data_formatting", {"level": "B2"}, workspace)
    assert (workspace.run("B2") / "01_data_formatting.failed.ipynb").is_file()
    assert str(workspace.run("B2") / "01_data_formatting.log") in str(error.value)
    assert not (workspace.run("B2") / "01_data_formatting.ipynb").exists()
    assert "step 1/2" in (workspace.run("B2") / "01_data_formatting.log").read_text()
