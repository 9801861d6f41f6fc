"""Stages that die: causes that are recognised, and their messages. Real kernels on notebooks of one cell."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import killing
import leftovers
import nbformat
import pytest
import tiny_models
import yaml

from cefr_helpers.core import locks
from cefr_helpers.core.errors import Busy
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.pipeline import configuration, gpus, notebooks, runs, snakemake, stages, status

PARAMETERS = 'level = "B2"\noutput_root = "."\nuser_data = "user_data"'


@pytest.fixture
def stage_of(tmp_path, monkeypatch):
    """Runs a stage whose notebook has one cell, the given code; returns the message it fails with."""
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")

    def run(code: str, stage: str = Stage.TRAIN) -> str:
        notebook = nbformat.v4.new_notebook()
        cells = [
            nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(code),
        ]
        notebook.cells, notebook.metadata["kernelspec"] = (
            cells,
            {"name": "python3", "display_name": "", "language": "python"},
        )
        path = tmp_path / f"{stage}.ipynb"
        nbformat.write(notebook, path)
        monkeypatch.setattr(stages, "notebook_path", lambda _: path)
        with pytest.raises(stages.StageFailed) as failed:
            stages.run_stage(stage, {"level": "B2"}, workspace)
        assert not stages.executed_notebook(workspace, stage, "B2").exists()
        return str(failed.value)

    return run


def test_a_killed_kernel_is_told_with_its_peak_and_what_to_change(stage_of):
    """The cell takes 400 MB and is then killed as the system kills a process that takes too much memory."""
    told = stage_of("import os, signal\ntaken = b'x' * 400_000_000\nos.kill(os.getpid(), signal.SIGKILL)")
    assert "B2 02_training: its kernel was killed; the system does so when memory runs out" in told
    assert "lower batch_size" in told and "eval_batch_size" in told and "max_seq_length" in told
    peak = float(told.split("had used up to ")[1].split(" GB")[0])
    assert 0.4 <= peak < 4


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\nb'x' * 2**33", "MemoryError"),
        (
            "raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried to allocate 9 bytes')",
            "RuntimeError",
        ),
        (
            "class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError('CUDA out of memory.')",
            "OutOfMemoryError",
        ),
    ],
)
def test_memory_that_ran_out_is_told_as_that(stage_of, code, kind):
    told = stage_of(code, Stage.COMPARE)
    assert f"memory ran out: cell [3] raised {kind}" in told
    assert "lower eval_batch_size in the recipe" in told and "batch_size (" not in told


def test_a_full_disk_in_a_cell_is_told_as_that(stage_of):
    assert "the disk is full: cell [3] raised OSError" in stage_of("raise OSError(28, 'No space left on device')")


def test_any_other_error_is_told_as_it_is():
    assert notebooks.of_cell(3, "ValueError", "no", Stage.TRAIN) == "cell [3] raised ValueError: no"


def test_a_second_run_of_a_level_is_refused_at_once_and_another_level_is_not(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    workspace.run("B2").mkdir(parents=True)
    settings = {"levels": ["A1", "B2"], "recipe": "smoke", "sentence_bank": "bundled", "language": "en", "seed": 1}
    settings |= {"output_root": str(tmp_path), "user_data": str(tmp_path / "user_data")}
    command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", Stage.PLOT]
    with locks.exclusive(workspace.run("B2") / gpus.STAGE_LOCK):
        started = time.monotonic()
        second, other = (
            subprocess.run([*command, level, json.dumps(settings)], capture_output=True, text=True, cwd=project_root())
            for level in ("B2", "A1")
        )
    assert second.returncode == 1 and f"{workspace.run('B2')}: another run is already running here" in second.stderr
    assert not (workspace.run("B2") / f"{Stage.PLOT}.log").exists()
    assert "another run" not in other.stderr and "run 02_training for level A1 first" in other.stderr
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_levels_side_by_side_end_as_one_after_the_other(byte_folder, tmp_path):
    """Whole runs, with both trainings at the same time and an empty cache that they share."""
    levels, found = ("A2", "B2"), {}
    recipe = tiny_models.tiny_recipe(tmp_path / "recipe.yaml", byte_folder, lora_dropout=0.1)
    shipped = yaml.safe_load((project_root() / "profiles" / "local" / "config.yaml").read_text())
    for at_once in (1, 2):
        folder, profile = tmp_path / f"out{at_once}", tmp_path / f"profile{at_once}"
        profile.mkdir()
        own = {"cores": at_once, "max-threads": 1, "resources": [f"gpu={at_once}"]}
        (profile / "config.yaml").write_text(yaml.safe_dump(shipped | own))
        command = [sys.executable, "-m", "cefr_helpers.cli", "run", "--levels", " ".join(levels)]
        command += ["--recipe", str(recipe), "--profile", str(profile)]
        command += ["--output-root", str(folder), "--user-data", str(folder / "user_data")]
        own = {"XDG_CACHE_HOME": str(tmp_path / f"cache{at_once}"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | own, cwd=project_root())
        assert done.returncode == 0, done.stdout + done.stderr
        begun = [done.stdout.index(f"{level} {Stage.TRAIN} | started") for level in levels]
        ended = [done.stdout.index(f"{level} {Stage.TRAIN} | done") for level in levels]
        assert (max(begun) < min(ended)) == (at_once == 2)
        found[at_once] = [leftovers.outcome(folder, level) for level in levels]
    assert found[1] == found[2]


def test_a_data_stage_that_fails_leaves_the_last_results_and_is_tried_again(byte_folder, tmp_path, monkeypatch):
    """Its base model's tokenizer breaks after the first run, and its bank changes; then the tokenizer is repaired."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = shutil.copytree(byte_folder, tmp_path / "base")
    recipe = tiny_models.tiny_recipe(tmp_path / "recipe.yaml", base)
    bank = shutil.copy(project_root() / "cefr_helpers" / "sample_corpus" / "A2.json", tmp_path / "A2.json")
    settings = configuration.read(
        {"levels": ["A2"], "recipe": str(recipe), "sentence_bank": str(bank)}
        | {key: str(tmp_path / "out") for key in ("output_root", "user_data")}
    )
    run, local = runs.single(settings), snakemake.profile_folder("local")

    def format_data() -> bool:
        call = (settings.model_dump(), settings.workspace.output_root, local)
        return snakemake.snakemake(*call, [run.format_rule("A2"), *runs.forced([run])])

    made = stages.outputs(settings.workspace, Stage.FORMAT, "A2")
    assert format_data() and not runs.forced([run])
    before = {path: path.read_bytes() for path in made}
    tokenizer = (base / "tokenizer.json").read_text()
    (base / "tokenizer.json").write_text("{}")
    sentences = json.loads(Path(bank).read_text())
    sentences.popitem()
    Path(bank).write_text(json.dumps(sentences))
    assert not format_data()
    assert {path: path.read_bytes() for path in made} == before
    assert "did not finish" in status.of_level(settings, "A2")[0].reason and run.failures(0)
    (base / "tokenizer.json").write_text(tokenizer)
    record = settings.workspace.record("A2", "dataset")
    assert format_data() and record.read_bytes() != before[record]
    assert not runs.forced([run]) and status.of_level(settings, "A2")[0].state == "done"


def test_a_lock_whose_process_was_killed_is_stale(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from cefr_helpers.pipeline import snakemake\n"
        "with snakemake.only_run(Path(sys.argv[1])): print('held', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=project_root()
    )
    assert (done.returncode, done.stdout) == (-9, "held\n")
    assert (tmp_path / "runs" / ".engine.lock").exists()
    with snakemake.only_run(tmp_path), pytest.raises(Busy, match="another run is already running here"):
        locks.exclusive(tmp_path / "runs" / ".engine.lock")


def test_with_the_command_its_engine_dies_at_once(tmp_path):
    """Otherwise a free lock would not mean that nothing is running any more."""
    code = (
        "import sys; from pathlib import Path; from cefr_helpers.pipeline import snakemake\n"
        "snakemake.command = lambda *_: [sys.executable, '-c', "
        "'import os, time; print(os.getpid(), flush=True); time.sleep(60)']\n"
        "snakemake.snakemake({}, Path('.'), Path('.'), [])"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=project_root())
    engine_id = int(command.stdout.readline())
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    deadline = time.monotonic() + 10
    while _alive(engine_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(engine_id)


def test_a_kernel_ends_at_once_with_the_process_that_runs_it(stage_of):
    """Its own check runs once a second; the system sends it the signal that it requested (2: PR_GET_PDEATHSIG)."""
    told = stage_of(
        "import ctypes\nnumber = ctypes.c_int()\nctypes.CDLL(None).prctl(2, ctypes.byref(number))\n"
        "raise ValueError(f'signal {number.value}')"
    )
    assert f"raised ValueError: signal {int(signal.SIGKILL)}" in told


@pytest.mark.parametrize("module", ["stages", "runs"])
def test_a_command_whose_engine_was_killed_before_it_began_does_nothing(tmp_path, module):
    settings = {"levels": ["B2"], "recipe": "smoke", "sentence_bank": "bundled", "language": "en", "seed": 1}
    settings |= {"output_root": str(tmp_path / "out"), "user_data": str(tmp_path / "user_data")}
    arguments = [Stage.FORMAT, "B2", json.dumps(settings)] if module == "stages" else ["B2", ".", json.dumps(settings)]
    gone = subprocess.Popen(["true"])
    gone.wait()
    done = subprocess.run(
        [sys.executable, "-m", f"cefr_helpers.pipeline.{module}", *arguments],
        env=os.environ | {locks.ENGINE: str(gone.pid)},
        cwd=project_root(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (-signal.SIGTERM, "", []), done.stderr


def test_what_a_command_starts_does_not_look_for_its_engine(monkeypatch):
    monkeypatch.setenv(locks.ENGINE, str(os.getppid()))
    monkeypatch.setattr(locks, "die_with_parent", lambda parent: seen.append(parent))
    seen = []
    locks.die_with_engine()
    assert seen == [os.getppid()] and locks.ENGINE not in os.environ


def test_with_a_killed_cefr_run_its_engine_stage_and_kernel_end_and_both_locks_are_free(tmp_path):
    """Killed while the first stage's kernel is at work; `killing` fails where a process is left."""
    folder = tmp_path / "out"
    log = Workspace(folder, folder / "user_data").run(killing.leftovers.LEVEL) / f"{Stage.FORMAT}.log"
    ended = killing.run_all(folder, Path("smoke"), 0.0, lambda: log.is_file() and log.stat().st_size > 0)
    assert (ended.victim, ended.returncode) == ("runner", -signal.SIGKILL)
    assert f"{Stage.FORMAT} | started" in ended.printed and "done" not in ended.printed
    with snakemake.only_run(folder), locks.exclusive(log.parent / gpus.STAGE_LOCK):
        assert list((folder / ".snakemake" / "locks").iterdir())  # the engine had no time to tidy up


def _alive(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
