"""The notebook for Colab and Kaggle, in an environment with only a kernel, as far as it works without a GPU."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from cefr_helpers.core.paths import project_root

NOTEBOOK = project_root() / "notebooks" / "colab.ipynb"
# Python of the new environment; Colab's and Kaggle's are newer than the oldest that the suite takes
PYTHONS = (os.environ.get("CEFR_COLAB_PYTHON"), "python3.13", "python3.12", sys.executable)


def run(notebook: Path, kernel: str, cwd: Path, **parameters) -> str:
    """What the notebook printed; its cells run in `cwd`, as on a host."""
    out = cwd / "executed.ipynb"
    papermill.execute_notebook(
        str(notebook), str(out), parameters=parameters, kernel_name=kernel, cwd=str(cwd), progress_bar=False
    )
    cells = [cell for cell in nbformat.read(out, as_version=4).cells if cell.cell_type == "code"]
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def test_without_a_repository_it_says_what_it_expects(tmp_path):
    with pytest.raises(PapermillExecutionError, match="expected the address of the suite's repository"):
        run(NOTEBOOK, "python3", tmp_path)


def _runs(python: str) -> bool:
    """pyenv's commands are there for versions that are not chosen, and fail."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Path:
    """A folder with a space in its name, and in it an environment of a kernel alone, registered as `host`."""
    folder = tmp_path_factory.mktemp("a host")
    python = next(one for one in PYTHONS if one and shutil.which(one) and _runs(one))
    subprocess.run([python, "-m", "venv", folder / "host"], check=True)
    inside = str(folder / "host" / "bin" / "python")
    subprocess.run([inside, "-m", "pip", "install", "--quiet", "ipykernel"], check=True)
    spec = {"argv": [inside, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "host"}
    kernel = folder / "jupyter" / "kernels" / "host"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(spec | {"language": "python"}))
    return folder


@pytest.mark.slow
def test_its_cells_run_in_a_new_environment_until_a_gpu_is_needed(host, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(host / "jupyter"))
    # hosts set both for their own notebooks; the first has no meaning in another environment
    monkeypatch.setenv("MPLBACKEND", "module://google.colab.backend_inline")
    monkeypatch.setenv("PYTHONPATH", "/env/python")
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it, a kernel leaves what its commands print out of the notebook
    printed = run(NOTEBOOK, "host", host, repository=str(project_root()), smoke_only=True)
    assert "Setting up .venv with Python" in printed and "smoke        fits" in printed
    assert "B2 02_training | step 4/4" in printed
    with zipfile.ZipFile(host / "cefr_results.zip") as archive:
        names = archive.namelist()
    assert "smoke/Notes/B2_FINE_TUNING_RESULTS.md" in names and "smoke/runs/B2/training.json" in names
    assert any(name.endswith("adapter_model.safetensors") for name in names)
    assert not any("/models/" in name for name in names)
    shutil.rmtree(host / "cefr_suite")  # several GB
