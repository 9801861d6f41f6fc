"""Two processes that train together, compared with one process: the same steps, losses and adapter."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cefr_helpers.core import recipes, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Stage, project_root
from cefr_helpers.experiments import grid
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.pipeline import configuration, resources
from cefr_helpers.training import checkpoints, distributed, tuning

SCRIPT = Path(__file__).parents[1] / "support" / "train_tiny.py"
RECIPE = {"precision": "fp32", "learning_rate": 2.0e-2, "epochs": 2, "eval_steps": 2, "lora_dropout": 0.0}
RECIPE |= {"batch_size": 1, "gradient_accumulation_steps": 4, "logging_steps": 1}


def run(folder, model, examples, processes: int, recipe: dict, **spec) -> subprocess.CompletedProcess:
    spec |= {"folder": str(folder), "base_model": str(model), "examples": examples, "recipe": RECIPE | recipe}
    folder.mkdir(exist_ok=True)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), json.dumps(spec)]
    return subprocess.run(command, capture_output=True, text=True)


def results(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{")))


def uneven(examples: list[dict]) -> list[dict]:
    """With answers of one to eight lines, so that a mean of the processes' means would not be the mean."""
    lines = [example["output"].split("\n")[:count] for count, example in enumerate(examples[:8], 1)]
    cut = [
        {**e, "output": "\n".join(own), "words": e["words"][: len(own)]}
        for e, own in zip(examples, lines, strict=False)
    ]
    return cut + [{**e, "words": e["words"][: e["output"].count("\n") + 1]} for e in examples[8:]]


def assert_same_course(one: dict, two: dict) -> None:
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["tokens"] == two["tokens"] and one["hyperparameters"] == two["hyperparameters"]
    for alone, shared in zip(one["history"], two["history"], strict=True):
        assert alone.keys() == shared.keys()
        assert shared == pytest.approx(alone, rel=1e-5)
    losses = [row["train_loss"] for row in one["history"] if "train_loss" in row]
    assert losses[-1] < losses[0] - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_two_processes_train_as_one(tiny_folder, examples, tmp_path, weight):
    data, changed = uneven(examples), {"target_word_weight": weight}
    one, two = (results(run(tmp_path / str(count), tiny_folder, data, count, changed)) for count in (1, 2))
    assert_same_course(one, two)
    assert one["total_steps"] == two["total_steps"] == 4
    # each process has half of a step's batches
    assert [r["trainer_arguments"]["gradient_accumulation_steps"] for r in (one, two)] == [4, 2]


@pytest.mark.slow
def test_two_processes_keep_the_checkpoint_that_the_first_one_chose(tiny_folder, examples, tmp_path):
    changed = {"keep_best_by": "joint_success", "max_new_tokens": 12}
    found = results(run(tmp_path / "run", tiny_folder, examples, 2, changed))
    rows = [row for row in found["history"] if "eval_loss" in row]
    assert found["processes"] == 2 and len(rows) == 2 and all("joint_success" in row for row in rows)
    assert found["best"]["joint_success"] == max(row["joint_success"] for row in rows)


@pytest.mark.slow
def test_two_processes_go_on_from_their_checkpoint_as_if_never_stopped(tiny_folder, examples, tmp_path):
    """Dropout shows it: each process must draw as it would have."""
    changed = {"lora_dropout": 0.1, "gradient_accumulation_steps": 2, "epochs": 1}
    whole = results(run(tmp_path / "whole", tiny_folder, examples, 2, changed))
    killed = run(tmp_path / "killed", tiny_folder, examples, 2, changed, stop_at=3)
    assert killed.returncode != 0
    [checkpoint] = (tmp_path / "killed" / "checkpoints").glob("checkpoint-*")
    sealed = json.loads((checkpoint / checkpoints.SEAL).read_text())["files"]
    assert {"rng_state_0.pth", "rng_state_1.pth", "optimizer.pt"} <= set(sealed)
    resumed = results(run(tmp_path / "killed", tiny_folder, examples, 2, changed))
    assert (whole["resumed_from_step"], resumed["resumed_from_step"]) == (None, 2)
    assert resumed["history"] == whole["history"] and resumed["total_steps"] == 4


def test_batches_that_cannot_be_shared_out_are_refused_before_anything_starts(monkeypatch, tmp_path):
    assert distributed.local_accumulation_steps(8, 4) == 2
    told = "gradient_accumulation_steps: 1; expected a multiple of the 2 processes"
    own = {"recipe": "smoke", "output_root": str(tmp_path), "user_data": str(tmp_path)}
    configuration.check_inputs(configuration.read(own))
    (tmp_path / "grid.yaml").write_text("gradient_accumulation_steps: [2, 1]\n")
    monkeypatch.setenv(distributed.VARIABLE, "2")
    with pytest.raises(InputError, match=told):
        configuration.check_inputs(configuration.read(own))
    with pytest.raises(InputError, match=told):
        grid.read(str(tmp_path / "grid.yaml"), configuration.read(own))


@pytest.mark.parametrize("given", ["0", "-1", "two", "", "1.5", "²"])
def test_how_many_is_a_whole_number(monkeypatch, given):
    monkeypatch.setenv(distributed.VARIABLE, given)
    with pytest.raises(InputError, match=distributed.VARIABLE):
        distributed.requested()


def test_only_the_training_has_several_processes_and_asks_for_their_memory(monkeypatch):
    monkeypatch.setenv(distributed.VARIABLE, "3")
    assert [distributed.requested(stage) for stage in STAGES] == [1, 3, 1, 1]
    asked = {stage: resources.rule_resources({}, "smoke", stage)["mem_mb"](None, 2) for stage in STAGES}
    assert asked[Stage.TRAIN] == 3 * 2 * 8000 and asked[Stage.COMPARE] == 2 * 8000


def test_a_checkpoint_of_two_processes_is_whole_with_both_their_states(monkeypatch, tmp_path):
    """Each process saves its random state; without one of them a resumed run would differ."""
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    for name in (*checkpoints._FILES, "rng_state_0.pth"):
        (folder / name).write_text(json.dumps({"best_model_checkpoint": None}))
    monkeypatch.setenv("WORLD_SIZE", "2")
    checkpoints.seal(folder)
    assert checkpoints.newest_whole(tmp_path) is None
    (folder / "rng_state_1.pth").write_text("1")
    checkpoints.seal(folder)
    assert checkpoints.newest_whole(tmp_path) == folder
    (folder / "rng_state_1.pth").write_text("2")
    assert checkpoints.newest_whole(tmp_path) is None


def test_another_number_of_processes_makes_it_another_run(monkeypatch):
    base, settings = BaseModel(Path("m"), "m", "m", "m", None, "a" * 64), recipes.load_recipe("smoke")
    alone = tuning.fingerprint(base, settings, 1, {})
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert tuning.fingerprint(base, settings, 1, {}) != alone


def stage(name: str, settings, **environment) -> str:
    command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", name, "B2", settings.model_dump_json()]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_training_notebook_runs_in_two_processes_and_leaves_one_run(tiny_folder, tmp_path):
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
    values |= RECIPE | {"base_model": str(tiny_folder), "gradient_accumulation_steps": 2}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values))
    own = {"recipe": str(tmp_path / "tiny.yaml"), "levels": ["B2"]}
    one, two = (
        configuration.read(own | {"output_root": str(folder), "user_data": str(folder / "user_data")})
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    stage(Stage.FORMAT, one)
    shutil.copytree(one.output_root, two.output_root)
    stage(Stage.TRAIN, one)
    told = stage(Stage.TRAIN, two, **{distributed.VARIABLE: "2"})
    assert_same_course(*(records.read(each.workspace, "B2", "training").results.as_dict() for each in (one, two)))
    assert told.count("| started") == told.count("| done in") == 1
    assert told.count("step 8/8") == 2  # the loss, then the evaluation, from the first process only
    folder = two.workspace.run("B2")
    assert sorted(path.name for path in folder.glob("*02_*")) == [
        "02_training.ipynb",
        "02_training.log",
        "02_training.rank-1.log",
    ]
    assert "step 8/8" in (folder / "02_training.rank-1.log").read_text()
    assert not list((folder / "checkpoints").glob("*"))
    assert [path.name for path in two.workspace.adapters().iterdir()] == ["tiny-llama-b2-unsloth-v1"]
    assert [path.name for path in two.workspace.merged_models().iterdir()] == ["tiny-llama-b2-unsloth-v1_merged"]


@pytest.mark.slow
def test_what_stops_one_process_stops_the_training(tiny_folder, examples, tmp_path):
    done = run(tmp_path / "run", tiny_folder, examples, 2, {"gradient_accumulation_steps": 3})
    assert done.returncode != 0 and "expected a multiple of the 2 processes" in done.stderr
