"""Experiments: expansion, errors, shared data, the dry run with its estimate, and the real run of a small grid."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import hand_made_records
import pytest
from hand_made_records import change, write_record

from cefr_helpers.core import files, recipes, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.experiments import grid, running
from cefr_helpers.pipeline import configuration, resources, runs

GRID = "levels: [B2, A2]\nrecipes: [smoke, cpu]\nseeds: [1, 2]\nlora_rank: [8, 32]\ntrain_examples: [8, 16]\n"


@pytest.fixture
def settings(tmp_path):
    return configuration.read({"output_root": str(tmp_path / "out")})


def write(folder: Path, text: str, name: str = "trial") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return str(path)


def read(tmp_path, settings, text=GRID):
    return grid.read(write(tmp_path, text), settings)


def test_a_grid_is_every_combination_each_with_its_own_folder(tmp_path, settings):
    found = read(tmp_path, settings)
    assert len(found.runs) == 2 * 2 * 2 * 2
    assert {run.settings.levels for run in found.runs} == {("A2", "B2")}
    names = [run.name for run in found.runs]
    assert "smoke_lora_rank-8_train_examples-16_seed-2" in names and len(set(names)) == 16
    folder = settings.workspace.experiment("trial")
    for run in found.runs:
        assert run.settings.output_root == str(folder / run.name)
        assert run.settings.user_data == str(folder / run.name / "user_data")
        assert run.settings.seed == found.values[run.name]["seed"]


def test_runs_differ_from_their_recipe_in_the_tried_fields_alone(tmp_path, settings):
    found = read(tmp_path, settings)
    grid.write(found)
    run = next(run for run in found.runs if run.name == "cpu_lora_rank-8_train_examples-16_seed-1")
    made = recipes.load_recipe(run.settings.recipe)
    assert made.model_dump() == recipes.load_recipe("cpu").model_dump() | {"lora_rank": 8, "train_examples": 16}
    assert made.as_record(run.settings.recipe)["name"] == "cpu_lora_rank-8_train_examples-16"
    plan = json.loads(settings.workspace.experiment_plan("trial").read_text())
    assert plan["axes"]["lora_rank"] == [8, 32] and len(plan["runs"]) == 16


def test_data_is_shared_by_runs_with_equal_data_settings_alone(tmp_path, settings):
    found = read(tmp_path, settings, GRID.replace("recipes: [smoke, cpu]\n", "recipes: [smoke]\n"))
    groups = {}
    for run in found.runs:
        values = found.values[run.name]
        groups.setdefault(run.data_root, set()).add((values["train_examples"], values["seed"]))
        assert run.shares_data
    assert sorted(map(len, groups.values())) == [1] * 4


def test_a_run_keeps_its_name_and_data_when_an_axis_grows(tmp_path, settings):
    before = {run.name: run for run in read(tmp_path, settings).runs}
    grown = read(
        tmp_path, settings, GRID.replace("[8, 32]", "[8, 32, 128]").replace("seeds: [1, 2]", "seeds: [1, 2, 3]")
    )
    after = {run.name: run for run in grown.runs}
    assert len(after) == 36 and all(after[name] == run for name, run in before.items())


def test_what_the_file_leaves_out_comes_from_the_configuration(tmp_path, settings):
    found = read(tmp_path, settings, "lora_rank: [8, 16]\n")
    assert [run.name for run in found.runs] == [f"cpu_lora_rank-{rank}_seed-3407" for rank in (8, 16)]
    assert found.settings.levels == ("A2", "B1", "B2")


def test_values_that_are_no_folder_names_are_told_apart(tmp_path, settings):
    text = "recipes: [smoke]\nseeds: [1]\nbase_model: [one/model, other/model]\n"
    text += "lora_target_modules: [[q_proj, v_proj], [q_proj]]\nlearning_rate: [1.0e-5, 1.0e-3]\n"
    names = [run.name for run in read(tmp_path, settings, text).runs]
    assert len(set(names)) == 8
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+") for name in names)
    assert any("learning_rate-1e-05" in name and "lora_target_modules-q-proj+v-proj" in name for name in names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lora_rnak: [8]\n", "lora_rnak: unknown key; did you mean lora_rank?"),
        ("lora_rank: []\n", "lora_rank: []: the list is empty"),
        ("lora_rank: [8, 32, 8]\n", "lora_rank: [8, 32, 8]: 8 is given twice"),
        ("lora_rank: 8\n", "lora_rank: 8: must be a list of the values to try"),
        ("lora_rank: [8, -1]\n", "lora_rank: -1: input should be greater than or equal to 1"),
        ("learning_rate: [2e-4]\n", "YAML reads 2e-4 as text: write 2.0e-4"),
        ("seeds: [1, 1]\n", "seeds: [1, 1]: 1 is given twice"),
        ("seeds: [-1]\n", "a seed is a whole number"),
        ("seeds: [one]\n", "seeds: 'one': "),
        ("levels: [B2, B3]\n", "names ['B3']; choose among A1"),
        ("recipes: [smok]\n", "recipe: 'smok' not found"),
        ("lora_rank: [8]\nlora_rank: [9]\n", "line 2: key 'lora_rank' is given twice"),
        ("- a\n", "expected `key: value` lines"),
    ],
)
def test_errors_name_file_key_value_and_expectation(tmp_path, settings, text, expected):
    with pytest.raises(InputError) as error:
        read(tmp_path, settings, text)
    assert expected in str(error.value)
    assert "trial.yaml" in str(error.value) or "recipe: 'smok'" in str(error.value)


@pytest.mark.parametrize("name", ["", "../rank", "a b", ".hidden", "rank/../rank"])
def test_a_name_must_be_plain(settings, name):
    with pytest.raises(InputError, match="not a valid name"):
        grid.read(name, settings)


def test_an_unknown_name_lists_those_there_are(settings):
    with pytest.raises(InputError, match="'rnak' not found .* there are: coverage, keep_best, rank, seeds"):
        grid.read("rnak", settings)


@pytest.mark.parametrize("name", ["rank", "seeds", "keep_best"])
def test_the_examples_expand(settings, name):
    assert len(grid.read(name, settings).runs) > 1


def test_the_engine_gets_back_what_it_was_given(tmp_path, settings):
    found = read(tmp_path, settings)
    config = json.loads(json.dumps(runs.to_config(found.settings, found.name, found.runs)))
    assert runs.of_config(config) == (found.settings, "trial", found.runs)
    alone = json.loads(settings.model_dump_json())
    assert runs.of_config(alone) == (settings, "", [runs.single(settings)])
    with pytest.raises(InputError, match="levles: unknown key; did you mean levels"):
        runs.of_config(alone | {"levles": ["A1"]})


def formatted(workspace: Workspace, recipe: recipes.Recipe) -> None:
    """A level's data as stage 01 leaves it, the contents made by hand."""
    record = hand_made_records.dataset("B2")
    change(record, recipe=recipe.as_record("first"))
    write_record(workspace.record("B2", "dataset"), record)
    for path in (
        *(workspace.formatted_file("B2", part) for part in ("train", "dev", "eval")),
        workspace.run("B2") / f"{Stage.FORMAT}.ipynb",
    ):
        files.write_atomically(path, path.name)


def test_shared_data_is_taken_over_with_the_runs_own_recipe(tmp_path, settings):
    found = read(tmp_path, settings)
    grid.write(found)
    first, second = (run for run in found.runs if run.data_root == found.runs[0].data_root)
    formatted(first.data.workspace, found.recipes[Path(first.settings.recipe)])
    assert runs.main(["B2", second.data_root, second.settings.model_dump_json()]) == 0
    record = records.read(second.workspace, "B2", "dataset")
    assert record.recipe["lora_rank"] == 32 and record.recipe["name"].endswith("lora_rank-32_train_examples-8")
    assert record.results == records.read(first.data.workspace, "B2", "dataset").results
    train, source = (one.formatted_file("B2", "train") for one in (second.workspace, first.data.workspace))
    assert train.read_bytes() == source.read_bytes()
    assert train.stat().st_mtime_ns > first.data.workspace.record("B2", "dataset").stat().st_mtime_ns
    runs.main(["B2", second.data_root, second.settings.model_dump_json()])  # again, over existing files
    assert sorted(path.name for path in train.parent.iterdir()) == sorted(
        second.workspace.formatted_file("B2", part).name for part in ("train", "dev", "eval")
    )


def test_data_of_other_settings_is_refused(tmp_path, settings):
    found = read(tmp_path, settings)
    grid.write(found)
    run = found.runs[0]
    formatted(run.data.workspace, found.recipes[Path(run.settings.recipe)].model_copy(update={"train_examples": 9}))
    with pytest.raises(InputError, match="made with another train_examples"):
        runs.copy_shared_data("B2", run.data.workspace, run.workspace, run.settings.recipe)


def test_failed_runs_are_named_with_stage_cause_and_log(tmp_path, settings):
    found = read(tmp_path, settings)
    run = found.runs[0]
    log = run.data.workspace.run("A2") / f"{Stage.FORMAT}.log"
    files.write_atomically(log, "lines\nFAILED: cell [3] raised InputError: too few words\n")
    formatted(run.data.workspace, found.recipes[Path(run.settings.recipe)])
    grid.write(found)
    runs.copy_shared_data("B2", run.data.workspace, run.workspace, run.settings.recipe)
    first, second = run.failures(0)
    assert first == f"{run.name} A2 {Stage.FORMAT}: cell [3] raised InputError: too few words\n    log: {log}"
    assert second.startswith(f"{run.name} B2 {Stage.TRAIN}: did not finish")


def cefr(*arguments: str, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "cefr_helpers.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=project_root(), env=os.environ | environment)


def test_the_dry_run_lists_runs_and_jobs_and_says_what_was_not_measured(tmp_path):
    file = write(tmp_path, "levels: [B2]\nrecipes: [smoke]\nseeds: [1]\nlora_rank: [8, 32]\n")
    done = cefr("experiment", file, "--dry-run", "--output-root", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "trial: 2 runs, each of B2",
        "smoke_lora_rank-8_seed-1: B2 01, B2 02, B2 03, B2 04",
        "smoke_lora_rank-32_seed-1: B2 02, B2 03, B2 04",
        "",
        "To run: 1 x 01_data_formatting, 2 x 02_training, 2 x 03_baseline_comparison, 2 x 04_plotting",
        "Time, memory and disk: not measured yet on this machine (base model bundled); a finished level of such a run "
        "measures it",
    ]
    assert not (tmp_path / "out" / "runs").exists()


def test_bad_input_ends_with_its_message_and_2(tmp_path):
    done = cefr("experiment", write(tmp_path, "lora_rnak: [8]\n"), "--output-root", str(tmp_path / "out"))
    assert done.returncode == 2 and "did you mean lora_rank?" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_make_hands_over_name_and_options():
    def planned_by_make(*words):
        done = subprocess.run(["make", "--dry-run", *words], cwd=project_root(), capture_output=True, text=True)
        return " ".join(done.stdout.split())

    assert 'cefr experiment "rank" --language "tr"' in planned_by_make("experiment", "NAME=rank", "LANGUAGE=tr")
    assert 'cefr experiment "rank" --dry-run' in planned_by_make("experiment-dry", "NAME=rank")
    refused = cefr("experiment", "rank", "--levels", "A1")
    assert refused.returncode == 2 and "--levels" in refused.stderr


def measured_run(root: Path, recipe: recipes.Recipe, seconds: dict[str, float], **changes) -> None:
    """A finished training on this machine: its record, its notebooks' times, its models."""
    record = hand_made_records.training("B2")
    change(record, hardware=records.hardware(), recipe=recipe.as_record("x"))
    measured = {"duration_s": 100.0, "tokens_per_s": 300.0, "peak_memory_bytes": 2_000_000_000}
    change(record.results, **(measured | changes))
    for kind in ("adapter", "merged_model"):
        folder = root / "user_data" / kind
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"0" * 50_000)
        change(getattr(record.results, kind), path=str(folder))
    folder = root / "runs" / "B2"
    write_record(folder / "training.json", record)
    for stage, duration in seconds.items():
        (folder / f"{stage}.ipynb").write_text(json.dumps({"metadata": {"papermill": {"duration": duration}}}))


def test_estimates_grow_with_the_work(tmp_path):
    smoke = recipes.load_recipe("smoke")
    measured_run(tmp_path, smoke, {Stage.TRAIN: 130.0, Stage.COMPARE: 40.0})
    known = resources.measured(tmp_path)
    larger = smoke.model_copy(update={"train_examples": 24, "max_new_tokens": 120})
    jobs = [(stage, one) for stage in (Stage.TRAIN, Stage.COMPARE) for one in (smoke, larger)]
    found = resources.total(jobs, known)
    assert found.seconds == 130 + (130 + 2 * 100) + 40 + 80
    assert found.memory_bytes == 2_000_000_000 and found.tokens_per_s == (300, 300) and found.unknown == ()
    assert 200_000 < found.disk_bytes < 260_000


def test_a_comparison_is_not_estimated_by_one_of_another_size(tmp_path):
    """Most of the smoke run's comparison is loading, and 64 times its time would be hours instead of minutes."""
    smoke, cpu = recipes.load_recipe("smoke"), recipes.load_recipe("cpu")
    measured_run(tmp_path, smoke, {Stage.TRAIN: 130.0, Stage.COMPARE: 40.0})
    known = resources.measured(tmp_path)
    assert resources.total([(Stage.COMPARE, cpu)], known).seconds is None
    both = resources.total([(Stage.TRAIN, cpu), (Stage.COMPARE, cpu)], known)
    assert both == replace(resources.total([(Stage.TRAIN, cpu)], known), unknown=("bundled",))
    said = running._told(both, 1)[-1]
    assert said == (
        "Without some jobs: not measured yet on this machine (base model bundled); a finished level of such a run "
        "measures it"
    )


def test_only_this_machine_and_the_same_base_model_count(tmp_path):
    smoke = recipes.load_recipe("smoke")
    measured_run(tmp_path, smoke, {Stage.TRAIN: 130.0})
    other = smoke.model_copy(update={"base_model": "other/model"})
    found = resources.total([(Stage.TRAIN, other), (Stage.TRAIN, smoke)], resources.measured(tmp_path))
    assert found.seconds == 130 and found.unknown == ("other/model",)
    shown = [running._told(found, number)[0].partition(" (")[0] for number in (1, 2)]
    assert shown == [
        "Time: 2:10, one job after another",
        "Time: 2:10, one job after another; less with 2 levels side by side, as they will run",
    ]
    path = tmp_path / "runs" / "B2" / "training.json"
    record = json.loads(path.read_text())
    record["hardware"]["cpu"] = "another processor"
    path.write_text(json.dumps(record))
    found = resources.total([(Stage.TRAIN, smoke)], resources.measured(tmp_path))
    assert found.seconds is None and found.unknown == ("bundled",)
    assert running._told(found, 1)[0].startswith("Time, memory and disk: not measured yet on this machine")


@pytest.mark.slow
def test_a_small_grid_end_to_end(tmp_path):
    """Two runs go through, data and the base's results made once; two whose data cannot be made are named."""
    text = "levels: [B2]\nrecipes: [smoke]\nseeds: [1]\nlora_rank: [8, 16]\nbase_model: [bundled, no/such]\n"
    arguments = ("experiment", write(tmp_path, text), "--output-root", str(tmp_path / "out"))
    done = cefr(*arguments, HF_HUB_OFFLINE="1")
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"Report: {workspace.experiment_note('trial')}" in done.stdout
    assert done.stdout.count("01_data_formatting | started") == 2  # one for each base model
    assert done.stdout.count("02_training | started") == 2
    assert "smoke_lora_rank-16_base_model-bundled_seed-1 B2 02_training | step 4/4" in done.stdout
    failed = [line for line in done.stderr.splitlines() if line.startswith("FAILED ")]
    assert [re.sub("such-[0-9a-f]+", "such", line.split()[1]) for line in failed] == [
        f"smoke_lora_rank-{rank}_base_model-such_seed-1" for rank in (8, 16)
    ]
    assert all("01_data_formatting: " in line and "'no/such'" in line for line in failed)
    folders = sorted(workspace.experiment("trial").glob("smoke_*_base_model-bundled_seed-1"))
    own = [Workspace(folder, folder / "user_data") for folder in folders]
    compared = [records.read(run, "B2", "comparison").results for run in own]
    assert compared[0].completion.base == compared[1].completion.base
    assert compared[0].completion.tuned != compared[1].completion.tuned
    reused = [results.base_results_reused for results in compared]
    everything = {"likelihood", "answers", "answers_with_examples", "answers_one_word", "samples", "fluency", "gaps"}
    assert everything in [set(one) for one in reused]  # both, where a cache has them
    assert max(one.count("likelihood") for one in reused) == 2  # of held-out and of training examples
    assert "2 of 4 trainings" in workspace.experiment_note("trial").read_text()

    write(tmp_path, text.replace(", no/such", "").replace("[8, 16]", "[16, 8]"))  # corrected: existing runs stay
    again = cefr(*arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "02_training | started" not in again.stdout and "06_experiment_report | done" in again.stdout
    own[1].record("B2", "comparison").unlink()
    planned = cefr(*arguments, "--dry-run").stdout
    assert f"{folders[1].name}: B2 03, B2 04\n" in planned and f"{folders[0].name}: up to date\n" in planned
    assert re.search(r"^Time: \d+:\d\d, one job after another$", planned, flags=re.MULTILINE)
