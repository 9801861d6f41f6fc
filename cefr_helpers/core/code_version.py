"""The project's git commit, and whether anything that affects results differs from it."""

import json
import subprocess
from pathlib import Path

from cefr_helpers.core.paths import STAGES, project_root

CHANGED = "+changes"
# What a result is made with. The record has everything else that a stage is given, with its value or digest.
_SHAPING = ("cefr_helpers", "recipes", "Snakefile", *(f"notebooks/{stage}.ipynb" for stage in STAGES))
# Cells that affect no result: the record names the parameters, and the batch skips the others.
_FREE = {"parameters", "explore"}


def commit() -> str:
    """Return the git commit, with CHANGED appended if anything that affects results differs; "unknown" outside git.

    JupyterLab saves notebooks by itself, so of a notebook only the code counts, without parameters and cells for
    exploring. Of files that git does not know, only Python modules of the package count.
    """
    try:
        head = _git("rev-parse", "HEAD").strip()
        listed = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *_SHAPING)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    changes = [(entry[:2], entry[3:]) for entry in listed.split("\0") if entry]
    return head + (CHANGED if any(_counts(state, name) for state, name in changes) else "")


def _counts(state: str, name: str) -> bool:
    if state == "??":
        return name.endswith(".py")
    if name.endswith(".ipynb"):
        code = _code(project_root() / name)
        return code is None or code != _committed_code(name)
    return True


def _code(notebook: Path) -> list[str] | None:
    try:
        return _shaping_code(notebook.read_text(encoding="utf-8"))
    except OSError:
        return None


def _committed_code(name: str) -> list[str] | None:
    try:
        return _shaping_code(_git("show", f"HEAD:./{name}"))
    except subprocess.CalledProcessError:
        return None


def _shaping_code(notebook: str) -> list[str] | None:
    """Return the code of the cells that affect a result, in order; None if the text is not a notebook."""
    try:
        cells = json.loads(notebook)["cells"]
        return [
            "".join(cell["source"])
            for cell in cells
            if cell["cell_type"] == "code" and not _FREE & set(cell.get("metadata", {}).get("tags", ()))
        ]
    except (ValueError, KeyError, TypeError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(project_root()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
