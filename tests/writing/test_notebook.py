"""Notebook 07, run by papermill as people run it, on the bundled base model and two words."""

import csv

import nbformat
import papermill
import pytest

from cefr_helpers.pipeline import stages


@pytest.mark.slow
def test_the_notebook_writes_forms_and_shows_the_curve(tmp_path):
    (tmp_path / "words.txt").write_text("dog\nrun\n")
    parameters = {
        "level": "A2",
        "words": str(tmp_path / "words.txt"),
        "sentences": 1,
        "candidates": 4,
        "form": "csv html",
        "output_folder": str(tmp_path / "out"),
        "output_root": str(tmp_path),
        "user_data": str(tmp_path),
    }
    path = stages.notebook_path("07_writing")
    papermill.execute_notebook(str(path), str(tmp_path / "ran.ipynb"), parameters, cwd=str(path.parent))
    cells = [cell for cell in nbformat.read(tmp_path / "ran.ipynb", as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    tables = [
        output.data["text/html"] for cell in cells for output in cell.outputs if "text/html" in output.get("data", {})
    ]
    assert any("most_common_opening" in table for table in tables)
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    rows = list(csv.DictReader((tmp_path / "out" / "sentences.csv").read_text().splitlines()))
    assert {row["word"] for row in rows} <= {"dog", "run"} and (tmp_path / "out" / "worksheet.html").is_file()
