"""What `cefr rated` and the modules under it make of files of votes and decisions, and the note that shows it."""

import sys
from pathlib import Path

import pytest
from hand_made_notes import note

from cefr_helpers import cli
from cefr_helpers.core import level_records, ratings
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rating import results


def rated(workspace: Workspace, *files: Path, language: str = "en") -> ratings.RatingResults:
    """What the command makes of votes."""
    arguments = ["cefr", "rated", *map(str, files), "--output-root", str(workspace.output_root), "--language", language]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return ratings.read_if_there(workspace, "B2").results


def computed(workspace: Workspace, *files: Path) -> ratings.RatingResults:
    """The results, written as the level's record."""
    [given] = results.read(workspace, files)
    results.write(workspace, given, results.compute(workspace, given))
    return ratings.read_if_there(workspace, "B2").results


def note_of(workspace: Workspace, language: str = "en") -> str:
    return note(level_records.read_level(workspace, "B2"), language)
