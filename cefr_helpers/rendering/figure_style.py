"""What the figures have in common: colours, sizes, axes, legend, rendering."""

import io
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cefr_helpers.core import files, levels
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.locale import Locale, decimals_known

# Okabe and Ito
TRAIN, EVAL, BEST, BASE, GREY, GOLD = "#0072B2", "#D55E00", "#009E73", "#8FB8D8", "#555555", "#E69F00"
SIZE = (8.0, 5.0)
TEXT = 14
LONGEST_NAME = 70


def new_figure(size: tuple[float, float] = SIZE) -> Figure:
    """A figure without pyplot's global state, which Jupyter shows all the same when it is a cell's last value."""
    figure = Figure(figsize=size, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    figure._repr_png_ = partial(render, figure, "png", 100)  # type: ignore[attr-defined]  # which Jupyter looks for
    return figure


def render(figure: Figure, form: str, dpi: int) -> bytes:
    """The figure as a PNG or PDF file; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format=form, dpi=dpi, metadata={"CreationDate": None} if form == "pdf" else {})
    return content.getvalue()


def style(axes: Axes) -> None:
    """Light grid, two spines, readable type."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=TEXT - 1)
    axes.xaxis.label.set_fontsize(TEXT)
    axes.yaxis.label.set_fontsize(TEXT)


def level_title(level: str, locale: Locale) -> str:
    """B2 (Vantage)."""
    return f"{level} ({levels.NAMES[locale.language][level]})"


def write_title(axes: Axes, title: str, model: str) -> None:
    """Title and, in grey under it, the model; a name is never read as mathematics, and cut if it is very long."""
    axes.set_title(title, fontsize=TEXT + 3, fontweight="bold", loc="left", pad=28)
    name = escaping.shortened(model, LONGEST_NAME)
    place: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom", "parse_math": False}
    axes.text(0, 1.02, name, fontsize=TEXT - 1, color=GREY, **place)


def say_nothing_recorded(axes: Axes, locale: Locale) -> None:
    """An empty figure says that it is empty."""
    axes.set_xticks([])
    axes.set_yticks([])
    where: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
    axes.text(0.5, 0.5, locale.phrases["plot"]["nothing"], fontsize=TEXT, color=GREY, **where)


def finish_steps(axes: Axes, last_step: float, locale: Locale) -> None:
    """Steps from 0 to the last one on the x axis, and the language's decimal mark on both."""
    axes.set_xlim(0, 1.04 * max(last_step, 1))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    write_ticks(axes.xaxis, locale)
    write_ticks(axes.yaxis, locale)


def write_ticks(axis: XAxis | YAxis, locale: Locale) -> None:
    """Write the ticks with as many decimals as the finest of them needs; to be called when the limits are final."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
    places = decimals_known([round(tick, 9) for tick in ticks], least=0, most=6)
    axis.set_ticks(ticks, [locale.decimal(tick, places) for tick in ticks])
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})


def put_legend(figure: Figure) -> Figure:
    """One legend under the axes, each label once."""
    labelled: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labelled.setdefault(label, handle)
    if labelled:
        columns = 3 if len(labelled) == 3 and sum(map(len, labelled)) < 50 else 2
        look: dict[str, Any] = {"frameon": False, "fontsize": TEXT - 1, "columnspacing": 1.2}
        figure.legend(list(labelled.values()), list(labelled), loc="outside lower center", ncols=columns, **look)
    return figure


def save_figure(figure: Figure, path: Path, dpi: int = 300) -> Path:
    """Write the figure as PNG or PDF (by suffix), aside and then moved into place."""
    path = Path(path)
    return files.write_atomically(path, render(figure, path.suffix.lstrip(".").lower(), dpi))
