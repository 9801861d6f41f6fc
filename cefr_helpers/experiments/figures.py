"""The figures of an experiment: settings with their seeds, and the effect of each field."""

import math
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import intervals
from cefr_helpers.experiments import results as experiment_results
from cefr_helpers.experiments.results import Results
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.figure_style import (
    BASE,
    BEST,
    EVAL,
    GOLD,
    SIZE,
    TEXT,
    TRAIN,
    level_title,
    new_figure,
    put_legend,
    say_nothing_recorded,
    style,
    write_ticks,
)
from cefr_helpers.rendering.locale import Locale, load_locale

if TYPE_CHECKING:
    import pandas

MOST_SETTINGS = 12
_COLOURS = dict(zip(LEVELS, (BEST, GOLD, EVAL, TRAIN, "#CC79A7"), strict=True))


def by_setting(results: Results, language: str) -> Figure:
    """Draw one panel per level: the best settings, their seeds as points, the mean and its 95 % interval over seeds."""
    locale = load_locale(language)
    found = experiment_results.by_setting(results, results.measure)
    shown = [found[found["level"] == level].head(MOST_SETTINGS) for level in results.levels]
    shown = [rows for rows in shown if len(rows)]
    heights = [0.45 * len(rows) + 1.5 for rows in shown] or [3]
    figure = new_figure((SIZE[0] + 2, sum(heights) + 0.6))
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights).ravel()
    done = results.done.assign(setting=experiment_results.settings(results, results.done))
    for axes, rows in zip(panels, shown, strict=False):
        level = rows["level"].iloc[0]
        _points(axes, rows, done[done["level"] == level], results.measure, locale)
        axes.set_title(level_title(level, locale), fontsize=TEXT, fontweight="bold", loc="left")
    if shown:
        panels[-1].set_xlabel(locale.phrases["experiment"]["axes"][results.measure])
    else:
        say_nothing_recorded(panels[0], locale)
    return put_legend(figure)


def fields(results: Results, language: str) -> Figure:
    """Draw one panel per field, on one scale: each value's distance from its level's mean, with interval over seeds."""
    locale = load_locale(language)
    columns = min(3, max(1, len(results.fields)))
    rows = max(1, math.ceil(len(results.fields) / columns))
    figure = new_figure((max(SIZE[0], 4.4 * columns + 0.6), 3.8 * rows + 1.2))
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in panels[max(1, len(results.fields)) :]:
        axes.set_axis_off()
    if not results.fields or results.done.empty:
        say_nothing_recorded(panels[0], locale)
        return figure
    means = results.done.groupby("level")[results.measure].transform("mean")
    away = results.done.assign(away=results.done[results.measure] - means)
    for place, (axes, field) in enumerate(zip(panels, results.fields, strict=False)):
        style(axes)
        for level in results.levels:
            _values(axes, away[away["level"] == level], field, results, level)
        names = [escaping.shortened(value, 14) for value in results.axes[field]]
        axes.set_xticks(range(len(names)), names, parse_math=False)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_title(field, fontsize=TEXT, fontweight="bold", loc="left", parse_math=False)
        axes.set_ylabel(locale.phrases["experiment"]["away"][results.measure] if place % columns == 0 else "")
    write_ticks(panels[0].yaxis, locale)
    return put_legend(figure)


def _points(axes: Axes, rows: "pandas.DataFrame", done: "pandas.DataFrame", measure: str, locale: Locale) -> None:
    text = locale.phrases["experiment"]
    style(axes)
    for place, row in enumerate(rows.to_dict("records")):
        seeds = done.loc[done["setting"] == row["setting"], measure]
        look: dict[str, Any] = {"linestyle": "none", "zorder": 3}
        axes.plot(seeds, [place] * len(seeds), marker="o", color=BASE, markersize=7, label=text["seed"], **look)
        if row["low"] == row["low"]:
            axes.hlines(place, row["low"], row["high"], color=TRAIN, linewidth=2.2, label=text["interval"])
        axes.plot([row["estimate"]], [place], marker="D", color=TRAIN, markersize=8, label=text["mean"], **look)
    names = [escaping.shortened(setting, 44) for setting in rows["setting"]]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    write_ticks(axes.xaxis, locale)


def _values(axes: Axes, away: "pandas.DataFrame", field: str, results: Results, level: str) -> None:
    """Draw one level's means of a field's values; the other fields are averaged within a seed first."""
    shift = 0.12 * (results.levels.index(level) - (len(results.levels) - 1) / 2)
    places, means, reach = [], [], []
    for place, value in enumerate(results.axes[field]):
        by_seed = away[away[field] == value].groupby("seed")["away"].mean()
        if len(by_seed):
            found = intervals.mean_interval(by_seed)
            places.append(place + shift)
            means.append(found["estimate"])
            reach.append(0.0 if found["high"] is None else found["high"] - found["estimate"])
    look: dict[str, Any] = {"color": _COLOURS[level], "marker": "o", "markersize": 7, "linewidth": 2.2, "capsize": 4}
    if places:
        axes.errorbar(places, means, yerr=reach, label=level, **look)
