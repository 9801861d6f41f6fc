"""How many trainings run side by side on a machine without a GPU."""

import subprocess
from types import SimpleNamespace

import psutil
import pytest

from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.pipeline import configuration, resources, runs, side_by_side, snakemake

LOCAL = project_root() / "profiles" / "local"
NEED = resources.memory_of_job(load_recipe("cpu"), [], resources.reference_run())


@pytest.fixture
def machine(monkeypatch):
    """A machine without a GPU, with four cores and the memory of ten jobs; returns a function that changes it."""

    def change(cores=4, jobs=10.0, gpus=""):
        monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)))
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=99e9, available=round(jobs * NEED)))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)

    change()
    return change


def count(tmp_path, chains=3, profile=LOCAL, recipe=None):
    return side_by_side.count(profile, [recipe or load_recipe("cpu")], chains, tmp_path)


def test_a_job_may_need_more_than_the_reference_runs_training_took():
    taken = resources.memory_bytes(load_recipe("cpu"), [], resources.reference_run())
    assert 1e9 < taken < NEED < 2 * taken + 1e9


@pytest.mark.parametrize(
    ("here", "chains", "expected"),
    [
        ({}, 3, 3),  # levels
        ({"cores": 2}, 3, 2),
        ({"cores": 2}, 1, 1),
        ({"jobs": 2.5}, 9, 2),
        ({"jobs": 0.5}, 9, 1),  # whether one fits is another check's business
        ({"gpus": "0,1"}, 3, 1),
    ],
)
def test_levels_cores_memory_and_gpus_decide(machine, tmp_path, here, chains, expected):
    machine(**here)
    assert count(tmp_path, chains) == expected


def test_it_is_one_where_nothing_is_known_or_another_profile_decides(machine, tmp_path, monkeypatch):
    unknown = load_recipe("cpu").model_copy(update={"base_model": "some/model"})
    assert count(tmp_path, recipe=unknown) == 1
    assert count(tmp_path, profile=tmp_path) == 1
    monkeypatch.setenv("CEFR_TRAINING_PROCESSES", "2")
    assert count(tmp_path) == 1


@pytest.mark.parametrize(("left", "expected"), [(["A2", "B1", "B2"], ["--resources", "gpu=3"]), (["B1"], [])])
def test_a_level_that_is_left_alone_gets_all_cores(machine, tmp_path, monkeypatch, left, expected):
    """Snakemake's own dry run tells which levels are left; what would then run is not run."""
    asked = []
    monkeypatch.setattr(snakemake, "snakemake", lambda config, folder, profile, arguments: asked.append(arguments))
    settings = configuration.read({"output_root": str(tmp_path), "levels": left})
    side_by_side.run(settings.model_dump(), tmp_path, LOCAL, [], [load_recipe("cpu")], tmp_path)
    assert asked == [["levels", *expected]]


def test_levels_are_counted_by_what_they_have_to_train_or_to_compare():
    rules = ["format_A2", "train_A2", "compare_A2", "compare_B1_one", "compare_B1_other", "plot_C1", "report"]
    assert side_by_side.chains(runs.planned_jobs(rules)) == 3
    assert side_by_side.chains(runs.planned_jobs(["plot_C1", "report"])) == 1


def test_what_the_terminal_says(machine):
    assert side_by_side.told(1) == side_by_side.options(1) == []
    assert side_by_side.told(3) == ["Without a GPU, 3 levels run side by side, each with one core."]
    assert side_by_side.told(2) == ["Without a GPU, 2 levels run side by side, each with 2 cores."]


def test_the_engine_shares_the_cores_and_begins_with_the_trainings(tmp_path):
    """Snakemake's own dry run prints each job's threads and priority."""
    settings = configuration.read({"output_root": str(tmp_path), "levels": ["A2", "B1"], "recipe": "smoke"})
    command = snakemake.command(settings.model_dump(), tmp_path, LOCAL)
    options = ["levels", "--dry-run", "--cores", "4", *side_by_side.options(2)]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    found, rule = {}, ""
    for line in (done.stdout + done.stderr).splitlines():
        if line.startswith("rule "):
            rule = line.split()[1].rstrip(":")
        key, _, value = line.strip().partition(": ")
        if key in ("threads", "priority"):
            found[rule, key] = int(value)
    assert found["train_A2", "threads"] == found["compare_A2", "threads"] == 2
    ahead = [found.get((rule, "priority"), 0) for rule in ("format_B1", "train_A2", "train_B1", "compare_A2")]
    assert ahead == sorted(ahead, reverse=True) and len(set(ahead)) == 4
