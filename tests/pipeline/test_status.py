import json
import os
import resource
import subprocess
import sys
import time
from datetime import datetime

import hand_made_records
import pytest
import yaml

from cefr_helpers.core import recipes, records
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.paths import STAGES, Workspace, project_root
from cefr_helpers.core.schema import ComparisonResults, DatasetResults, TrainingResults
from cefr_helpers.data import banks
from cefr_helpers.pipeline import configuration, stages, status

DATA, TRAIN, COMPARE, PLOT = STAGES


@pytest.fixture
def finished(tmp_path):
    """B2 with all its files, made now from the bundled bank with the smoke recipe."""
    recipe = tmp_path / "mine.yaml"
    recipe.write_text((project_root() / "recipes" / "smoke.yaml").read_text())
    bank = tmp_path / "b2.json"
    bank.write_bytes((banks.BUNDLED / "B2.json").read_bytes())
    overrides = {"levels": ["B2"], "recipe": str(recipe), "sentence_bank": str(bank)}
    overrides |= {"output_root": str(tmp_path / "out"), "user_data": str(tmp_path / "user_data")}
    settings = configuration.read(overrides)
    workspace = settings.workspace
    for stage in STAGES:
        for path in stages.outputs(workspace, stage, "B2"):
            write_atomically(path, "made")
    files = [workspace.formatted_file("B2", part) for part in ("train", "dev", "eval")]
    results = TrainingResults(adapter={"path": str(tmp_path / "user_data" / "loras" / "b2-v1")})
    (tmp_path / "user_data" / "loras" / "b2-v1").mkdir(parents=True)
    write(settings, "dataset", [bank], DatasetResults())
    write(settings, "training", [workspace.record("B2", "dataset"), *files[:2]], results)
    write(settings, "comparison", [workspace.record("B2", "training"), *files, bank], ComparisonResults())
    later = time.time() + 1
    for path in stages.outputs(workspace, PLOT, "B2"):
        os.utime(path, (later, later))
    return settings


def write(settings, name, inputs, results):
    recipe = recipes.load_recipe(settings.recipe).as_record(settings.recipe)
    hashes = records.hash_inputs(inputs)
    kept = {"level": "B2", "seed": settings.seed, "recipe": recipe, "inputs": hashes, "results": results}
    return records.write(settings.workspace, name, **kept)


def states(settings) -> dict[str, tuple[str, str]]:
    return {one.stage: (one.state, one.reason) for one in status.of_level(settings, "B2")}


def change(path, text="changed"):
    path.write_text(text)


def test_a_finished_level_is_done_and_nothing_comes_next(finished):
    assert states(finished) == dict.fromkeys(STAGES, ("done", ""))
    assert status.next_line(status.of_all(finished), finished) == "Next: nothing, all is up to date"


@pytest.mark.parametrize(
    ("changed", "first", "reason"),
    [
        (lambda s: change(s.workspace.output_root.parent / "b2.json"), DATA, "b2.json changed"),
        (lambda s: (s.workspace.output_root.parent / "b2.json").unlink(), DATA, "b2.json is gone"),
        (lambda s: change(s.workspace.formatted_file("B2", "dev")), TRAIN, "list_format_dev.json changed"),
        (lambda s: s.workspace.formatted_file("B2", "train").unlink(), DATA, "list_format_train.json is gone"),
        (lambda s: write(s, "training", [], {}), COMPARE, "training.json changed"),
        (lambda s: (s.workspace.adapters() / "b2-v1").rmdir(), TRAIN, "b2-v1 is gone"),
        (lambda s: s.workspace.record("B2", "comparison").unlink(), COMPARE, "never run"),
        (lambda s: change(s.workspace.record("B2", "dataset"), "{"), DATA, "dataset.json is not a record"),
        (lambda s: s.workspace.note("B2").unlink(), PLOT, "B2_FINE_TUNING_RESULTS.md is gone"),
        (lambda s: os.utime(s.workspace.note("B2"), (1e9, 1e9)), PLOT, "dataset.json is newer"),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_longer_true_of_its_inputs_is_out_of_date_and_so_is_what_follows(finished, changed, first, reason):
    changed(finished)
    found = states(finished)
    at = STAGES.index(first)
    assert all(found[stage] == ("done", "") for stage in STAGES[:at])
    assert reason in found[first][1]
    assert all(found[stage][0] == "out of date" and found[stage][1] for stage in STAGES[at + 1 :])
    assert f"Next: B2 {first}" in status.next_line(status.of_all(finished), finished)


@pytest.mark.parametrize("created", [None, "2026-01-01T00:00:00"], ids=["no time", "no time zone"])
def test_a_record_whose_age_cannot_be_told_is_broken(finished, created):
    path = finished.workspace.record("B2", "training")
    change(path, json.dumps(json.loads(path.read_text()) | {"created": created}))
    assert states(finished)[TRAIN] == ("broken", "training.json is not a record")


@pytest.mark.parametrize(
    ("key", "value", "first"),
    [
        ("eval_examples", 3, DATA),
        ("learning_rate", 0.003, TRAIN),
        ("max_new_tokens", 61, COMPARE),
        ("lora_rank", 8, None),
    ],
)
def test_a_changed_recipe_counts_from_the_stage_that_it_shapes(finished, key, value, first):
    path = finished.workspace.output_root.parent / "mine.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {key: value}))
    due = [stage for stage, (_, reason) in states(finished).items() if reason]
    assert due == (list(STAGES[STAGES.index(first) :]) if first else [])


def test_the_first_stage_run_again_on_the_same_bank_leaves_all_valid(finished, monkeypatch):
    """With other settings of later stages, as another machine and a day later; with another result it does not."""
    path, bank = finished.workspace.record("B2", "dataset"), finished.workspace.output_root.parent / "b2.json"
    before, later = path.read_bytes(), time.time() + 86400
    monkeypatch.setattr(records, "hardware", lambda: {"cpu": "another"})
    monkeypatch.setattr(records.code_version, "commit", lambda: "another")
    monkeypatch.setattr(records, "datetime", _clock_at(later))
    write(finished, "dataset", [bank], DatasetResults())
    os.utime(path, (later, later))
    assert path.read_bytes() == before
    assert states(finished) == dict.fromkeys(STAGES, ("done", ""))
    write(finished, "dataset", [bank], DatasetResults(train_examples=1))
    assert states(finished)[TRAIN] == ("out of date", "dataset.json changed")


def _clock_at(seconds):
    return type("Clock", (datetime,), {"now": classmethod(lambda cls, tz=None: datetime.fromtimestamp(seconds, tz))})


def test_another_seed_counts_from_the_first_stage(finished):
    assert states(finished.model_copy(update={"seed": 1}))[DATA] == ("out of date", "seed 3407, now 1")


def test_an_adopted_level_is_called_so(finished):
    results = hand_made_records.training("B2").results
    hand_made_records.change(results, adopted={"read": "x/trainer_state.json"})
    write(finished, "training", [], results)
    assert states(finished)[TRAIN] == ("adopted", "trained elsewhere")


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "-"), (5, "now"), (60, "1 min"), (7199, "1 h"), (90000, "1 d"), (900000, "10 d")]
)
def test_ages(seconds, said):
    assert status.age(seconds) == said


def cpu_seconds() -> float:
    """The processor time of ended child processes: what else the machine does would count in time by the clock."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_the_command_is_aligned_and_fast(finished):
    command = [sys.executable, "-m", "cefr_helpers.cli", "status", "--levels", "A1 B2", "--recipe", finished.recipe]
    command += ["--output-root", finished.output_root, "--user-data", finished.user_data]
    before = cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
    assert cpu_seconds() - before < 3
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.split("\n\n")[0].split("\n")
    assert head.split() == ["level", "stage", "state", "age", "why"] and len(rows) == 8
    assert len({row.index("0") for row in rows}) == 1  # all stages begin in one column
    assert done.stdout.endswith("Next: A1 01_data_formatting and 3 more; B2 01_data_formatting and 3 more\n")


def test_status_writes_nothing_and_needs_no_earlier_run(tmp_path):
    settings = configuration.read({"output_root": str(tmp_path / "out"), "user_data": str(tmp_path / "user_data")})
    assert {one.state for one in status.of_all(settings)} == {"not run"}
    assert Workspace.at(settings.output_root, settings.user_data) == settings.workspace and not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("changed", "reason"), [(change, "module.py changed"), (os.unlink, "module.py is gone")])
def test_a_stage_whose_code_changed_is_out_of_date_and_so_is_what_follows(finished, tmp_path, stage, changed, reason):
    module = tmp_path / "module.py"
    module.write_text("a = 1")
    executed = stages.executed_notebook(finished.workspace, stage, "B2")
    executed.write_text(json.dumps({"metadata": {"cefr_helpers": {"code": records.hash_inputs([module])}}}))
    os.utime(executed, (time.time() + 1,) * 2)
    assert states(finished) == dict.fromkeys(STAGES, ("done", ""))
    changed(module)
    found = states(finished)
    assert found[stage] == ("out of date", reason)
    assert [one for one, (state, _) in found.items() if state == "done"] == list(STAGES[: STAGES.index(stage)])
