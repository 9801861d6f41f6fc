"""Notebooks run wherever temporary files are, and in folders with spaces in their names."""

import io
import tempfile
from pathlib import Path

import nbformat
import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.pipeline import notebooks


@pytest.fixture
def counting(tmp_path) -> Path:
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    cells = [nbformat.v4.new_code_cell("top = 3", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell("import os; print(sum(range(top)), os.getcwd())")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "counting.ipynb")
    return folder / "counting.ipynb"


@pytest.mark.parametrize("length", [40, 95, 180])
def test_a_kernel_starts_whatever_the_length_of_tmpdir(counting, tmp_path, monkeypatch, length):
    long = tmp_path / ("t" * max(1, length - len(str(tmp_path)) - 1))
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    log = io.StringIO()
    out = counting.with_name("executed.ipynb")
    assert notebooks.execute(counting, out, {"top": 5}, log, log) is None
    [said] = nbformat.read(out, as_version=4).cells[-1].outputs
    assert said.text == f"10 {counting.parent}\n"


def test_no_folder_that_is_short_enough_is_said_with_the_limit(counting, tmp_path, monkeypatch):
    long = tmp_path / ("t" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(notebooks.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="TMPDIR: .*tttt: .*at most 77 bytes.*set TMPDIR to a shorter path"):
        notebooks.execute(counting, counting.with_name("out.ipynb"), {}, io.StringIO(), io.StringIO())
