"""The figure of growth: time and memory against the number of examples, with a straight line through each."""

from pathlib import Path

import numpy as np

from cefr_helpers.core import files
from cefr_helpers.rendering import figure_style

WORK = ("formatting", "scoring")
QUANTITIES = (("seconds", 1, "seconds"), ("peak_memory_bytes", 10**6, "peak memory, MB"))


def draw(results: dict, path: Path) -> Path:
    """Draw four panels: formatting and scoring, seconds and megabytes."""
    figure = figure_style.new_figure((10.0, 7.0))
    panels = figure.subplots(2, 2)
    for column, work in enumerate(WORK):
        for line, (key, unit, label) in enumerate(QUANTITIES):
            axes = panels[line][column]
            figure_style.style(axes)
            axes.set(xlabel=f"examples ({work})", ylabel=label)
            x, y = points_of(results, work, key)
            axes.plot(x, y / unit, "o", color=figure_style.TRAIN, clip_on=False)
            if len(x) > 1:
                axes.plot(x, _line(x, y) / unit, color=figure_style.GREY, linewidth=1)
            axes.set(xlim=(0, None), ylim=(0, 1.1 * y.max(initial=0) / unit or None))
            axes.ticklabel_format(style="plain")
    return files.write_atomically(path, figure_style.render(figure, "png", 100))


def points_of(results: dict, work: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of examples and medians of a quantity, for each measured row."""
    rows = [row for row in results["rows"] if row["name"].startswith(work) and row["median"]]
    return np.array([row["settings"]["examples"] for row in rows]), np.array([row["median"][key] for row in rows])


def furthest(results: dict) -> float | None:
    """Return the largest distance of a point from its panel's line, as a share of its end; None below three points."""
    found = []
    for work in WORK:
        for key, *_ in QUANTITIES:
            x, y = points_of(results, work, key)
            if len(x) > 2:
                line = _line(x, y)
                found.append(float(np.abs(y - line).max() / line.max()))
    return max(found, default=None)


def _line(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the least-squares line at x."""
    slope, start = np.polyfit(x, y, 1)
    return slope * x + start
