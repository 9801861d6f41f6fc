"""Simulate how often a rate's interval holds the true rate, and how wide it is: python -m tools.simulate_intervals.

Prompts have ten slots; the rate of a prompt is drawn from a beta distribution, so that its slots are correlated. The
table is in docs/evaluation.md, with the interval that was used before.
"""

import argparse
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from cefr_helpers.core import files
from cefr_helpers.core.paths import project_root
from cefr_helpers.evaluation import intervals
from cefr_helpers.rendering.tables import trusted_markdown_table
from tools import marked_parts

PAGE = project_root() / "docs" / "evaluation.md"
START, END = "<!-- made by tools/simulate_intervals.py: intervals -->", "<!-- end of intervals -->"
PROMPTS = (5, 7, 10, 12, 20, 30)
RATES = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0)
LIKENESS = (0.05, 0.1, 0.2)
SLOTS = 10
SEED = 1
RESAMPLES = 1000


class Simulated(NamedTuple):
    """One case: the share of intervals that contain the rate, their mean width, and its standard deviation."""

    prompts: int
    rate: float
    likeness: float
    coverage: float
    width: float
    spread: float


def simulate(interval: Callable, prompts: int, rate: float, likeness: float, repeats: int) -> Simulated:
    """Draw answers to a number of prompts repeatedly, and compute the interval each time."""
    rng = np.random.default_rng(SEED)
    alike = 1 / likeness - 1
    drawn = rng.beta(rate * alike, (1 - rate) * alike, (repeats, prompts)) if 0 < rate < 1 else rate
    sums = rng.binomial(SLOTS, drawn, (repeats, prompts))
    clusters = np.repeat(np.arange(prompts), SLOTS)
    ends = np.array([interval((np.arange(SLOTS) < one[:, None]).ravel().astype(float), clusters) for one in sums])
    width = ends[:, 1] - ends[:, 0]
    coverage = ((ends[:, 0] <= rate + 1e-9) & (rate - 1e-9 <= ends[:, 1])).mean()
    return Simulated(prompts, rate, likeness, float(coverage), float(width.mean()), float(width.std()))


def of_rate(values: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    found = intervals.rate_interval(values, list(clusters))
    return found["low"], found["high"]


def bootstrap_t(values: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    found = intervals.cluster_bootstrap(values, list(clusters), SEED, RESAMPLES, bounds=(0, 1))
    return found["low"], found["high"]


def cases(prompts: int, repeats: int) -> list[Simulated]:
    """Simulate all rates and correlations."""
    return [simulate(of_rate, prompts, *case, repeats) for case in product(RATES, LIKENESS)]


def table(repeats: int = 600, repeats_before: int = 100) -> str:
    rows = []
    for prompts in PROMPTS:
        found = cases(prompts, repeats)
        inner = [one.coverage for one in found if 0.1 <= one.rate <= 0.9]
        outer = [one.coverage for one in found if one.rate in (0.02, 0.98)]
        middle = next(one for one in found if one.rate == 0.5 and one.likeness == LIKENESS[1])
        before = simulate(bootstrap_t, prompts, 0.5, LIKENESS[1], repeats_before)
        rows.append(
            [str(prompts), _range(inner), _range(outer), _width(middle), f"{before.coverage:.1%}", _width(before)]
        )
    heads = ["prompts", "coverage, rates .1 to .9", "rates .02 and .98", "width at .5", "before: coverage at .5"]
    return trusted_markdown_table([*heads, "before: width at .5"], rows, numbers_from=0)


def _range(shares: list[float]) -> str:
    return f"{min(shares):.1%} to {max(shares):.1%}"


def _width(case: Simulated) -> str:
    return f"{case.width:.3f} ± {case.spread:.3f}"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    text = marked_parts.replace(PAGE.read_text(encoding="utf-8"), START, END, table())
    print(files.write_atomically(PAGE, text))
