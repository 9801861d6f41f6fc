"""The goals of the suite's speed, each compared with its measurement."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import figures
from benchmarks.programs import run_twice
from cefr_helpers.rendering.tables import trusted_markdown_table

OWN_TRAININGS = ("suite", "suite_weighted")


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes:
        what: description in the table.
        asked: the number to reach; at_most: whether it is an upper limit.
        form: format of the numbers.
        group: the group that measures it; value: computes it from the group's results, None if rows are missing.
    """

    what: str
    asked: float
    form: str
    group: str
    value: Callable[[dict], float | None]
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.asked if self.at_most else value >= self.asked


def faster(row: str, than: str) -> Callable[[dict], float | None]:
    """Return the ratio of two rows' tokens per second, if the second one counts."""

    def value(found: dict) -> float | None:
        own, other = _speed(found, row), _speed(found, than)
        return own / other if own and other else None

    return value


def next_best(found: dict) -> float | None:
    """Return the ratio of the suite's training speed to that of the fastest peer that counts."""
    names = [row["name"] for row in found["rows"] if "train_s" in row["median"] and row["name"] not in OWN_TRAININGS]
    speeds = [speed for name in names if (speed := _speed(found, name))]
    own = _speed(found, "suite")
    return own / max(speeds) if own and speeds else None


def same_losses(found: dict) -> float | None:
    return _check(found, "suite_fp32").get("largest_difference_of_losses")


def same_answers(found: dict) -> float | None:
    check = _check(found, "batched_fp32")
    return check["same_answers"] / check["of"] if check else None


def slowest(stages: tuple[str, ...], kinds: tuple[str, ...]) -> Callable[[dict], float | None]:
    """Return the seconds that the slowest of some notebooks spends on some kinds of work."""

    def value(found: dict) -> float | None:
        seconds = found["rows"][0]["median"].get("stages", {})
        own = [sum(seconds[stage][kind] for kind in kinds) for stage in seconds if stage.startswith(stages)]
        return max(own, default=None)

    return value


def second_run(found: dict) -> float | None:
    """Return the time of the second run's stage 03, as a share of the first one's."""
    runs = found["rows"][0]["median"].get("stages")
    return runs[run_twice.SECOND]["wall"] / runs[run_twice.FIRST]["wall"] if runs else None


def best_on_gpu(key: str) -> Callable[[dict], float | None]:
    """Return a number of the fastest of the suite's own rows with its best settings."""

    def value(found: dict) -> float | None:
        rows = [row["median"] for row in found["rows"] if row["name"].startswith("best") and key in row["median"]]
        return max(rows, key=lambda row: row["tokens_per_s"])[key] if rows else None

    return value


def best_beside_unsloth(found: dict) -> float | None:
    own, peer = best_on_gpu("tokens_per_s")(found), _speed(found, "unsloth")
    return own / peer if own and peer else None


GOALS = (
    Goal("training: times as fast as Unsloth with dropout .05 in batches of 8", 2.0, ".2f", "training",
         faster("suite", "unsloth_dropout")),
    Goal("training: times as fast as the next best peer that counts", 1.5, ".2f", "training", next_best),
    Goal("training: share of the limit", 0.5, ".0%", "training", faster("suite", "limit")),
    Goal("evaluation: distance of the losses in fp32", 1e-4, ".0e", "evaluation", same_losses, at_most=True),
    Goal("generation: times as fast as one prompt at a time in transformers", 10.0, ".1f", "generation",
         faster("batched", "one_by_one")),
    Goal("generation, one prompt: times as fast as llama.cpp from the 4-bit file", 1.0, ".2f", "generation",
         faster("suite_single", "llama_cpp")),
    Goal("generation: share of greedy answers in fp32 that are the same", 1.0, ".0%", "generation", same_answers),
    Goal("01, 04, 05: seconds to start, with imports, the slowest", 3.0, ".1f", "overhead",
         slowest(("01", "04", "05"), ("start", "imports")), at_most=True),
    Goal("02, 03: seconds outside loading, training and scoring, the slower", 15.0, ".1f", "overhead",
         slowest(("02", "03"), ("start", "imports", "rest", "merging")), at_most=True),
    Goal("03, when nothing of the base's part changes: share of the first run's time", 0.55, ".0%", "second",
         second_run, at_most=True),
    Goal("growth: furthest point from its line, of the line's end", 0.05, ".0%", "growth", figures.furthest,
         at_most=True),
    Goal("GPU: seconds for all steps of the reference recipe", 75.0, ".0f", "gpu", best_on_gpu("reference_run_s"),
         at_most=True),
    Goal("GPU: share of the bf16 peak", 0.5, ".0%", "gpu", best_on_gpu("share_of_peak")),
    Goal("GPU: times as fast as Unsloth with its notebooks' arguments", 1.3, ".2f", "gpu", best_beside_unsloth),
)  # fmt: skip


def table(found: dict[str, dict | None]) -> str:
    """Return the table of all goals; `found` is group -> its results, or None if it was not measured."""
    rows = []
    for goal in GOALS:
        value = goal.value(found[goal.group]) if found[goal.group] else None
        asked = f"{'at most' if goal.at_most else 'at least'} {goal.asked:{goal.form}}"
        shown = "not measured" if value is None else f"{value:{goal.form}}"
        rows.append([goal.what, asked, shown, "" if value is None else "met" if goal.met(value) else "missed"])
    return trusted_markdown_table(["goal", "asked", "measured", ""], rows, 1)


def _speed(found: dict, name: str) -> float | None:
    row = next((row for row in found["rows"] if row["name"] == name), None)
    return row["median"].get("tokens_per_s") if row and row.get("counts") is not False else None


def _check(found: dict, name: str) -> dict:
    return next((row.get("check", {}) for row in found["rows"] if row["name"] == name), {})
