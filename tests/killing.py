"""Kills stages with SIGKILL at random times, and holds what they leave to what the suite promises.

`python tests/killing.py` does what the slow test does, and writes what it found into docs/reliability.md.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from cefr_helpers import example_files, records
from cefr_helpers.paths import PLOT_FILES, STAGES, Workspace, project_root

LEVEL, SEED = "B2", 20261122
KILLS = dict(zip(STAGES, (7, 10, 6, 7), strict=True))
# Who is hit: all of a stage's processes at once, as by a loss of power; its notebook's kernel alone, as by the system
# when memory runs out; or the process that runs the notebook, whose kernel must notice.
VICTIMS = ("everything", "kernel", "runner")
# A stage's work begins with its first line; that of 02 after its libraries are there.
_FIRST = {STAGES[1]: ("step ", "Resuming")}
RECIPE = {
    "precision": "fp32",
    "learning_rate": 2.0e-2,
    "lora_dropout": 0.1,
    "train_examples": 24,
    "epochs": 3,
    "eval_steps": 4,
    "max_new_tokens": 20,
}
_BEGIN, _END = "<!-- numbers of python tests/killing.py -->", "<!-- end of numbers -->"


@dataclass(frozen=True)
class Ended:
    """How a started stage ended: seconds of work before it did, who was hit (None: it finished), what it printed."""

    after_s: float
    victim: str | None
    returncode: int
    printed: str


def write_recipe(path: Path, base_model: Path) -> Path:
    """The smoke recipe on the tiny model, with enough steps for kills to fall between."""
    lines = (project_root() / "recipes" / "smoke.yaml").read_text().splitlines()
    changes = RECIPE | {"base_model": base_model}
    changed = [f"{key}: {changes[key]}" if (key := line.split(":")[0]) in changes else line for line in lines]
    path.write_text("\n".join(changed) + "\n")
    return path


def run(stage: str, folder: Path, recipe: Path, delay_s: float | None = None, victim: str = "everything") -> Ended:
    """Start a stage; with `delay_s` kill `victim` so long after its work began, unless it has finished by then."""
    settings = {"levels": [LEVEL], "recipe": str(recipe), "sentence_bank": "bundled", "language": "en", "seed": 1}
    settings |= {"output_root": str(folder), "user_data": str(folder / "user_data")}
    log = folder / "runs" / LEVEL / f"{stage}.log"
    log.unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cefr_helpers.pipeline", stage, LEVEL, json.dumps(settings)]
    environment = os.environ | {"PYTHONPATH": str(project_root()), "XDG_CACHE_HOME": str(folder / "cache")}
    with open(folder / "printed.txt", "w+") as printed:
        started = subprocess.Popen(command, stdout=printed, stderr=printed, env=environment, cwd=project_root())
        while started.poll() is None and not _at_work(stage, log):
            time.sleep(0.02)
        began, hit = time.monotonic(), None
        if delay_s is not None:
            time.sleep(delay_s)
            hit = _kill(started, victim)
        started.wait(timeout=600)
        after = delay_s if hit else time.monotonic() - began
        printed.seek(0)
        return Ended(after, hit, started.returncode, printed.read())


def _at_work(stage: str, log: Path) -> bool:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return any(line.startswith(_FIRST.get(stage, "")) for line in lines)


def _kill(started: subprocess.Popen, victim: str) -> str | None:
    """SIGKILL to the victim; waits until none of the stage's processes is left, which must take no more than 30 s."""
    if started.poll() is not None:
        return None
    runner = psutil.Process(started.pid)
    family = [runner, *runner.children(recursive=True)]
    kernels = [process for process in family if "ipykernel_launcher" in " ".join(_command(process))]
    hit = {"everything": family, "kernel": kernels, "runner": [runner]}[victim]
    for process in hit:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    started.wait(timeout=60)
    deadline = time.monotonic() + 30
    while (left := [process for process in family if _alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"still there after the kill of {victim}: {[_command(process) for process in left]}"
    return victim if hit else None


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def what_is_there(folder: Path) -> Counter:
    """Reads all that a run left; each kind with its number.

    Raises:
        Exception: something is there that is not whole or not true.
    """
    workspace, found = Workspace(folder, folder / "user_data"), Counter()
    for part in ("train", "eval"):
        if (path := workspace.formatted_file(LEVEL, part)).is_file():
            assert example_files.read(path)
            found["examples"] += 1
    for name in records.NAMES:
        if record := records.read_if_there(workspace, LEVEL, name):
            _true(record, workspace, name)
            found["records"] += 1
    for path in (workspace.run(LEVEL) / "history").glob("[!.]*.json"):
        assert json.loads(path.read_text())["schema"] == records.SCHEMA
    _notebooks(workspace, found)
    _pictures_and_note(workspace, found)
    _models(workspace, found)
    return found


def _true(record: dict, workspace: Workspace, name: str) -> None:
    """What a record says of files is so: its inputs are those that are there, the models that it names are whole."""
    for path, digest in record["inputs"].items():
        assert records.sha256(project_root() / path) == digest, f"{name}: {path} is another"
    for kind in ("adapter", "merged_model"):
        for file, digest in record["results"].get(kind, {"files": {}})["files"].items():
            path = project_root() / record["results"][kind]["path"] / file
            assert file == "README.md" or records.sha256(path) == digest, path
    if name == "comparison":
        table = (workspace.run(LEVEL) / record["results"]["generation"]["file"]).read_text()
        assert len(table.splitlines()) > record["results"]["generation"]["slots"]


def _notebooks(workspace: Workspace, found: Counter) -> None:
    import nbformat

    for path in workspace.run(LEVEL).glob("[!.]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        if not path.name.endswith(".failed.ipynb"):
            assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code"), path
            found["notebooks"] += 1


def _pictures_and_note(workspace: Workspace, found: Counter) -> None:
    from PIL import Image

    for path in workspace.plots(LEVEL).glob("[!.]*.png"):
        with Image.open(path) as picture:
            picture.load()
        found["plots"] += 1
    if workspace.note(LEVEL).is_file():
        text = workspace.note(LEVEL).read_text(encoding="utf-8")
        assert text.startswith("# ") and text.endswith("\n") and all(name in text for name in PLOT_FILES.values())
        found["notes"] += 1


def _models(workspace: Workspace, found: Counter) -> None:
    from peft import PeftConfig
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder in _published(workspace.adapters()):
        assert PeftConfig.from_pretrained(folder).peft_type == "LORA"
        assert load_file(folder / "adapter_model.safetensors")
        found["adapters"] += 1
    for folder in _published(workspace.merged_models()):
        AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        found["merged models"] += 1


def _published(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if not path.name.endswith("-np")]


def outcome(folder: Path) -> dict:
    """What must be the same however often a run was disturbed."""
    workspace = Workspace(folder, folder / "user_data")
    dataset, training, comparison = (records.read(workspace, LEVEL, name)["results"] for name in records.NAMES)
    return {
        "examples": [records.sha256(workspace.formatted_file(LEVEL, part)) for part in ("train", "eval")],
        "split": dataset["split"],
        "history": training["history"],
        "adapter": training["adapter"]["files"]["adapter_model.safetensors"],
        "merged_model": training["merged_model"]["files"]["model.safetensors"],
        "losses": [comparison[part] for part in ("completion", "full_text")],
        "answers": comparison["answers"],
    }


def campaign(folder: Path, base_model: Path, kills: dict[str, int] = KILLS) -> dict:
    """An undisturbed run, then one whose every stage is killed again and again until it has had its kills.

    Returns:
        `undisturbed` and `disturbed`, their outcomes; `kills`, a row each; `finished`, how often a stage was done
        before its kill; `seconds`, of all.
    """
    started, rng = time.monotonic(), random.Random(SEED)
    calm, rough = folder / "undisturbed", folder / "disturbed"
    recipe = write_recipe(folder / "recipe.yaml", base_model)
    work_s = {}
    for stage in kills:
        ended = run(stage, calm, recipe)
        assert ended.returncode == 0, ended.printed
        work_s[stage] = ended.after_s
    rows, finished = [], Counter()
    for stage, wanted in kills.items():
        done = 0
        while done < wanted:
            victim = VICTIMS[len(rows) % 3]
            ended = run(stage, rough, recipe, rng.uniform(0, work_s[stage]), victim)
            found = what_is_there(rough)
            if ended.victim is None or ended.returncode == 0:  # a kernel may be hit after its last cell
                assert ended.returncode == 0, ended.printed
                finished[stage] += 1
                continue
            if victim == "kernel":
                assert ended.returncode == 1 and "kernel was killed" in ended.printed, ended.printed
            rows.append({"stage": stage, "victim": victim, "after_s": ended.after_s, "left": dict(found)})
            print(f"{len(rows)}: {stage} {victim} {ended.after_s:.1f} s", dict(found), flush=True)
            done += 1
        ended = run(stage, rough, recipe)
        assert ended.returncode == 0, ended.printed
        what_is_there(rough)
    return {
        "undisturbed": outcome(calm),
        "disturbed": outcome(rough),
        "kills": rows,
        "work_s": work_s,
        "finished": dict(finished),
        "seconds": time.monotonic() - started,
    }


def as_text(found: dict) -> str:
    """The campaign as Markdown."""
    same = found["disturbed"] == found["undisturbed"]
    lines = [
        f"{len(found['kills'])} kills, seed {SEED}, in {found['seconds'] / 60:.0f} minutes. After each, whatever was "
        "there was whole and true, and no process was left. "
        + ("The end was that of a run never disturbed, byte for byte." if same else "**The end was another.**"),
        "",
        "| stage | kills | seconds of work before them | of these seconds in all | hit | left: from, to |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for stage, work_s in found["work_s"].items():
        rows = [row for row in found["kills"] if row["stage"] == stage]
        after = " ".join(f"{row['after_s']:.1f}" for row in sorted(rows, key=lambda row: row["after_s"]))
        hit = ", ".join(f"{victim} {count}" for victim, count in sorted(Counter(r["victim"] for r in rows).items()))
        kinds = dict.fromkeys(kind for row in rows for kind in row["left"])
        left = [[row["left"].get(kind, 0) for row in rows] for kind in kinds]
        told = ", ".join(f"{kind} {min(n)} to {max(n)}" for kind, n in zip(kinds, left, strict=True)) or "nothing"
        lines.append(f"| {stage} | {len(rows)} | {after} | {work_s:.1f} | {hit} | {told} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The campaign on a tiny model; its numbers go into docs/reliability.md."""
    import tempfile

    from conftest import make_tiny

    from cefr_helpers import base_model

    with tempfile.TemporaryDirectory() as place:
        found = campaign(Path(place), make_tiny(Path(place) / "tiny-llama", base_model.resolve("bundled")))
    document = project_root() / "docs" / "reliability.md"
    before, _, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    records.write_atomically(document, f"{before}{_BEGIN}\n{as_text(found)}{_END}{rest.partition(_END)[2]}")
    print(as_text(found))


if __name__ == "__main__":
    main()
