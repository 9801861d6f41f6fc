"""Run the same recipe, level and seed again, also with sums in another order: how far do losses and answers differ?

As a program: `python tests/support/repeating.py FOLDER HOW...` runs the stages once for each HOW, variables of the
environment such as `OMP_NUM_THREADS=1`, and prints a line for each run after the first.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import leftovers
import pandas as pd
import yaml

from cefr_helpers.core import records
from cefr_helpers.core.paths import STAGES, Workspace, project_root

# the recipe smoke with a second prompt, longer answers, and without samples: what is compared is greedy
CHANGES = {"eval_examples": 2, "generation_prompts": 2, "generation_samples": 0, "max_new_tokens": 120}


def run(folder: Path, how: str) -> None:
    """Run the stages that compute, one after the other, with a cache of their own, so that no results are reused.

    Args:
        how: NAME=VALUE of the environment, several separated by commas; one thread if none of them sets it. With
            `ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16` the matrix products are those of an older processor.

    Raises:
        CalledProcessError: a stage failed.
    """
    folder.mkdir(parents=True)
    recipe = folder / "recipe.yaml"
    smoke = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text(encoding="utf-8"))
    recipe.write_text(yaml.safe_dump(smoke | CHANGES), encoding="utf-8")
    settings = {"levels": [leftovers.LEVEL], "recipe": str(recipe), "sentence_bank": "bundled", "language": "en"}
    settings |= {"seed": 1, "output_root": str(folder), "user_data": str(folder / "user_data")}
    environment = os.environ | {"PYTHONPATH": str(project_root()), "XDG_CACHE_HOME": str(folder / "cache")}
    environment |= {"OMP_NUM_THREADS": "1"} | dict(one.split("=", 1) for one in how.split(",") if one)
    for stage in [stage for stage in STAGES if stage.computes]:
        command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", stage, leftovers.LEVEL, json.dumps(settings)]
        subprocess.run(command, env=environment, cwd=project_root(), check=True)


def difference(first: Path, second: Path) -> dict:
    """Compare two runs.

    Returns:
        `same`: whether data, history, adapter, merged model, losses, answers and the table of slots are equal to the
        last digit; `training` and `comparison`: the largest relative difference of a training or evaluation loss of a
        step, and of the tuned loss on test examples; `answers`: the share of the tuned model's greedy sentences that
        differ; `joint`: Joint Success in both.
    """
    runs = [Workspace(folder, folder / "user_data") for folder in (first, second)]
    outcomes = [leftovers.outcome(folder) for folder in (first, second)]
    tables = [(run.run(leftovers.LEVEL) / "generations.csv").read_bytes() for run in runs]
    histories = [_losses(outcome["history"]) for outcome in outcomes]
    compared = [records.read(run, leftovers.LEVEL, "comparison").results for run in runs]
    tuned = [found.completion.tuned.loss for found in compared]
    sentences = [_sentences(run.run(leftovers.LEVEL) / "generations.csv") for run in runs]
    return {
        "same": outcomes[0] == outcomes[1] and tables[0] == tables[1],
        "training": max(abs(b - a) / a for a, b in zip(*histories, strict=True)),
        "comparison": abs(tuned[1] - tuned[0]) / tuned[0],
        "answers": sum(a != b for a, b in zip(*sentences, strict=True)) / len(sentences[0]),
        "joint": [found.generation.value("tuned", "joint_success") for found in compared],
    }


def _losses(history: list) -> list[float]:
    return [loss for entry in history for loss in (entry.train_loss, entry.eval_loss) if loss is not None]


def _sentences(path: Path) -> list[str]:
    slots = pd.read_csv(path, keep_default_na=False)
    return slots[slots["row"] == "tuned"].sort_values(["prompt", "slot"])["sentence"].tolist()


def told(first: str, second: str, found: dict) -> str:
    """Return a line about the comparison of two runs."""
    if found["same"]:
        return f"{first} and {second}: the same to the last digit and byte"
    joint = " and ".join(f"{value:.2f}" for value in found["joint"])
    return (
        f"{first} and {second}: losses of training differ by {found['training']:.2%} at most, the tuned loss "
        f"by {found['comparison']:.2%}; {found['answers']:.0%} of the tuned model's greedy sentences differ; Joint "
        f"Success {joint}"
    )


if __name__ == "__main__":
    root, ways = Path(sys.argv[1]), sys.argv[2:]
    for number, way in enumerate(ways):
        run(root / str(number), way)
        if number:
            print(told(ways[0], way, difference(root / "0", root / str(number))), flush=True)
