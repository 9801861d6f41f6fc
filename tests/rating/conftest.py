"""A run with answers to be rated; the table is measured once."""

from pathlib import Path

import made_answers
import pytest

from cefr_helpers.core.paths import Workspace


@pytest.fixture(scope="session")
def answered(tmp_path_factory) -> Workspace:
    """Records and answers of B2; tests copy what they need."""
    workspace = Workspace(tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("user_data"))
    made_answers.write(workspace)
    return workspace


@pytest.fixture
def workspace(answered, tmp_path) -> Workspace:
    made = Workspace(tmp_path / "out", tmp_path / "user_data")
    made.run("B2").mkdir(parents=True)
    for path in answered.run("B2").iterdir():
        Path(made.run("B2") / path.name).write_bytes(path.read_bytes())
    return made
