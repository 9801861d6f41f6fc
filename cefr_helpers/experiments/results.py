"""The results of an experiment's runs: one table over their records, means over seeds, effects of fields."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import LevelRecords, read_level
from cefr_helpers.core.paths import Workspace
from cefr_helpers.evaluation import intervals

if TYPE_CHECKING:
    import pandas

ORIGIN = ("commit", "created", "cpu", "cores", "gpu")  # columns about the comparison
_SEED = 0  # the seed of resampling; the runs' own seeds are data here


@dataclass(frozen=True)
class Results:
    """The records of an experiment's runs.

    Attributes:
        axes: "recipe", recipe fields and "seed" -> the values tried, as texts, in the file's order.
        table: a row for each run and level: `level`, `run`, the axes, and from the records, on development words,
            `dev_loss` and `dev_bits`, on test words `loss`, `bits`, `base_loss` and `joint` with the
            `measure_version` of its gates, and `training_s` and `adapter`, NaN or None if a run has no comparison;
            and ORIGIN, about where the comparison was made.
        measure: the measure by which runs are ordered, on development words, so that choosing a setting does not use
            the test words: "dev_loss" (nats per token), or "dev_bits" (per character) if the base models differ, since
            their tokens do. "loss" or "bits" if a run has no development words.
    """

    name: str
    levels: tuple[str, ...]
    axes: dict[str, list[str]]
    table: "pandas.DataFrame"
    measure: str

    @property
    def fields(self) -> list[str]:
        """The axes, without the seed, on which more than one value was tried."""
        return [axis for axis, values in self.axes.items() if axis != "seed" and len(values) > 1]

    @property
    def done(self) -> "pandas.DataFrame":
        return self.table[self.table["loss"].notna()]


def load(workspace: Workspace, name: str) -> Results:
    """Read the records of all runs in the experiment's plan; a run without records has empty values.

    Raises:
        InputError: there is no plan, or a record is broken.
    """
    import pandas as pd

    plan = _plan(workspace, name)
    rows, bases = [], set()
    for run in plan["runs"]:
        folder = workspace.experiment(name) / run["name"]
        own = Workspace(folder, folder / "user_data")
        values = {axis: text(value) for axis, value in run["values"].items()}
        for level in plan["levels"]:
            found = read_level(own, level)
            bases |= {found.training.results.base_model.sha256} if found.training else set()
            reached = _reached(found)
            rows.append({"level": level, "run": run["name"], **values} | reached)
    table = pd.DataFrame(rows)
    numbers = ["dev_loss", "dev_bits", "loss", "bits", "base_loss", "joint", "training_s"]
    table[numbers] = table[numbers].astype(float)
    axes = {axis: [text(value) for value in values] for axis, values in plan["axes"].items()}
    measure = "bits" if len(bases) > 1 else "loss"
    by_dev = table[table["loss"].notna()]["dev_loss"].notna().all()
    return Results(name, tuple(plan["levels"]), axes, table, f"dev_{measure}" if by_dev else measure)


def text(value: object) -> str:
    """Return a value of an axis as text."""
    return value if isinstance(value, str) else json.dumps(value)


def by_setting(results: Results, measure: str) -> "pandas.DataFrame":
    """Return the mean over seeds of each level and setting (all axes but the seed), with its 95 % interval.

    Returns:
        `level`, `setting`, `n` (seeds), `estimate`, `low`, `high`; the best first within a level.
    """
    import pandas as pd

    known = results.done[results.done[measure].notna()].assign(setting=lambda table: settings(results, table))
    rows = [
        {"level": level, "setting": setting, **intervals.mean_interval(group[measure])}
        for (level, setting), group in known.groupby(["level", "setting"], sort=False)
    ]
    found = pd.DataFrame(rows, columns=["level", "setting", "n", "estimate", "low", "high"])
    sign = -1 if measure == "joint" else 1
    order = pd.DataFrame({"level": found["level"], "value": sign * found["estimate"].astype(float)})
    return found.loc[order.sort_values(["level", "value"], kind="stable").index].reset_index(drop=True)


def settings(results: Results, table: "pandas.DataFrame") -> "pandas.Series":
    """Return the setting of each row in words: the fields with several values, or else the recipe's name."""
    fields = results.fields
    if not fields:
        return table["recipe"]
    parts = [table[field] if field == "recipe" else f"{field} " + table[field] for field in fields]
    return parts[0].str.cat(parts[1:], sep=", ") if len(parts) > 1 else parts[0]


def explained(results: Results, measure: str) -> list[dict]:
    """Return which field matters: the share of the variance between a level's runs that each field explains.

    The seed is listed with the fields: a field that explains no more than the seed cannot be told from chance. If every
    combination was run, shares add up to at most 1; the rest is due to interactions of the fields. With one seed there
    is nothing to compare with, and no row.
    """
    if len(results.axes["seed"]) < 2:
        return []
    rows = []
    for level in results.levels:
        known = results.done[(results.done["level"] == level) & results.done[measure].notna()]
        total = float(((known[measure] - known[measure].mean()) ** 2).sum())
        for axis, values in results.axes.items():
            if len(values) > 1 and total > 0:
                means = known.groupby(axis)[measure].transform("mean")
                between = float(((means - known[measure].mean()) ** 2).sum())
                rows.append({"level": level, "field": axis, "explained": between / total})
    return rows


def effects(results: Results, measure: str) -> list[dict]:
    """Compare each field's values with the first one in the file, all else being equal.

    Runs are paired if they share the level, the seed and every other field. The interval and p treat whole seeds as
    units, since runs of one seed share their data (`intervals.paired_cluster_difference`); p is Holm-corrected over
    all rows.

    Returns:
        `level`, `field`, `first`, `value`, `pairs`, `seeds`, `estimate` (value - first), `low`, `high`, `p`, `holm`;
        the last four are None below two seeds.
    """
    rows = []
    for level in results.levels:
        known = results.done[(results.done["level"] == level) & results.done[measure].notna()]
        for field in results.fields:
            others = [axis for axis in results.axes if axis != field]
            side = known.pivot_table(index=others, columns=field, values=measure, aggfunc="first")
            first, *rest = results.axes[field]
            for value in rest:
                if first in side and value in side:
                    pairs = side[[first, value]].dropna()
                    rows.append({"level": level, "field": field, "first": first, "value": value} | _effect(pairs))
    tested = [row for row in rows if row["p"] is not None]
    for row, corrected in zip(tested, intervals.holm([row["p"] for row in tested]), strict=True):
        row["holm"] = corrected
    return [row for row in rows if row["pairs"]]


def best(results: Results) -> list[dict]:
    """Return for each level the setting with the best mean, its runner-up, and its best single run.

    Only settings with the largest number of seeds of the level take part: with fewer, one could be best by luck.

    Returns:
        `level`, `setting`, `n`, `estimate`, `low`, `high`, `runner_up`, `ahead` (best - runner-up over shared seeds),
        `ahead_low`, `ahead_high`, `run`, `adapter`.
    """
    summary, rows = by_setting(results, results.measure), []
    done = results.done.assign(setting=settings(results, results.done))
    for level, group in summary.groupby("level", sort=False):
        full = group[group["n"] == group["n"].max()]
        first = full.iloc[0].to_dict()
        of_level = done[(done["level"] == level) & (done["setting"] == first["setting"])]
        run = of_level.loc[of_level[results.measure].idxmin()]
        row = first | {"run": run["run"], "adapter": run["adapter"]}
        row |= {"runner_up": None, "ahead": None, "ahead_low": None, "ahead_high": None}
        if len(full) > 1:
            row |= _lead(done[done["level"] == level], first["setting"], full.iloc[1]["setting"], results.measure)
        rows.append({key: None if value != value else value for key, value in row.items()})
    return rows


def _plan(workspace: Workspace, name: str) -> dict:
    path = workspace.experiment_plan(name)
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        return {key: plan[key] for key in ("levels", "axes", "runs")}
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run the experiment first: make experiment NAME={name}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not an experiment's plan ({error}); run the experiment again") from None


def _reached(records: LevelRecords) -> dict:
    training, comparison = records.training, records.comparison
    found, chosen_by = comparison.results.completion, comparison.results.agreement
    has_dev = records.evaluated_on == "dev"
    generation = comparison.results.generation
    return {
        "dev_loss": chosen_by.comparison_tuned_loss if has_dev else None,
        "dev_bits": chosen_by.comparison_bits_per_character if has_dev else None,
        "loss": found.tuned.loss,
        "bits": found.tuned.bits_per_character,
        "base_loss": found.base.loss,
        "joint": generation.value("tuned", "joint_success"),
        "measure_version": generation.measure_version if generation else None,
        "training_s": training.results.duration_s,
        "adapter": training.results.adapter.path,
        "commit": comparison.commit,
        "created": comparison.created,
        "cpu": comparison.hardware.cpu,
        "cores": comparison.hardware.cores,
        "gpu": comparison.hardware.gpu,
    }


def _effect(pairs: "pandas.DataFrame") -> dict:
    """Return estimate, interval and p of second minus first column; the index has a level "seed"."""
    seeds = pairs.index.get_level_values("seed")
    found = {"pairs": len(pairs), "seeds": seeds.nunique(), "estimate": None}
    found |= dict.fromkeys(("low", "high", "p", "holm"))
    first, second = (pairs.iloc[:, place].to_numpy(float) for place in (0, 1))
    if found["seeds"] > 1:
        tested = intervals.paired_cluster_difference(first, second, list(seeds), _SEED)
        return found | {key: tested[key] for key in ("estimate", "low", "high", "p")}
    return found | ({"estimate": float(np.mean(second - first))} if len(pairs) else {})


def _lead(done: "pandas.DataFrame", first: str, second: str, measure: str) -> dict:
    by_seed = done.pivot_table(index="seed", columns="setting", values=measure)[[first, second]].dropna()
    if by_seed.empty:
        return {"runner_up": second}
    ahead = intervals.mean_interval(by_seed[first] - by_seed[second])
    return {"runner_up": second} | {
        "ahead": ahead["estimate"],
        "ahead_low": ahead["low"],
        "ahead_high": ahead["high"],
    }
