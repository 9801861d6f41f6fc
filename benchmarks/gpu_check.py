"""`make gpu-check`: run the real notebooks on a GPU in minutes, and write the results as one JSON file and as tables.

Each part is one `cefr run` of level B2 in a separate output folder, as a user would run it:

- smoke: the recipe `smoke`;
- cpu: the same on the CPU of the same machine, for comparison;
- bundled: the bundled model with the settings of the recipe `reference`, in fewer epochs;
- llama: Llama-3.2-1B's configuration with random weights, the same recipe for one epoch, and the export to GGUF;
- fp16: the same settings as bundled in fp16, as on a GPU without bf16, for a few steps;
- choices: what a training can choose, the largest batches that fit into 4 GB of the GPU's memory, and the checkpoint
  that writes best, for four steps;
- write: sentences for six words by the tuned model of the part bundled;
- speed: the rows of benchmarks/gpu.py that show how long the 290 steps of the recipe take.

A part that fails is reported with the end of its log, and the others still run.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from benchmarks import gpu, gpu_tables
from cefr_helpers.core import files, records
from cefr_helpers.core.errors import OVERRIDE
from cefr_helpers.core.level_records import read_level
from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import AUTO, recipe_path
from cefr_helpers.models import base_model
from cefr_helpers.pipeline import configuration

LEVEL = "B2"
SCHEMA = 1
# Changes for a training without a GPU: settings that need one, and what would take hours
_TINY = {
    "train_examples": 8,
    "eval_examples": 2,
    "epochs": 1,
    "eval_steps": 1,
    "batch_size": 2,
    "gradient_accumulation_steps": 2,
    "lora_rank": 8,
    "lora_alpha": 16,
    "learning_rate": 5e-3,  # with the recipe's, two steps change less than the merge's rounding to 16 bits
    "load_in_4bit": False,
    "generation_prompts": 1,
    "max_new_tokens": 16,
}
WORDS = ("umbrella", "bridge", "argue", "patient", "quickly", "harvest")
_ANSWERS = {"sample_prompts": 1, "generation_samples": 0}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Check:
    """The folder and the settings of a check.

    Attributes:
        folder: folder for recipes, output folders, logs and the result of each part.
        bank: see `sentence_bank.find`.
        tiny: whether it is small enough for a test on a CPU.
        limit_s: seconds after which a part is ended.
    """

    folder: Path
    bank: str
    tiny: bool
    limit_s: int


@app.command()
def main(
    bank: Annotated[str, typer.Option(help="Sentence bank: bundled, or a folder or file with level B2.")] = "bundled",
    only: Annotated[str, typer.Option(help="Some of the parts, by name; the others keep their last result.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Where runs and results go; default: in the cache.")] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="As small as can be, for a CPU; publishes nothing.")] = False,
    limit_s: Annotated[int, typer.Option(help="Seconds after which a run is ended.")] = 400,
    renew: Annotated[bool, typer.Option("--renew", help="Run nothing; make the tables from the last results.")] = False,
) -> None:
    """Run the notebooks with several recipes and write the results; publish them if there is a GPU."""
    import torch

    given = bank if bank == "bundled" else str(Path(bank).expanduser().resolve())
    where = (folder or base_model.cache_folder() / "gpu_check").resolve()
    check = Check(where, given, tiny, limit_s)
    chosen = [] if renew else _chosen(only)
    if not (tiny or renew or torch.cuda.is_available()):
        raise typer.BadParameter("no GPU: PyTorch finds none; --tiny runs the check on a CPU")
    for name in chosen:
        run_part(name, check)
    found = collect(check)
    path = files.write_atomically(where / "gpu_check.json", records.as_text(found))
    typer.echo(f"{path}\n\n{gpu_tables.table(found)}")
    if not tiny and (renew or not only):
        typer.echo(gpu_tables.publish(found))
    raise typer.Exit(1 if any("failed" in part for part in found["parts"].values()) else 0)


def _chosen(only: str) -> list[str]:
    names = only.replace(",", " ").split() or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: unknown; the parts are {', '.join(PARTS)}", param_hint="only")
    return names


def run_part(name: str, check: Check) -> None:
    """Run a part and save its result, or why it failed, in a separate file."""
    print(f"gpu-check | {name} ...", flush=True)
    started = time.monotonic()
    try:
        found = PARTS[name](check)
    except PartFailed as error:
        found = {"failed": str(error)}
    found |= {
        "bank": Path(check.bank).name,
        "wall_s": round(time.monotonic() - started, 1),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    files.write_atomically(check.folder / "parts" / f"{name}.json", records.as_text(found))
    print(f"gpu-check | {name}: {found.get('failed') or 'done'} ({found['wall_s']:.0f} s)", flush=True)


def collect(check: Check) -> dict:
    """Return the results of all parts that have one; each names the machine, versions and commit of its run."""
    results = {name: check.folder / "parts" / f"{name}.json" for name in PARTS}
    return {
        "schema": SCHEMA,
        "tiny": check.tiny,
        "parts": {name: json.loads(path.read_text()) for name, path in results.items() if path.is_file()},
    }


class PartFailed(RuntimeError):
    """A part failed; the message has the end of its output."""


def smoke(check: Check) -> dict:
    """Run the unchanged recipe `smoke`."""
    return run(check, "smoke", "smoke", {})


def cpu(check: Check) -> dict:
    """Run the recipe `smoke` without the GPU."""
    return run(check, "cpu", "smoke", {}, {"CUDA_VISIBLE_DEVICES": "", "UNSLOTH_FORCE_CPU": "1"})


def bundled(check: Check) -> dict:
    """Run the bundled model with the settings of the recipe `reference`."""
    values = {"base_model": "bundled", "epochs": 2, "eval_examples": 100, "generation_prompts": 7}
    return run(check, "bundled", "reference", values | {"max_new_tokens": 256} | _ANSWERS)


def llama(check: Check) -> dict:
    """Run all notebooks with Llama-3.2-1B's configuration and random weights, and export its merged model as GGUF."""
    tokenizer_of = base_model.resolve("bundled").folder
    size = gpu.TINY if check.tiny else gpu.LLAMA_3_2_1B
    model = gpu.random_model(tokenizer_of, size)
    values = {"base_model": str(model), "epochs": 1, "eval_examples": 64, "eval_steps": 29, "generation_prompts": 2}
    another_tokenizer = {OVERRIDE: "1"}  # the vocabulary is larger than the tokenizer's
    found = run(check, "llama", "reference", values | {"max_new_tokens": 64} | _ANSWERS, another_tokenizer)
    started = time.monotonic()
    _cefr(check, "llama", ["export", *_places(check, "llama")], {})
    return found | {"export_s": round(time.monotonic() - started, 1)}


def fp16(check: Check) -> dict:
    """Run the bundled model in fp16, as on a GPU without bf16."""
    values = {"base_model": "bundled", "precision": "fp16", "epochs": 1, "train_examples": 320, "eval_examples": 32}
    values |= {"learning_rate": 1e-3}  # so that five steps change the model
    return run(check, "fp16", "reference", values | {"generation_prompts": 2, "max_new_tokens": 64} | _ANSWERS)


def choices(check: Check) -> dict:
    """Run the bundled model with `batch_size: auto` in little memory, and keep the checkpoint that writes best."""
    values = {"base_model": "bundled", "batch_size": AUTO, "gradient_accumulation_steps": 64, "load_in_4bit": False}
    values |= {"gradient_checkpointing": False, "keep_best_by": "joint_success", "dev_examples": 4, "epochs": 1}
    values |= {"train_examples": 256, "eval_examples": 4, "eval_steps": 2}
    values |= {"generation_prompts": 1, "max_new_tokens": 128} | _ANSWERS
    return run(check, "choices", "reference", values, _with_little_memory())


def _with_little_memory() -> dict[str, str]:
    """Return the environment in which PyTorch takes at most `gpu.LITTLE_MEMORY` bytes of the GPU."""
    import torch

    if not torch.cuda.is_available():
        return {}
    share = gpu.LITTLE_MEMORY / torch.cuda.get_device_properties(0).total_memory
    return {"PYTORCH_CUDA_ALLOC_CONF": f"per_process_memory_fraction:{min(share, 1.0):.4f}"}


def write(check: Check) -> dict:
    """Let the tuned model of the part bundled write for words that the training did not see, as `make write` does."""
    adapters = sorted((check.folder / "bundled" / "user_data" / "loras").glob("*"))
    if not adapters:
        raise PartFailed("the part bundled has made no adapter")
    words = files.write_atomically(check.folder / "words.txt", "\n".join(WORDS) + "\n")
    output = check.folder / "written"
    arguments = ["write", "--words", str(words), "--level", LEVEL, "--model", str(adapters[-1])]
    started = time.monotonic()
    # the bundled bank has all levels, as the choice of sentences needs
    _cefr(check, "write", [*arguments, "--output", str(output), "--form", "csv", "--bank", "bundled"], {})
    return {"write_s": round(time.monotonic() - started, 1), "words": len(WORDS)}


def speed(check: Check) -> dict:
    """Run the rows of benchmarks/gpu.py twice: a first level compiles, a further one reuses the compiled code."""
    rows = "best_64 reference_64"
    command = [sys.executable, "-m", "benchmarks.gpu", "--bank", check.bank, "--repeats", "2"]
    options = ["--tiny"] if check.tiny else ["--steps", "29", "--rows", rows]
    _call(check, "speed", [*command, *options], {"TORCHINDUCTOR_CACHE_DIR": str(check.folder / "compiled")})
    newest = max(gpu.results_folder().glob("*/results/gpu.json"), key=lambda path: path.stat().st_mtime)
    return of_speed(json.loads(newest.read_text()))


def of_speed(found: dict) -> dict:
    """Return what the table shows of a result of benchmarks/gpu.py."""
    own = next(row for row in found["rows"] if row["name"] != "limit")
    return {key: found[key] for key in ("rows", "hardware", "commit")} | {"versions": own["versions"]}


PARTS: dict[str, Callable[[Check], dict]] = {
    "smoke": smoke,
    "cpu": cpu,
    "bundled": bundled,
    "llama": llama,
    "fp16": fp16,
    "choices": choices,
    "write": write,
    "speed": speed,
}


def run(check: Check, name: str, recipe: str, changes: dict, environment: dict | None = None) -> dict:
    """Run `cefr run` with a recipe and some of its keys changed, and return what its records say.

    Raises:
        PartFailed: a stage failed, or the limit of time was reached.
    """
    values = yaml.safe_load(recipe_path(recipe).read_text(encoding="utf-8")) | changes
    values |= _TINY if check.tiny else {}
    file = files.write_atomically(check.folder / f"{name}.yaml", yaml.safe_dump(values))
    arguments = ["run", *_places(check, name), "--recipe", str(file), "--bank", check.bank]
    text = _cefr(check, name, arguments, environment or {})
    stages = re.findall(rf"^{LEVEL} (\S+) \| done in (\d+) s$", text, flags=re.MULTILINE)
    return of_records(check.folder / name) | {"stages_s": {stage: int(seconds) for stage, seconds in stages}}


def of_records(output_root: Path) -> dict:
    """Return losses, time, memory and versions of a finished run, from the records in its output folder."""
    given = {"levels": [LEVEL], "output_root": str(output_root), "user_data": str(output_root / "user_data")}
    workspace = configuration.read(given).workspace
    found = read_level(workspace, LEVEL)
    ran, compared, generation = found.training.results, found.comparison.results, found.generation
    return {
        "device": ran.device,
        "precision": ran.precision,
        "ran": {key: ran.hyperparameters[key] for key in ("load_in_4bit", "optimizer", "batch_size")},
        "differences_from_recipe": [difference.as_dict() for difference in ran.differences_from_recipe],
        "steps": ran.total_steps,
        "training_s": ran.duration_s,
        "step_s": ran.tokens / ran.tokens_per_s / ran.total_steps if ran.tokens_per_s else None,
        "tokens_per_s": ran.tokens_per_s,
        "peak_gpu_memory_bytes": ran.peak_gpu_memory_bytes,
        "train_losses": [entry.train_loss for entry in found.history("train_loss")],
        "smallest_gradient_norm": min(entry.grad_norm for entry in found.history("grad_norm")),
        "best_eval_loss": found.best.eval_loss,
        "merge_check": ran.merge_check.as_dict(),
        "base_loss": compared.completion.base.loss,
        "tuned_loss": compared.completion.tuned.loss,
        "losses_differ_by": compared.agreement.relative_difference,
        "joint_success": {system: generation.value(system, "joint_success") for system in generation.measures},
        "versions": found.training.versions,
        "hardware": found.training.hardware.as_dict(),
        "commit": found.training.commit,
    }


def _places(check: Check, name: str) -> list[str]:
    folder = check.folder / name
    return ["--levels", LEVEL, "--output-root", str(folder), "--user-data", str(folder / "user_data")]


def _cefr(check: Check, name: str, arguments: list[str], environment: dict) -> str:
    return _call(check, name, [sys.executable, "-m", "cefr_helpers.cli", *arguments], environment)


def _call(check: Check, name: str, command: list[str], environment: dict) -> str:
    """Run a command, write its output to a log in the folder, and return it.

    Raises:
        PartFailed: it failed, or the limit of time was reached.
    """
    log = check.folder / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w+", encoding="utf-8") as file:
        try:
            code = subprocess.run(
                command,
                cwd=project_root(),
                env=os.environ | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=check.limit_s,
            ).returncode
        except subprocess.TimeoutExpired:
            code = f"ended after {check.limit_s} s"
    text = log.read_text(encoding="utf-8", errors="replace")
    if code != 0:
        raise PartFailed(f"{' '.join(command[1:4])}: {code}; {log}\n{text[-1500:]}{_stage_logs(check.folder / name)}")
    return text


def _stage_logs(folder: Path) -> str:
    """Return the end of the newest log of a stage, which says more than the terminal."""
    logs = sorted(folder.glob(f"runs/{LEVEL}/*.log"), key=lambda path: path.stat().st_mtime)
    return f"\n{logs[-1].name}: {logs[-1].read_text(encoding='utf-8', errors='replace')[-3000:]}" if logs else ""


if __name__ == "__main__":
    app()
