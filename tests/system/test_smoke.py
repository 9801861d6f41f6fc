"""The whole chain on the real model through the README's own command: two levels, the smoke recipe."""

import os
import re
import subprocess
import time
from pathlib import Path

import nbformat
import pytest

from cefr_helpers.core import files, records
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root
from cefr_helpers.pipeline import stages as pipeline
from cefr_helpers.pipeline.notebooks import EXPLORE
from cefr_helpers.training import run_logs

LEVELS = ("A1", "B2")


def make_run(folder: Path, **variables) -> subprocess.CompletedProcess:
    given = {"LEVELS": " ".join(LEVELS), "RECIPE": "smoke", "OUTPUT_ROOT": folder, "USER_DATA": folder / "user_data"}
    command = ["make", "--no-print-directory", "run", *(f"{key}={value}" for key, value in (given | variables).items())]
    return subprocess.run(command, cwd=project_root(), capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("smoke")


@pytest.fixture(scope="module")
def first_run(folder) -> subprocess.CompletedProcess:
    return make_run(folder)


@pytest.fixture(scope="module")
def workspace(first_run, folder) -> Workspace:
    assert first_run.returncode == 0, first_run.stdout + first_run.stderr
    return Workspace(folder, folder / "user_data")


def test_the_terminal_shows_progress_and_where_the_notes_are(first_run):
    assert first_run.returncode == 0, first_run.stdout + first_run.stderr
    for level in LEVELS:
        assert re.search(rf"{level} 02_training \| step 4/4 .* eval loss \d\.\d+ .* tokens/s .* left", first_run.stdout)
        assert f"{level}_FINE_TUNING_RESULTS.md" in first_run.stdout
    assert "FINAL_REPORT.md" in first_run.stdout


@pytest.mark.parametrize("level", LEVELS)
def test_every_stage_left_its_files(workspace, level):
    for stage in STAGES:
        missing = [path for path in pipeline.outputs(workspace, stage, level) if not path.is_file()]
        assert missing == []
    assert all(path.is_file() for path in pipeline.outputs(workspace, Stage.REPORT, ""))
    assert list((workspace.run(level) / "tensorboard").rglob("events.out.tfevents.*"))
    assert not (workspace.run(level) / "checkpoints").exists() or not any(
        (workspace.run(level) / "checkpoints").iterdir()
    )


@pytest.mark.parametrize("level", LEVELS)
def test_executed_notebooks_ran_to_their_end(workspace, level):
    for stage in STAGES:
        cells = nbformat.read(pipeline.executed_notebook(workspace, stage, level), as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        assert all(bool(cell.execution_count) != (EXPLORE in cell.metadata.get("tags", [])) for cell in code)
        assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


@pytest.mark.parametrize("level", LEVELS)
def test_records_say_by_hash_what_they_were_made_from(workspace, level):
    for name in records.NAMES:
        record = records.read(workspace, level, name)
        assert record.level == level and record.inputs
        for path, digest in record.inputs.items():
            path = Path(path) if os.path.isabs(path) else project_root() / path
            assert files.sha256(path) == digest
    training = records.read(workspace, level, "training").results
    for published in (training.adapter, training.merged_model):
        assert published.files
        for name, digest in published.files.items():
            assert files.sha256(workspace.user_data.parent / published.path / name) == digest


@pytest.mark.parametrize("level", LEVELS)
def test_training_and_comparison_agree_and_the_loss_fell(workspace, level):
    results = records.read(workspace, level, "comparison").results
    assert results.agreement.relative_difference < 0.01
    assert results.completion.tuned.loss < results.completion.base.loss - 0.005
    assert len(results.answers[0].words) == 10


@pytest.mark.parametrize("level", LEVELS)
def test_tensorboard_shows_what_the_record_holds(workspace, level):
    recorded = records.read(workspace, level, "training").results.as_dict()["history"]
    shown = run_logs.read_events(workspace.run(level) / "tensorboard").history
    for name in ("train_loss", "eval_loss", "learning_rate", "grad_norm"):
        logged, kept = ({row["step"]: row[name] for row in rows if name in row} for rows in (shown, recorded))
        assert len(kept) > 1 and logged == pytest.approx(kept, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_leaks(workspace, level):
    audit = records.read(workspace, level, "dataset").results.leak_audit
    assert audit.word_overlap.count == audit.sentence_overlap.count == audit.near_duplicates.count == 0


def test_pictures_are_whole_and_at_300_dpi(workspace):
    from PIL import Image

    for path in workspace.plots("B2").glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.info["dpi"][0] == pytest.approx(300, abs=1)
            assert picture.width > 1500


def test_notes_show_all_levels_and_their_pictures_are_there(workspace):
    for path in (*(workspace.note(level) for level in LEVELS), workspace.final_report()):
        text = path.read_text(encoding="utf-8")
        pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
        assert len(pictures) >= 2
        assert [picture for picture in pictures if not (path.parent / picture).is_file()] == []
        assert all(level in text for level in LEVELS)


def test_a_second_run_does_nothing_in_seconds(workspace, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json") if ".snakemake" not in path.parts}
    started = time.monotonic()
    done = make_run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "started" not in done.stdout
    assert time.monotonic() - started < 20
    assert {path: path.stat().st_mtime_ns for path in before if "configurations" not in str(path)} == {
        path: time for path, time in before.items() if "configurations" not in str(path)
    }


def planned(folder: Path, **variables) -> set[str]:
    """The jobs that a dry run would start."""
    command = [project_root() / ".venv" / "bin" / "cefr", "run", "--dry-run", "--output-root", folder]
    command += ["--user-data", folder / "user_data", "--levels", " ".join(LEVELS)]
    for key, value in ({"recipe": "smoke"} | variables).items():
        command += [f"--{key}", value]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=project_root())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "" and "Snakemake" not in done.stdout and "DAG" not in done.stdout
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line[:4] in {f"{one}: " for one in LEVELS})
    assert list(lines) == list(LEVELS)
    return {f"{stage.rule}_{level}" for level, told in lines.items() for stage in STAGES if stage in told}


def jobs(*stages: str) -> set[str]:
    return {f"{stage}_{level}" for stage in stages for level in LEVELS}


def test_what_changed_reruns_just_what_depends_on_it(workspace, folder, tmp_path):
    smoke = (project_root() / "recipes" / "smoke.yaml").read_text()
    changed = {}
    for name, old, new in (
        ("rate", "learning_rate: 2.0e-3", "learning_rate: 3.0e-3"),
        ("prompts", "max_new_tokens: 60", "max_new_tokens: 61"),
        ("data", "eval_examples: 2", "eval_examples: 3"),
        ("same", "# Base model", "# The base model"),
    ):
        assert old in smoke
        changed[name] = tmp_path / f"{name}.yaml"
        changed[name].write_text(smoke.replace(old, new, 1))
    assert planned(folder) == set()
    assert planned(folder, recipe=changed["same"]) == set()
    assert planned(folder, recipe=changed["prompts"]) == jobs("compare", "plot")
    assert planned(folder, recipe=changed["rate"]) == jobs("train", "compare", "plot")
    assert planned(folder, recipe=changed["data"]) == jobs("format", "train", "compare", "plot")
    assert planned(folder, language="tr") == jobs("plot")


@pytest.mark.slow
def test_a_failed_level_leaves_the_others_going_and_is_named(tmp_path):
    """A file is where B2's earlier records should go: A1 succeeds, B2 is named with cause and log."""
    out = tmp_path / "out"
    (out / "runs" / "B2").mkdir(parents=True)
    (out / "runs" / "B2" / "history").write_text("in the way")
    done = make_run(out)
    assert done.returncode != 0
    assert (out / "Notes" / "A1_FINE_TUNING_RESULTS.md").is_file()
    assert (out / "Notes" / "FINAL_REPORT.md").is_file()
    assert not (out / "runs" / "B2" / "dataset.json").exists()
    assert "FAILED B2 01_data_formatting: " in done.stderr and "runs/B2/history" in done.stderr
    assert str(out / "runs" / "B2" / "01_data_formatting.log") in done.stderr
    assert (out / "runs" / "B2" / "01_data_formatting.failed.ipynb").is_file()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LEVELS": "A1 B3"}, "levels"),
        ({"RECIPE": "smok"}, "recipe: 'smok' not found"),
        ({"BANK": "nowhere.csv"}, "nowhere.csv"),
        ({"LANGUAGE": "de"}, "language: 'de'"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(tmp_path, variables, expected):
    done = make_run(tmp_path / "out", **variables)
    assert done.returncode == 2
    assert expected in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_make_takes_settings_from_its_command_line_alone():
    def planned_by_make(*words, **environment):
        command = ["make", "--dry-run", "run", *words]
        return subprocess.run(command, cwd=project_root(), capture_output=True, text=True, env=os.environ | environment)

    misspelt = planned_by_make("LEVLES=A1")
    assert misspelt.returncode == 2 and "LEVLES: unknown; known are FILE LEVELS RECIPE" in misspelt.stderr
    assert "--language" not in planned_by_make(LANGUAGE="en_GB:en").stdout  # desktops set this variable
    assert '--levels "A1 C1"' in planned_by_make("LEVELS=A1 C1").stdout


@pytest.mark.skipif(not (project_root().parent / "shared" / "data").is_dir(), reason="needs the real sentence banks")
def test_a_real_bank_goes_through_the_data_stage(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    parameters = {"level": "B2", "recipe": "smoke", "sentence_bank": str(project_root().parent / "shared" / "data")}
    pipeline.run_stage("01_data_formatting", parameters | {"output_root": str(tmp_path)}, workspace)
    results = records.read(workspace, "B2", "dataset").results
    assert results.sentence_bank.sentences_read == 3635
    reasons = {row["reason"] for row in results.sentence_bank.dropped}
    assert reasons == {"sentence_without_target_word", "word_entered_twice", "several_sentences"}
    audit = results.leak_audit
    assert audit.word_overlap.count == audit.sentence_overlap.count == audit.near_duplicates.count == 0
