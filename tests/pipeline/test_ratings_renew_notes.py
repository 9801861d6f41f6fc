"""Readers' votes enter the notes at the next run, without any training."""

import os
import subprocess
import time

import pytest

from cefr_helpers.core.paths import STAGES, Stage
from cefr_helpers.pipeline import configuration, snakemake, stages


@pytest.fixture
def settings(tmp_path):
    """A level that is done: every output exists, and is newer than its inputs."""
    found = configuration.read({"output_root": str(tmp_path / "out"), "levels": ["B2"], "recipe": "smoke"})
    for age, (stage, level) in enumerate([*((stage, "B2") for stage in STAGES), (Stage.REPORT, "")]):
        for path in stages.outputs(found.workspace, stage, level):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
            os.utime(path, (time.time() + age,) * 2)  # the code may have come this second
    return found


def planned(settings) -> set[str]:
    """The rules that Snakemake would run."""
    config = settings.model_dump() | {"needs": {}}
    profile = snakemake.profile_folder("local")
    command = [*snakemake.command(config, settings.workspace.output_root, profile), "levels", "report", "--dry-run"]
    # by the age of files alone: no run has left its notes on code and settings
    done = subprocess.run([*command, "--rerun-triggers", "mtime", "--quiet", "host"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    return {line.split()[1].rstrip(":") for line in lines if line.startswith(("rule ", "localrule "))}


def test_ratings_renew_the_note_and_the_report_and_nothing_else(settings):
    assert planned(settings) == set()
    path = settings.workspace.record("B2", "ratings")
    path.write_text("{}")
    os.utime(path, (time.time() + 60,) * 2)
    assert planned(settings) - {"levels"} == {f"{Stage.PLOT.rule}_B2", "report"}
