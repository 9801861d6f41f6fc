"""What the tutorial says about its first note, by its own command on its own words; some minutes."""

import subprocess
import sys

import pytest
from doc_pages import commands, doc

from cefr_helpers.core import records
from cefr_helpers.core.paths import Workspace, project_root


@pytest.mark.slow
def test_the_first_note_is_what_the_tutorial_says(tmp_path):
    [planned] = [line for line in commands(doc("tutorial.md")) if line.endswith("--dry-run")]
    line = planned.removesuffix(" --dry-run").replace("my_words.csv", "docs/tutorial_words.csv")
    words = line.replace("my_first", str(tmp_path)).split()
    done = subprocess.run(
        [sys.executable, "-m", "cefr_helpers.cli", *words[1:]], cwd=project_root(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = records.read(Workspace(tmp_path, tmp_path / "user_data"), "B2", "comparison").results
    assert found.completion.difference.high < 0  # predicts better than its base
    share = {row: measures["joint_success"] for row, measures in found.generation.as_dict()["measures"].items()}
    assert share["gold"]["value"] >= 0.9
    assert share["tuned"]["value"] >= share["base"]["value"] + 0.3
    left = found.generation.differences_from_strongest["joint_success"]
    assert left.low < 0 < left.high  # stays open
