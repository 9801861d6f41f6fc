"""Requests to a cluster, jobs left by a killed Snakemake, locks on GPUs: everything that needs no SLURM."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import hand_made_records
import pytest
import yaml
from filelock import Timeout
from hand_made_records import change, write_record

from cefr_helpers.core import files, locks, recipes, records
from cefr_helpers.core.errors import Busy, InputError
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.pipeline import configuration, gpus, notebooks, resources, slurm, snakemake, stages

PROFILES = project_root() / "profiles"
SLURM = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """SLURM's commands as scripts that print what a test says; a list of the calls."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")
    monkeypatch.setattr(slurm, "_PLUGIN", "snakemake")
    monkeypatch.setattr(slurm, "_ANSWER_S", 0)
    calls = folder / "calls"
    calls.touch()

    def answer(name: str, script: str) -> Path:
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {calls}\n{script}\n')
        (folder / name).chmod(0o755)
        return calls

    for name, script in (
        ("sbatch", ""),
        ("squeue", ""),
        ("scancel", ""),
        ("sinfo", "printf 'main\\ngpu\\n'"),
        ("scontrol", "echo 'AccountingStorageType   = accounting_storage/none'"),
    ):
        answer(name, script)
    return answer


def profile(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text)
    return folder


# The profiles


def test_each_profile_goes_where_its_name_says():
    assert slurm.uses_slurm(PROFILES / "slurm") and not slurm.uses_slurm(PROFILES / "local")


def test_the_slurm_profile_tries_again_finds_its_jobs_and_lets_slurm_requeue():
    assert SLURM["retries"] == 2 and SLURM["slurm-requeue"] and SLURM["keep-going"] and SLURM["rerun-incomplete"]
    assert SLURM["slurm-jobname-prefix"] == slurm.JOB_PREFIX
    assert SLURM["default-resources"]["cpus_per_task"] >= 2


def test_one_training_to_a_gpu_on_this_machine():
    local = yaml.safe_load((PROFILES / "local" / "config.yaml").read_text())
    assert local["resources"] == ["gpu=1"] and "retries" not in local


def test_the_slurm_profile_is_one_that_snakemake_takes():
    """Every key is an option of Snakemake, or of the pinned plugin's own."""
    from snakemake.cli import get_argument_parser

    options = {option.lstrip("-") for action in get_argument_parser()._actions for option in action.option_strings}
    assert [key for key in SLURM if key not in options] == []


def test_a_profile_that_is_no_yaml_is_refused(tmp_path):
    with pytest.raises(InputError, match="config.yaml: not valid YAML"):
        slurm.uses_slurm(profile(tmp_path / "broken", "executor: [slurm"))
    with pytest.raises(InputError, match="config.yaml: 'slurm'; expected `key: value` lines"):
        slurm.uses_slurm(profile(tmp_path / "broken", "slurm"))


def test_make_hands_the_profile_over():
    for target in ("run", "experiment", "experiment-dry"):
        command = ["make", "--dry-run", target, "NAME=rank", "PROFILE=slurm"]
        done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True)
        assert '--profile "slurm"' in done.stdout


# Before anything is submitted


def test_a_slurm_that_answers_is_asked_for_states_as_it_keeps_them(commands):
    assert slurm.check(PROFILES / "slurm") == ["--slurm-status-command", "squeue"]
    commands("scontrol", "echo 'AccountingStorageType   = accounting_storage/slurmdbd'")
    assert slurm.check(PROFILES / "slurm") == []


def test_a_partition_that_slurm_does_not_have_is_refused(tmp_path, commands):
    text = "executor: slurm\ndefault-resources:\n  slurm_partition: gpus\n"
    with pytest.raises(InputError, match="slurm_partition: 'gpus': SLURM has no such partition; it has gpu, main"):
        slurm.check(profile(tmp_path / "mine", text))
    slurm.check(profile(tmp_path / "mine", text.replace("gpus", "gpu")))


def test_without_slurms_commands_its_controller_or_the_plugin_nothing_starts(tmp_path, commands, monkeypatch):
    commands("sinfo", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(InputError, match="SLURM does not answer: sinfo: Unable to contact slurm controller"):
        slurm.check(PROFILES / "slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="sbatch, squeue, scancel, sinfo, scontrol not found; start this on a machine"):
        snakemake.snakemake({}, tmp_path, PROFILES / "slurm", ["levels"])
    monkeypatch.setattr(slurm, "_PLUGIN", "no_such_plugin")
    with pytest.raises(InputError, match="needs the package no-such-plugin, which is not installed"):
        slurm.check(PROFILES / "slurm")


def test_a_controller_that_is_away_for_a_moment_is_asked_again(tmp_path, commands, monkeypatch):
    monkeypatch.setattr(slurm, "_ANSWER_S", 30)
    there = tmp_path / "there"
    calls = commands("sinfo", f"[ -e {there} ] && echo main || {{ touch {there}; exit 1; }}")
    slurm.check(PROFILES / "slurm")
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["sinfo", "sinfo", "scontrol"]


# Jobs left by a killed Snakemake


def test_of_all_jobs_only_ours_in_this_folder_are_left_ones(tmp_path):
    folder, other = tmp_path / "out put|1", tmp_path / "other"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    listing = "\n".join(
        [
            f"7|cefr_0f3a|{folder}",
            f"8|cefr_0f3a|{other}",
            f"9|my_job|{folder}",
            f"10|cefrain|{folder}",
            f"11_[1-3]|cefr_77|{tmp_path / 'link'}",
            f"12|cefr_77|{folder}/runs",
            "",
        ]
    )
    assert slurm._of_folder(listing, folder) == ["7", "11_[1-3]"]


def test_left_jobs_are_cancelled_and_waited_for_before_the_lock_is_taken_away(tmp_path, commands, monkeypatch, capsys):
    out = tmp_path / "out"
    (out / ".snakemake" / "locks").mkdir(parents=True)
    (out / ".snakemake" / "locks" / "0.input.lock").touch()
    gone = tmp_path / "gone"
    commands("squeue", f"[ -e {gone} ] || echo '7|cefr_1|{out}'; [ -e {tmp_path}/cancelled ] && touch {gone}; true")
    calls = commands("scancel", f"touch {tmp_path}/cancelled")
    commands("python", "")
    monkeypatch.setattr(sys, "executable", str(calls.parent / "python"))
    assert snakemake.snakemake({}, out, PROFILES / "slurm", ["levels"])
    words = [line.split()[0] for line in calls.read_text().splitlines()]
    assert words == ["sinfo", "scontrol", "squeue", "scancel", "squeue", "squeue", "python", "python"]
    assert "scancel 7\n" in calls.read_text()
    unlock, run = [line for line in calls.read_text().splitlines() if line.startswith("python")]
    assert unlock.endswith("--unlock") and run.endswith("levels --slurm-status-command squeue")
    assert f"Cancelling SLURM jobs that an earlier run left running in {out}: 7" in capsys.readouterr().out


def test_a_run_that_goes_on_without_the_cluster_cancels_too_and_a_dry_run_nothing(tmp_path, commands, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    calls = commands("python", "")
    monkeypatch.setattr(sys, "executable", str(calls.parent / "python"))
    snakemake.snakemake({}, out, PROFILES / "local", ["levels"])
    assert "squeue" not in calls.read_text()  # nothing ever went to SLURM from here
    (out / ".snakemake" / "slurm_logs").mkdir(parents=True)
    snakemake.snakemake({}, out, PROFILES / "local", ["levels", *snakemake.DRY_RUN])
    assert "squeue" not in calls.read_text()
    snakemake.snakemake({}, out, PROFILES / "local", ["levels"])
    assert "squeue --me" in calls.read_text()


def test_a_job_that_does_not_end_stops_the_run(tmp_path, commands, monkeypatch):
    commands("squeue", f"echo '7|cefr_1|{tmp_path}'")
    monkeypatch.setattr(slurm, "_END_S", 0)
    with pytest.raises(InputError, match="SLURM jobs 7 were cancelled but do not end"):
        slurm.cancel_left_jobs(tmp_path)


# Memory and time


def training_of(root: Path, recipe: recipes.Recipe, seconds: float, memory_bytes: int, cpu: str) -> None:
    """A finished training on some machine, 100 s of it the training itself."""
    record = hand_made_records.training("B2")
    change(record, recipe=recipe.as_record("x"), hardware=records.hardware() | {"cpu": cpu})
    change(record.results, duration_s=100.0, tokens_per_s=300.0, peak_memory_bytes=memory_bytes)
    folder = root / "runs" / "B2"
    write_record(folder / "training.json", record)
    for stage in (Stage.TRAIN, Stage.COMPARE):
        (folder / f"{stage}.ipynb").write_text(json.dumps({"metadata": {"papermill": {"duration": seconds}}}))


def test_jobs_ask_for_the_most_that_the_like_took_on_any_machine(tmp_path):
    smoke = recipes.load_recipe("smoke")
    training_of(tmp_path, smoke, 130.0, 2_000_000_000, records.hardware()["cpu"])
    training_of(tmp_path / "experiments" / "rank" / "one", smoke, 200.0, 1_000_000_000, "a node's processor")
    assert len(resources.measured(tmp_path)) == 1  # what the dry run says of this machine leaves the node's out
    larger = smoke.model_copy(update={"train_examples": 24})
    chatty = smoke.model_copy(update={"generation_prompts": 40})
    found = resources.estimate_requests({"smoke": smoke, "larger": larger, "chatty": chatty}, tmp_path)
    # 1.25 x 2,000 MB + 1,000; (2 x 200 s + 600 s) / 60, and with two more times the training's 100 s 400 s more
    assert found["smoke"] == {Stage.TRAIN: [3500, 17], Stage.COMPARE: [3500, 17]}
    assert found["larger"] == {Stage.TRAIN: [3500, 24], Stage.COMPARE: [3500, 17]}
    # a comparison with forty times as many answers does not take forty times as long
    assert found["chatty"] == {Stage.TRAIN: [3500, 17], Stage.COMPARE: [3500, resources.DEFAULTS[Stage.COMPARE][1]]}
    assert resources.estimate_requests({"other": smoke.model_copy(update={"base_model": "other/model"})}, tmp_path) == {
        "other": {}
    }
    assert resources.for_profile(PROFILES / "slurm", {"smoke": smoke}, tmp_path)["needs"].keys() == {"smoke"}
    assert resources.for_profile(PROFILES / "local", {"smoke": smoke}, tmp_path) == {}


def test_every_try_asks_for_twice_as_much():
    found = {"smoke": {Stage.TRAIN: [3500, 17]}}
    asked = resources.rule_resources(found, "smoke", Stage.TRAIN)
    assert [(asked["mem_mb"](None, n), asked["runtime"](None, n), asked["attempt"](None, n)) for n in (1, 2, 3)] == [
        (3500, 17, 1),
        (7000, 34, 2),
        (14000, 68, 3),
    ]
    unknown = resources.rule_resources({}, "smoke", Stage.TRAIN)
    assert (unknown["mem_mb"](None, 1), unknown["runtime"](None, 2)) == (8000, 480)


def test_the_engine_takes_them(tmp_path):
    """Snakemake's own dry run prints what each job would ask for."""
    out = tmp_path / "out"
    settings = configuration.read({"output_root": str(out), "levels": ["B2"], "recipe": "smoke"})
    config = settings.model_dump() | {"needs": {settings.recipe: {Stage.TRAIN: [3500, 17]}}}
    text = "cores: 4\nresources: [gpu=2]\n"
    command = snakemake.command(config, out, profile(tmp_path / "two_gpus", text))
    done = subprocess.run([*command, "levels", "--dry-run"], capture_output=True, text=True)
    asked, threads = {}, {}
    for line in (done.stdout + done.stderr).splitlines():
        if line.startswith(("rule ", "localrule ")):
            rule = line.split()[1].rstrip(":")
        elif line.startswith("    threads: "):
            threads[rule] = int(line.split()[1])
        elif line.startswith("    resources: "):
            asked[rule] = dict(word.strip().split("=") for word in line.split(":", 1)[1].split(","))
    assert asked["train_B2"]["mem_mb"] == "3500" and asked["train_B2"]["runtime"] == "17"
    assert asked["train_B2"]["gpu"] == "1" and "gpu" not in asked["plot_B2"]
    assert threads["train_B2"] == 2  # of four cores, since the other GPU's training takes two
    assert asked["format_B2"]["cpus_per_task"] == "1" and asked["compare_B2"]["mem_mb"] == "8000"


def test_the_dry_run_says_what_jobs_would_ask_for_without_a_cluster(tmp_path):
    (tmp_path / "trial.yaml").write_text("levels: [B2]\nrecipes: [smoke]\nlora_rank: [8, 32]\n")
    smoke = recipes.load_recipe("smoke")
    training_of(tmp_path / "out", smoke, 130.0, 2_000_000_000, "a node's processor")
    command = [sys.executable, "-m", "cefr_helpers.cli", "experiment", str(tmp_path / "trial.yaml"), "--dry-run"]
    command += ["--profile", "slurm", "--output-root", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-4:] == [
        "A job of 01_data_formatting requests 2000 MB and 30 min from SLURM, not measured yet",
        "A job of 02_training requests 3500 MB and 15 min from SLURM",
        "A job of 03_baseline_comparison requests 3500 MB and 15 min from SLURM",
        "A job of 04_plotting requests 2000 MB and 15 min from SLURM, not measured yet",
    ]


@pytest.mark.parametrize(
    ("log", "again"),
    [
        ("step 1\nFAILED: cell [3] raised InputError: too few words\n", False),
        ("FAILED: cell [9] raised FloatingPointError: the loss is not finite\n", False),
        ("FAILED: cell [9] raised OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n", True),
        ("FAILED: cell [9] raised MemoryError: \n", True),
        ("FAILED: cell [9] raised RuntimeError: DefaultCPUAllocator: can't allocate memory\n", True),
        ("FAILED: its kernel was killed; if memory ran out, lower batch_size\n", True),
        ("step 1\nstep 2\n", True),
    ],
)
def test_only_what_more_memory_or_time_may_mend_is_tried_again(tmp_path, log, again):
    path = tmp_path / "02_training.log"
    notebooks.refuse_pointless_retry(2, path)
    path.write_text(log)
    notebooks.refuse_pointless_retry(1, path)
    if again:
        notebooks.refuse_pointless_retry(2, path)
    else:
        with pytest.raises(InputError, match="not retried, since more memory and time won't help: FAILED: cell"):
            notebooks.refuse_pointless_retry(2, path)


def test_a_second_try_of_a_hopeless_stage_ends_before_its_notebook(tmp_path, capsys):
    settings = configuration.read({"output_root": str(tmp_path), "levels": ["B2"], "recipe": "smoke"})
    log = files.write_atomically(tmp_path / "runs" / "B2" / f"{Stage.TRAIN}.log", "FAILED: cell [3] raised X: y\n")
    arguments = [Stage.TRAIN, "B2", settings.model_dump_json(), "-", "2"]
    command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "not retried" in done.stderr and log.read_text().startswith("FAILED: cell [3]")


# Locks


def holding(code: str) -> subprocess.Popen:
    """A process that takes a lock, prints that it has it, and holds it until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "held"
    return process


def test_a_stage_has_its_folder_alone_and_the_dead_hold_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_S", 0.2)
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    lease = workspace.run("B2") / f".{Stage.FORMAT}.lease"
    code = "import pathlib, sys, time; from cefr_helpers.core import locks\n"
    code += f"with locks.lease(pathlib.Path({str(lease)!r})): print('held', flush=True); time.sleep(60)"
    other = holding(code)
    parameters = {"level": "B2", "recipe": "smoke", "output_root": str(tmp_path)}
    with pytest.raises(Busy, match="another run is already running here"):
        stages.run_stage(Stage.FORMAT, parameters, workspace)
    other.kill()
    other.wait()
    with locks.lease(lease, 5):
        assert lease.is_file()
    assert not lease.exists()


def test_what_another_node_holds_is_taken_over_when_it_shows_no_life(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LIFE_S", 1.0)
    path = tmp_path / ".lease"
    with locks.lease(path):
        marker = path.read_text()
    foreign = marker.replace(platform.node(), "another-node")
    assert foreign != marker
    path.write_text(foreign)
    with pytest.raises(Timeout), locks.lease(path, 0.5):
        pass  # it may live: its process can't be seen from here
    assert path.read_text() == foreign
    with locks.lease(path, 10):
        assert path.read_text() not in (foreign, marker)


def test_one_run_an_output_folder(tmp_path):
    code = "import pathlib, time; from cefr_helpers.pipeline import snakemake\n"
    code += f"with snakemake.only_run(pathlib.Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    other = holding(code)
    started = time.monotonic()
    with pytest.raises(Busy, match="another run is already running here"), snakemake.only_run(tmp_path):
        pass
    assert time.monotonic() - started < 5
    other.kill()
    other.wait()
    with snakemake.only_run(tmp_path):
        pass


# GPUs


@pytest.fixture
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("", []),
        ("-1", []),
        ("0", ["0"]),
        ("2, 3", ["2", "3"]),
        ("1,-1,2", ["1"]),
        ("GPU-8a,MIG-1/2", ["GPU-8a", "MIG-1/2"]),
    ],
)
def test_gpus_that_a_process_was_given_are_those_it_may_use(monkeypatch, given, ids):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert gpus.visible() == ids


def test_else_those_of_the_machine(commands, own_locks):
    assert gpus.visible() == []
    commands("nvidia-smi", "printf '0\\n1\\n'")
    assert gpus.visible() == ["0", "1"]
    commands("nvidia-smi", "echo no driver; exit 9")
    assert gpus.visible() == []


def test_each_gpu_is_handed_to_one(own_locks, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with gpus.reserve(1, "A1 02_training") as [first]:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # as the next process finds it
        with gpus.reserve(1, "A2 02_training") as [second]:
            assert {first, second} == {"0", "1"} and os.environ["CUDA_VISIBLE_DEVICES"] == second
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
            monkeypatch.setattr(gpus.time, "sleep", lambda _: pytest.fail("waits"))
            with pytest.raises(pytest.fail.Exception), gpus.reserve(1, "B1 02_training"):
                pass
            assert "B1 02_training | waiting for 1 of the GPUs 0, 1" in capsys.readouterr().out
            monkeypatch.setenv("SLURM_JOB_ID", "7")  # ids of a SLURM job are its own GPUs, others than these
            with gpus.reserve(1, "B2 02_training") as own:
                assert own == ["0"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_several_gpus_are_handed_out_together_or_not_at_all(own_locks, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4,5")
    with gpus.reserve(2, "A1 02_training") as both:
        assert both == ["3", "4"] and os.environ["CUDA_VISIBLE_DEVICES"] == "3,4"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4,5")
        monkeypatch.setattr(gpus.time, "sleep", lambda _: pytest.fail("waits"))
        with pytest.raises(pytest.fail.Exception), gpus.reserve(2, "A2 02_training"):
            pass
        assert "A2 02_training | waiting for 2 of the GPUs 3, 4, 5" in capsys.readouterr().out
        with gpus.reserve(1, "B1 02_training") as left:  # nobody keeps it while waiting for a second one
            assert left == ["5"]
    with pytest.raises(InputError, match="CEFR_TRAINING_PROCESSES: 4; expected at most 3"), gpus.reserve(4, "x"):
        pass


def test_a_process_that_was_killed_gives_its_gpu_back(own_locks, monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = "import time; from cefr_helpers.pipeline import gpus\n"
    code += "with gpus.reserve(1, 'x'): print('held', flush=True); time.sleep(60)"
    other = holding(code)
    other.kill()
    other.wait()
    with gpus.reserve(1, "y") as taken:
        assert taken == ["5"]


def test_without_a_gpu_nothing_is_taken(own_locks, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with gpus.reserve(1, "x") as taken:
        assert taken == [] and os.environ["CUDA_VISIBLE_DEVICES"] == ""
