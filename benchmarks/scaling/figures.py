"""The page's two figures: GPUs at work over time, and what formatting takes by the bank's size."""

from pathlib import Path

import numpy as np

from benchmarks.scaling import growth, page
from cefr_helpers import plot_style, records
from cefr_helpers.plot_style import BASE, EVAL, GREY, TEXT, TRAIN


def draw(found: dict, folder: Path) -> list[Path]:
    """Draw both as PNG files."""
    drawn = {"gpus_at_work.png": gpus_at_work(found), "formatting.png": formatting(found)}
    return [
        records.write_atomically(folder / name, plot_style.render(figure, "png", 110)) for name, figure in drawn.items()
    ]


def gpus_at_work(found: dict):
    """A row a machine: how many of its GPUs work, from the command to the report."""
    figure = plot_style.new_figure((8.0, 6.4))
    rows = found["machines"]
    for axes, row in zip(figure.subplots(len(rows), 1), rows, strict=True):
        begun = found["planning_s"]
        moments, counts = zip(*row["gpus_at_work"], strict=True)
        hours = [0.0, *((begun + moment) / 3600 for moment in moments), row["total_s"] / 3600]
        axes.stairs([0, *counts], hours, fill=True, color=BASE)
        plot_style.style(axes)
        axes.set_ylim(0, 1.05 * row["gpus"])
        axes.set_yticks([0, row["gpus"]])
        axes.set_xlim(0, hours[-1])
        name = f"{row['gpus']} GPU" + "s" * (row["gpus"] > 1)
        told = f"{name}: {page.duration(row['total_s'])}, {row['gpu_busy_share']:.0%} at work; {row['bottleneck']}"
        axes.set_title(told, fontsize=TEXT, loc="left")
    figure.supylabel("GPUs at work", fontsize=TEXT)
    axes.set_xlabel("hours since the command")
    return figure


def formatting(found: dict):
    """Seconds of each step and memory against sentences, with the fitted laws as far as ten million."""
    figure = plot_style.new_figure((9.0, 5.0))
    left, right = figure.subplots(1, 2)
    sizes = [row["sentences"] for row in found["formatting"]]
    fitted, far = growth.laws(found), np.geomspace(10_000, growth.TEN_MILLION, 50)
    series = growth.steps(found)
    for (name, values), color in zip(
        series.items(), (TRAIN, EVAL, "#009E73", "#CC79A7", "#E69F00", "#000000"), strict=True
    ):
        left.plot(sizes, values, "o", color=color, label=name, markersize=5)
        left.plot(far, [fitted[name].at(x)[0] for x in far], "--", color=color, linewidth=1)
    peaks = [np.median(row["peak_memory_bytes"]) / growth.GIB for row in found["formatting"]]
    right.plot(sizes, peaks, "o", color=TRAIN, label="memory", markersize=5)
    straight = growth.memory(found)
    values, low, high = zip(*map(straight.at, far), strict=True)
    right.plot(far, values, "--", color=TRAIN, linewidth=1)
    right.fill_between(far, low, high, color=BASE, alpha=0.4, linewidth=0)
    for axes, name in ((left, "CPU seconds"), (right, "memory, GiB")):
        axes.set(xscale="log", yscale="log", xlabel="sentences of the bank", ylabel=name)
        plot_style.style(axes)
        axes.axvline(growth.TEN_MILLION, color=GREY, linewidth=1, linestyle=":")
    left.set_ylim(bottom=0.01)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=TEXT - 2)
    return figure
