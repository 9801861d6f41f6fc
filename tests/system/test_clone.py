"""A fresh clone whose path has spaces, with a long TMPDIR: set up and run as the README says."""

import os
import subprocess
from pathlib import Path

import pytest

from cefr_helpers.core.paths import project_root


@pytest.fixture
def clone(tmp_path) -> Path:
    folder = tmp_path / "My documents" / "the suite, cloned"
    subprocess.run(["git", "clone", "--quiet", project_root(), folder], check=True)
    return folder


def make(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    called = ["make", "--no-print-directory", *arguments]
    return subprocess.run(called, cwd=clone, env=os.environ | environment, capture_output=True, text=True)


def test_a_path_with_spaces_is_understood_by_make(clone):
    done = make(clone, "--dry-run", "lab", "IP=0.0.0.0")
    assert done.returncode == 0, done.stderr
    assert f'JUPYTER_CONFIG_PATH="{clone}/.jupyter' in done.stdout and '--ServerApp.ip="0.0.0.0"' in done.stdout
    assert ("--allow-root" in done.stdout) == (os.getuid() == 0)


def test_a_python_that_is_not_there_is_said_in_one_line_and_leaves_nothing(clone):
    done = make(clone, "setup", "PYTHON=python3.99")
    assert done.returncode == 2 and done.stderr.startswith("PYTHON=python3.99: not found: expected Python 3.11, 3.12")
    assert not (clone / ".venv").exists()


@pytest.mark.slow
def test_set_up_and_smoke_run_below_spaces_with_a_long_tmpdir(clone, tmp_path):
    long = tmp_path / ("temporary-" * 15)
    long.mkdir()
    done = make(clone, "run", "RECIPE=smoke", "LEVELS=B2", TMPDIR=str(long))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "Notes" / "B2_FINE_TUNING_RESULTS.md").is_file() and (clone / "Notes" / "FINAL_REPORT.md").is_file()
