"""Two processes that train as one against one process: the same steps, losses and adapter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cefr_helpers import checkpoints, configuration, data_parallel, records
from cefr_helpers.errors import InputError
from cefr_helpers.paths import project_root

SCRIPT = Path(__file__).with_name("train_tiny.py")
RECIPE = {"precision": "fp32", "learning_rate": 2.0e-2, "epochs": 2, "eval_steps": 2, "lora_dropout": 0.0}
RECIPE |= {"batch_size": 1, "gradient_accumulation_steps": 4, "logging_steps": 1}


def run(folder, model, examples, processes: int, **changed) -> subprocess.CompletedProcess:
    spec = {"folder": str(folder), "base_model": str(model), "examples": examples, "recipe": RECIPE | changed}
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


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_two_processes_train_as_one(tiny_folder, examples, tmp_path, weight):
    data = uneven(examples)
    one, two = (
        results(run(tmp_path / str(n), tiny_folder, data, n, target_word_weight=weight)) for n in (1, 2)
    )  # fmt: skip
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["total_steps"] == two["total_steps"] == 4 and one["tokens"] == two["tokens"]
    # each process has half of a step's batches
    assert [r["trainer_arguments"]["gradient_accumulation_steps"] for r in (one, two)] == [4, 2]
    assert one["hyperparameters"] == two["hyperparameters"]
    for alone, shared in zip(one["history"], two["history"], strict=True):
        assert alone.keys() == shared.keys()
        assert shared == pytest.approx(alone, rel=1e-5)
    losses = [row["train_loss"] for row in one["history"] if "train_loss" in row]
    assert losses[-1] < losses[0] - 0.02


def test_batches_that_cannot_be_shared_out_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert data_parallel.share(8) == 2
    with pytest.raises(InputError, match="gradient_accumulation_steps: 6; expected a multiple of the 4 processes"):
        data_parallel.share(6)


@pytest.mark.parametrize("given", ["0", "-1", "two", "", "1.5", "²"])
def test_how_many_is_a_whole_number(monkeypatch, given):
    monkeypatch.setenv(data_parallel.VARIABLE, given)
    with pytest.raises(InputError, match=data_parallel.VARIABLE):
        data_parallel.asked()


def test_a_checkpoint_of_two_processes_is_whole_with_both_their_states(monkeypatch, tmp_path):
    """Each process keeps its random state; without one of them a run would not go on as it was."""
    import torch

    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    for name in checkpoints._FILES:
        (folder / name).write_text("{}") if name.endswith(".json") else torch.save({}, folder / name)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, folder / "adapter_model.safetensors")
    for rank in (0, 1):
        torch.save({}, folder / f"rng_state_{rank}.pth")
    assert checkpoints.newest_whole(tmp_path) is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert checkpoints.newest_whole(tmp_path) == folder
    (folder / "rng_state_1.pth").unlink()
    assert checkpoints.newest_whole(tmp_path) is None


def test_the_launcher_takes_the_place_of_the_process_where_asked(monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: called.append(arguments))
    data_parallel.launch_if_asked("cefr_helpers.pipeline", ["02_training", "B2", "{}"])
    assert called == []
    monkeypatch.setenv(data_parallel.VARIABLE, "2")
    data_parallel.launch_if_asked("cefr_helpers.pipeline", ["02_training", "B2", "{}"])
    assert called[0][-8:] == [
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "cefr_helpers.pipeline",
        "02_training",
        "B2",
        "{}",
    ]
    monkeypatch.setenv("WORLD_SIZE", "2")
    data_parallel.launch_if_asked("cefr_helpers.pipeline", ["02_training", "B2", "{}"])
    assert len(called) == 1


def stage(name: str, settings, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "cefr_helpers.pipeline", name, "A2", settings.model_dump_json()]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_training_notebook_runs_in_two_processes_and_leaves_one_run(tiny_folder, tmp_path):
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
    values |= RECIPE | {
        "base_model": str(tiny_folder),
        "train_examples": 8,
        "eval_examples": 2,
        "gradient_accumulation_steps": 2,
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values))
    own = {
        "recipe": str(tmp_path / "tiny.yaml"),
        "output_root": str(tmp_path),
        "user_data": str(tmp_path / "user_data"),
    }
    settings = configuration.read(own)
    made = stage("01_data_formatting", settings)
    assert made.returncode == 0, made.stdout + made.stderr
    done = stage("02_training", settings, **{data_parallel.VARIABLE: "2"})
    assert done.returncode == 0, done.stdout + done.stderr
    found = records.read(settings.workspace, "A2", "training")["results"]
    assert found["processes"] == 2 and found["total_steps"] == 2 * 8 // (2 * 1)
    assert done.stdout.count("| done in") == 1 and done.stdout.count("step 8/8") == 2  # the loss, then the evaluation
    folder = settings.workspace.run("A2")
    assert (folder / "02_training.ipynb").is_file() and "step 8/8" in (folder / "02_training.rank-1.log").read_text()
    assert sorted(path.name for path in folder.glob("02_*")) == [
        "02_training.ipynb",
        "02_training.log",
        "02_training.rank-1.log",
    ]
    assert [path.name for path in settings.workspace.adapters().iterdir()] == ["tiny-llama-a2-unsloth-v1"]


@pytest.mark.slow
def test_what_stops_one_process_stops_the_training(tiny_folder, examples, tmp_path):
    done = run(tmp_path / "run", tiny_folder, examples, 2, gradient_accumulation_steps=3)
    assert done.returncode != 0 and "expected a multiple of the 2 processes" in done.stderr
