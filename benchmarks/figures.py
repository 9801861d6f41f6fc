"""The figure of growth: time and memory against the number of examples, with a straight line through each."""

from pathlib import Path

import numpy as np

from cefr_helpers import plot_style, records


def draw(results: dict, path: Path) -> Path:
    """Four panels: formatting and scoring, seconds and megabytes."""
    figure = plot_style.new_figure((10.0, 7.0))
    panels = figure.subplots(2, 2)
    for column, work in enumerate(("formatting", "scoring")):
        points = points_of(results, work)
        for line, (key, unit, label) in enumerate(
            (("seconds", 1, "seconds"), ("peak_memory_bytes", 10**6, "peak memory, MB"))
        ):
            axes = panels[line][column]
            plot_style.style(axes)
            axes.set(xlabel=f"examples ({work})", ylabel=label)
            x, y = (np.array([point[name] for point in points], dtype=float) for name in ("examples", key))
            axes.plot(x, y / unit, "o", color=plot_style.TRAIN)
            if len(x) > 1:
                slope, start = np.polyfit(x, y / unit, 1)
                axes.plot(x, slope * x + start, color=plot_style.GREY, linewidth=1)
            axes.set(xlim=(0, None), ylim=(0, None))
            axes.ticklabel_format(style="plain")
    return records.write_atomically(path, plot_style.render(figure, "png", 100))


def points_of(results: dict, work: str) -> list[dict]:
    """Number of examples and medians of each row that was measured."""
    rows = [row for row in results["rows"] if row["name"].startswith(work) and row["median"]]
    return [{"examples": row["settings"]["examples"], **row["median"]} for row in rows]
