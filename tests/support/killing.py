"""Kill stages and whole runs with SIGKILL at random times, and check that what they leave is as the suite promises.

`python tests/support/killing.py` does what the slow test does, and writes what it found into docs/reliability.md.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import leftovers
import psutil
from tiny_models import make_bytes, tiny_recipe

from cefr_helpers.core import code_version, files, records
from cefr_helpers.core.paths import STAGES, Stage, project_root
from cefr_helpers.pipeline import snakemake

SEED = 20261122
KILLS = dict(zip(STAGES, (7, 10, 6, 7), strict=True))
COMMAND, COMMAND_KILLS = "cefr run", 6
# Who is hit: all of a stage's processes at once, as by a loss of power; its notebook's kernel alone, as by the system
# when memory runs out; or the process that runs the notebook, whose kernel must notice. Of `cefr run` it is the command
# alone: engine, stages and kernels must notice.
VICTIMS = ("everything", "kernel", "runner")
# A stage's work begins with its first line; that of 02 after its libraries are there.
_FIRST = {Stage.TRAIN: ("step ", "Resuming")}
# enough steps for kills to fall between, and dropout, which only a sound resume repeats
RECIPE = {"lora_dropout": 0.1, "train_examples": 16, "epochs": 3, "eval_steps": 4, "max_seq_length": 2048}
_BEGIN, _END = "<!-- numbers of python tests/support/killing.py -->", "<!-- end of numbers -->"


@dataclass(frozen=True)
class Ended:
    """How a stage or run ended.

    Attributes:
        after_s: seconds of work before it did.
        victim: who was hit; None where it finished.
        gone_s: seconds from the kill until none of its processes was left.
    """

    after_s: float
    victim: str | None
    gone_s: float
    returncode: int
    printed: str


def run_stage(
    stage: str, folder: Path, recipe: Path, delay_s: float | None = None, victim: str = "everything"
) -> Ended:
    """Start a stage; with `delay_s` kill `victim` so long after its work began, unless it has finished by then."""
    settings = {"levels": [leftovers.LEVEL], "recipe": str(recipe), "sentence_bank": "bundled", "language": "en"}
    settings |= {"seed": 1, "output_root": str(folder), "user_data": str(folder / "user_data")}
    log = folder / "runs" / leftovers.LEVEL / f"{stage}.log"
    log.unlink(missing_ok=True)
    command = ["cefr_helpers.pipeline.stages", stage, leftovers.LEVEL, json.dumps(settings)]
    return _run(command, folder, lambda: _at_work(stage, log), delay_s, victim)


def run_all(folder: Path, recipe: Path, delay_s: float | None = None, at_work: Callable = lambda: True) -> Ended:
    """Start `cefr run`; with `delay_s` kill it alone so long after `at_work`, unless it has finished by then."""
    command = ["cefr_helpers.cli", "run", "--levels", leftovers.LEVEL, "--recipe", str(recipe), "--seed", "1"]
    command += ["--bank", "bundled", "--language", "en"]
    command += ["--output-root", str(folder), "--user-data", str(folder / "user_data")]
    return _run(command, folder, at_work, delay_s, "runner")


def _run(command: list[str], folder: Path, at_work: Callable[[], bool], delay_s: float | None, victim: str) -> Ended:
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(project_root()), "XDG_CACHE_HOME": str(folder / "cache")}
    environment["OMP_NUM_THREADS"] = "1"  # of so small a model two would wait for each other on a busy machine
    command = [sys.executable, "-m", *command]
    with open(folder / "printed.txt", "w+") as printed:
        started = subprocess.Popen(command, stdout=printed, stderr=printed, env=environment, cwd=project_root())
        while started.poll() is None and not at_work():
            time.sleep(0.02)
        began, hit, gone_s = time.monotonic(), None, 0.0
        if delay_s is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(timeout=delay_s)
            hit, gone_s = _kill(started, victim, folder)
        started.wait(timeout=3600)
        after_s = delay_s if hit else time.monotonic() - began
        printed.seek(0)
        return Ended(after_s, hit, gone_s, started.returncode, printed.read())


def _at_work(stage: str, log: Path) -> bool:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return any(line.startswith(_FIRST.get(stage, "")) for line in lines)


def _kill(started: subprocess.Popen, victim: str, folder: Path) -> tuple[str | None, float]:
    """SIGKILL to the victim; all must be gone 30 s later. Returns who was hit, and after how many seconds they were."""
    if started.poll() is not None:
        return None, 0.0
    runner = psutil.Process(started.pid)
    family = [runner, *runner.children(recursive=True)]
    kernels = [process for process in family if "ipykernel_launcher" in _command(process)]
    hit = {"everything": family, "kernel": kernels, "runner": [runner]}[victim]
    killed = time.monotonic()
    for process in hit:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    if not hit:
        return None, 0.0
    started.wait(timeout=60)
    while left := [one for one in {*family, *_at_work_in(folder)} if _alive(one)]:
        assert time.monotonic() < killed + 30, f"left by a kill of {victim}: {[_command(one) for one in left]}"
        time.sleep(0.05)
    return victim, time.monotonic() - killed


def _at_work_in(folder: Path) -> list[psutil.Process]:
    """Return processes that started during the search for children: all but kernels have the folder as an argument."""
    return [one for one in psutil.process_iter() if str(folder) in _command(one) and one.pid != os.getpid()]


def _alive(process: psutil.Process) -> bool:
    """Return whether any thread runs: a process whose first thread has ended is a zombie, but keeps its locks."""
    try:
        if not process.is_running():
            return False
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.Error:
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def campaign(folder: Path, model: Path) -> dict:
    """An undisturbed run, one whose every stage is killed again and again, and one through a `cefr run` that is killed.

    Returns:
        `outcomes` of the three; `kills`, a row each; `work_s`, seconds of each stage and of a whole `cefr run`;
        `finished`, how often a stage or run was done before its kill; `seconds`, of all; `commit` and `hardware`.
    """
    started, rng, commit = time.monotonic(), random.Random(SEED), code_version.commit()
    calm, rough, commanded = (folder / name for name in ("undisturbed", "stages", "command"))
    recipe = tiny_recipe(folder / "recipe.yaml", model, **RECIPE)
    work_s = {stage: _finish(run_stage(stage, calm, recipe)) for stage in KILLS}
    work_s[COMMAND] = sum(work_s.values())  # about: the engine and what comes before each stage's first line are quick
    kills, finished = [], Counter()
    for stage, wanted in KILLS.items():
        while sum(kill["stage"] == stage for kill in kills) < wanted:
            victim = VICTIMS[len(kills) % 3]
            ended = run_stage(stage, rough, recipe, rng.uniform(0, work_s[stage]), victim)
            if not _note(kills, stage, ended, rough):
                finished[stage] += 1
            elif victim == "kernel":
                assert ended.returncode == 1 and "kernel was killed" in ended.printed, ended.printed
        _finish(run_stage(stage, rough, recipe))
        leftovers.what_is_there(rough)
    while sum(kill["stage"] == COMMAND for kill in kills) < COMMAND_KILLS:
        if not _note(kills, COMMAND, run_all(commanded, recipe, rng.uniform(0, work_s[COMMAND])), commanded):
            finished[COMMAND] += 1
            shutil.rmtree(commanded)  # from the beginning again: there is nothing to do for another one
    with snakemake.only_run(commanded):
        pass
    _finish(run_all(commanded, recipe))
    return {
        "outcomes": {path.name: leftovers.outcome(path) for path in (calm, rough, commanded)},
        "kills": kills,
        "work_s": work_s,
        "finished": dict(finished),
        "seconds": time.monotonic() - started,
        "commit": commit,
        "hardware": records.hardware(),
    }


def _finish(ended: Ended) -> float:
    assert ended.returncode == 0, ended.printed
    return ended.after_s


def _note(kills: list[dict], stage: str, ended: Ended, folder: Path) -> bool:
    """Add a kill with what it left; False where there was none, since the work was done before."""
    found = leftovers.what_is_there(folder)
    if ended.victim is None or ended.returncode == 0:  # a kernel may be hit after its last cell
        _finish(ended)
        return False
    told = {"victim": ended.victim, "after_s": ended.after_s, "gone_s": ended.gone_s, "left": dict(found)}
    kills.append({"stage": stage, **told})
    print(f"{len(kills)}: {kills[-1]}", flush=True)
    return True


def same(found: dict) -> bool:
    """Whether all runs of a campaign came to the same end."""
    calm, *others = found["outcomes"].values()
    return all(outcome == calm for outcome in others)


def as_text(found: dict) -> str:
    """The campaign as Markdown."""
    end = "The end was that of a run never disturbed, byte for byte." if same(found) else "**The end was another.**"
    last, machine = max(kill["gone_s"] for kill in found["kills"]), found["hardware"]
    lines = [
        f"{len(found['kills'])} kills, seed {SEED}, in {found['seconds'] / 60:.0f} minutes (commit "
        f"`{found['commit'][:10]}`, {machine['cpu']}, {machine['cores']} cores). After each, whatever was there was "
        f"whole and true, and the last process was gone after {last:.1f} s at most. {end}",
        "",
        "| what | kills | seconds of work before them | of these seconds in all | hit | left: from, to |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for stage, work_s in found["work_s"].items():
        rows = [row for row in found["kills"] if row["stage"] == stage]
        after = " ".join(f"{row['after_s']:.1f}" for row in sorted(rows, key=lambda row: row["after_s"]))
        hits = Counter("command" if stage == COMMAND else row["victim"] for row in rows)
        hit = ", ".join(f"{victim} {count}" for victim, count in sorted(hits.items()))
        kinds = dict.fromkeys(kind for row in rows for kind in row["left"])
        left = [[row["left"].get(kind, 0) for row in rows] for kind in kinds]
        told = ", ".join(f"{kind} {min(n)} to {max(n)}" for kind, n in zip(kinds, left, strict=True)) or "nothing"
        lines.append(f"| {stage} | {len(rows)} | {after} | {work_s:.1f} | {hit} | {told} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The campaign on a tiny model; its numbers go into docs/reliability.md."""

    with tempfile.TemporaryDirectory() as place:
        found = campaign(Path(place), make_bytes(Path(place) / "byte-llama"))
    document = project_root() / "docs" / "reliability.md"
    before, _, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    files.write_atomically(document, f"{before}{_BEGIN}\n{as_text(found)}{_END}{rest.partition(_END)[2]}")
    print(as_text(found))


if __name__ == "__main__":
    main()
