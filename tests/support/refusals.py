"""Run the `cefr` command inside the test's own process, and check how it refuses bad input."""

import sys
from pathlib import Path

import pytest

from cefr_helpers import cli
from cefr_helpers.core.paths import project_root
from cefr_helpers.pipeline import snakemake

_GENERATED = ("formatted_data", "training_plots", "Notes", "runs", "user_data")


def listing(*folders: Path) -> set[tuple[str, int]]:
    """Every path under the folders with its time of change."""
    return {(str(path), path.lstat().st_mtime_ns) for folder in folders for path in folder.rglob("*")}


class Refusals:
    """Calls of the command in `folder` that must fail with exit code 2 and a message, and write nothing."""

    def __init__(self, folder: Path, monkeypatch, capsys):
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.setattr(snakemake, "snakemake", self._started)

    def __call__(self, *arguments: str) -> str:
        """The message of `cefr` with these arguments.

        Asserts that it ends with exit code 2, shows no traceback and leaves the folder and the project's own as they
        were.
        """
        self.monkeypatch.setattr(sys, "argv", ["cefr", *map(str, arguments)])
        folders = (self.folder, *(project_root() / name for name in _GENERATED))
        before = listing(*folders)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self.capsys.readouterr()
        assert ended.value.code == 2, out + err
        assert err.strip() and "Traceback" not in out + err
        assert listing(*folders) == before
        return err

    @staticmethod
    def _started(*_):
        raise AssertionError("the engine was started on bad input")
