"""The headline figures of an experiment: means over seeds, with intervals over seeds and prompts together."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cefr_helpers.core import records
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import Interval
from cefr_helpers.evaluation import intervals
from cefr_helpers.experiments import results as experiment_results
from cefr_helpers.experiments.results import Results

if TYPE_CHECKING:
    import pandas

# The figures that have an interval, with the bounds of their values.
INTERVALS = {"loss_change": None, "joint_tuned": (0.0, 1.0), "joint_change": (-1.0, 1.0)}
_NOTHING = ("estimate", "sd", "low", "high")
_REACH = 2 * 1.96  # standard errors between the ends of a 95 % interval


def rows(workspace: Workspace, results: Results, most: int) -> list[dict]:
    """Return a row for each level and setting that has a comparison, the best settings first.

    Args:
        most: maximum number of settings per level.

    Returns:
        `level`, `setting`, `seeds`, `prompts` (of all seeds together), `base_loss`, `tuned_loss`, `joint_base`,
        `joint_tuned`, `joint_gold` (means over seeds), `training_s`; and for `loss_change`, `joint_tuned` and
        `joint_change` (tuned - base) the results of `intervals.over_seeds`, under these names with _sd, _low and _high.
    """
    order = experiment_results.by_setting(results, results.measure).groupby("level", sort=False).head(most)
    done = results.done.assign(setting=experiment_results.settings(results, results.done))
    found = []
    for level, setting in zip(order["level"], order["setting"], strict=True):
        runs = done[(done["level"] == level) & (done["setting"] == setting)]
        measured = [_of_run(workspace.experiment(results.name) / run, level) for run in runs["run"]]
        row = {"level": level, "setting": setting, "seeds": len(runs), "training_s": float(runs["training_s"].mean())}
        found.append(row | _means(measured))
    return found


def _of_run(folder: Path, level: str) -> dict:
    """Return for each figure the run's mean, its variance by examples or prompts, and the number of these."""
    workspace = Workspace(folder, folder / "user_data")
    comparison = records.read(workspace, level, "comparison").results
    change = comparison.completion.difference
    found = {
        "base_loss": comparison.completion.base.loss,
        "tuned_loss": comparison.completion.tuned.loss,
        "loss_change": (change.estimate, _variance(change), comparison.examples or 0),
        "prompts": comparison.generation.prompts or 0,
    }
    table = _prompts(workspace.run(level) / comparison.generation.file) if comparison.generation.file else None
    if table is not None:
        table["change"] = table["tuned"] - table["base"]
        found |= {f"joint_{name}": float(table[name].mean()) for name in ("base", "gold")}
        found |= {f"joint_{name}": _mean(table[name]) for name in ("tuned", "change")}
    return found


def _prompts(path: Path) -> "pandas.DataFrame":
    """Return Joint Success of each prompt, by row."""
    import pandas as pd

    slots = pd.read_csv(path, usecols=["row", "prompt", "joint_success"])
    slots = slots[slots["row"].isin(("base", "tuned", "gold"))]
    return slots.pivot_table(index="prompt", columns="row", values="joint_success", aggfunc="mean")


def _variance(change: Interval) -> float:
    """Return the variance of an estimate, from its interval; 0 without one."""
    return 0.0 if change.low is None or change.high is None else ((change.high - change.low) / _REACH) ** 2


def _mean(values: "pandas.Series") -> tuple[float, float, int]:
    n = len(values)
    return float(values.mean()), float(values.var(ddof=1) / n) if n > 1 else 0.0, n


def _means(measured: list[dict]) -> dict:
    found: dict = {"prompts": sum(one["prompts"] for one in measured)}
    for name in ("base_loss", "tuned_loss", "joint_base", "joint_gold"):
        known = [one[name] for one in measured if name in one]
        found[name] = float(np.mean(known)) if len(known) == len(measured) else None
    for name, bounds in INTERVALS.items():
        known = [one[name] for one in measured if name in one]
        over: dict = dict.fromkeys(_NOTHING)
        if len(known) == len(measured):
            means, variances, sizes = zip(*known, strict=True)
            over = intervals.over_seeds(means, variances, sizes, bounds)
        found |= {name: over["estimate"], **{f"{name}_{key}": over[key] for key in ("sd", "low", "high")}}
    return found
