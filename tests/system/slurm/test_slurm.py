"""An experiment on a real SLURM of two nodes, with a node killed, the controller restarted, and the engine killed."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
import two_nodes  # noqa: E402

from cefr_helpers.core import records  # noqa: E402
from cefr_helpers.core.paths import Workspace, project_root  # noqa: E402
from cefr_helpers.core.schema import TrainingResults  # noqa: E402
from cefr_helpers.training import checkpoints

WHY_NOT = two_nodes.missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]
RANKS, SEEDS = (4, 8, 16), (1, 2)
# One thread a job, here and there, so that losses can be compared to the last digit.
HERE = {"cores": 2, "max-threads": 1}
THERE = {"max-threads": 1, "slurm-init-seconds-before-status-checks": 5, "default-resources": {"cpus_per_task": 1}}


@dataclass
class Place:
    """A folder with recipe and profiles, and how the engine is called there."""

    folder: Path

    def experiment(self, name: str, ranks: tuple[int, ...], seeds: tuple[int, ...]) -> Path:
        values = {"levels": ["B2"], "recipes": [str(self.folder / "small.yaml")], "seeds": list(seeds)}
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(values | {"lora_rank": list(ranks)}))
        return path

    def start(self, experiment: Path, profile: str, out: str, log: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "cefr_helpers.cli", "experiment", str(experiment)]
        command += ["--profile", str(self.folder / profile), "--output-root", str(self.folder / out)]
        # SLURM tells its jobs of the nodes' GPUs, which are no such things
        own = {
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "UNSLOTH_FORCE_CPU": "1",
            "PYTHONPATH": str(project_root()),
        }
        with open(self.folder / log, "w") as file:
            return subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | own, start_new_session=True
            )

    def log(self, name: str) -> str:
        return (self.folder / name).read_text()

    def workspace(self, out: str, experiment: str, rank: int, seed: int) -> Workspace:
        folder = self.folder / out / "experiments" / experiment / f"small_lora_rank-{rank}_seed-{seed}"
        return Workspace(folder, folder / "user_data")


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_folder) -> Place:
    folder = tmp_path_factory.mktemp("cluster")
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
    values |= {"base_model": str(tiny_folder), "train_examples": 20, "eval_steps": 2, "max_new_tokens": 16}
    (folder / "small.yaml").write_text(yaml.safe_dump(values))
    for name, own in (("slurm", THERE), ("local", HERE)):
        shipped = yaml.safe_load((project_root() / "profiles" / name / "config.yaml").read_text())
        (folder / name).mkdir()
        (folder / name / "config.yaml").write_text(yaml.safe_dump(shipped | own))
    return Place(folder)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    nodes = two_nodes.TwoNodes(tmp_path_factory.mktemp("slurm"))
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


@dataclass
class Broken:
    """The training whose node was killed, and the checkpoint that it had then."""

    rank: int
    seed: int
    job: str
    node: str
    step: int


@pytest.fixture(scope="module")
def grid(place, slurm) -> Broken:
    """Six runs, through which a node dies in mid-training and the controller goes away and comes back."""
    engine = place.start(place.experiment("grid", RANKS, SEEDS), "slurm", "out", "grid.log")
    found = []

    def in_mid_training() -> bool:
        assert engine.poll() is None, place.log("grid.log")
        for job in slurm.jobs():
            names = re.fullmatch(r"rule_train_B2_small_lora_rank-(\d+)_seed-(\d+)", job["rule"])
            if job["state"] == "RUNNING" and names:
                rank, seed = map(int, names.groups())
                folder = place.workspace("out", "grid", rank, seed).run("B2") / "checkpoints"
                steps = {int(path.name.split("-")[1]) for path in folder.glob("*/checkpoint-*")}
                if steps & {4, 6}:
                    found[:] = [rank, seed, job["id"], job["node"], folder]
        return bool(found)

    two_nodes.until(in_mid_training, 1200)
    rank, seed, job, node, folder = found
    slurm.kill_node(node)
    step = int(checkpoints.newest_whole(next(folder.iterdir())).name.split("-")[1])
    slurm.restart_controller()
    two_nodes.until(lambda: slurm.states()[node].startswith("down"), 120)
    slurm.start_node(node)
    assert engine.wait(3600) == 0, place.log("grid.log")
    return Broken(rank, seed, job, node, step)


def trained(place: Place, out: str, rank: int, seed: int) -> TrainingResults:
    return records.read(place.workspace(out, "grid", rank, seed), "B2", "training").results


def test_six_runs_go_through_both_nodes_each_stage_once(place, slurm, grid):
    compared = [
        place.workspace("out", "grid", rank, seed).record("B2", "comparison") for rank in RANKS for seed in SEEDS
    ]
    assert len(compared) == 6 and all(path.is_file() for path in compared)
    assert "6 of 6 trainings" in (place.folder / "out" / "Notes" / "experiment_grid.md").read_text()
    jobs = [job for job in slurm.jobs() if job["folder"].endswith("/grid")]
    training = [job for job in jobs if "_train_" in job["rule"]]
    assert {job["state"] for job in jobs} == {"COMPLETED"} and {job["node"] for job in training} == set(two_nodes.NODES)
    assert len(training) == len({job["rule"] for job in training}) == 6
    assert {job["memory"] for job in training} == {"8000M"}  # nothing was measured yet


def test_a_node_that_dies_in_mid_training_costs_the_steps_since_the_last_checkpoint(place, grid):
    results = trained(place, "out", grid.rank, grid.seed)
    assert results.resumed_from_step == grid.step and 2 <= grid.step < results.total_steps == 10
    others = [
        trained(place, "out", rank, seed) for rank in RANKS for seed in SEEDS if (rank, seed) != (grid.rank, grid.seed)
    ]
    assert {other.resumed_from_step for other in others} == {None}


def test_results_are_those_of_a_local_run(place, grid):
    """Repeat the run whose node died, and its neighbour, on this machine without SLURM."""
    engine = place.start(place.experiment("grid", (grid.rank,), SEEDS), "local", "here", "here.log")
    assert engine.wait(1800) == 0, place.log("here.log")
    for seed in SEEDS:
        here, there = (trained(place, out, grid.rank, seed) for out in ("here", "out"))
        assert here.resumed_from_step is None
        assert here.history == there.history and len(here.history) == 15
        assert here.best == there.best and here.eval_loss.reduction_pct > 0
        here, there = (
            records.read(place.workspace(out, "grid", grid.rank, seed), "B2", "comparison").results.completion
            for out in ("here", "out")
        )
        assert here == there


@pytest.fixture(scope="module")
def memory(place, slurm, grid) -> list[dict]:
    """One more run, whose estimate is too small, and whose engine is killed while its training is at work.

    Returns:
        The jobs of its training, in order.
    """
    for path in (place.folder / "out" / "experiments" / "grid").glob("*/runs/B2/training.json"):
        record = json.loads(path.read_text())
        assert record["results"]["peak_memory_bytes"] > 1_001_000_000
        record["results"]["peak_memory_bytes"] = 1
        path.write_text(json.dumps(record))
    file = place.experiment("memory", (2,), (1,))

    def training() -> list[dict]:
        jobs = [job for job in slurm.jobs() if job["folder"].endswith("/memory") and "_train_" in job["rule"]]
        return sorted(jobs, key=lambda job: int(job["id"]))

    first = place.start(file, "slurm", "out", "killed.log")
    two_nodes.until(lambda: any(job["state"] == "RUNNING" for job in training()), 600)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert [job["state"] for job in training()] == ["RUNNING"]
    second = place.start(file, "slurm", "out", "memory.log")
    assert second.wait(1800) == 0, place.log("memory.log")
    return training()


def test_a_killed_engines_job_is_cancelled_before_another_one_begins(place, memory):
    assert re.search(
        rf"Cancelling SLURM jobs that an earlier run left running in \S+/memory: {memory[0]['id']}\n",
        place.log("memory.log"),
    )
    assert memory[0]["state"] == "CANCELLED"


def test_a_stage_that_fails_for_memory_is_tried_again_with_twice_as_much(memory):
    asked = [int(job["memory"].removesuffix("M")) for job in memory[1:]]
    assert asked == [1001 * 2**attempt for attempt in range(len(asked))] and len(asked) > 1
    assert memory[-1]["state"] == "COMPLETED" and "COMPLETED" not in {job["state"] for job in memory[:-1]}
