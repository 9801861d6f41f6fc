"""The figures of the notes: five of a training, the grid of levels, and base against tuned."""

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cefr_helpers.core.errors import required
from cefr_helpers.core.level_records import LevelRecords, read_trained
from cefr_helpers.core.paths import PLOT_FILES, Workspace
from cefr_helpers.core.recipes import JOINT_SUCCESS
from cefr_helpers.core.schema import Step
from cefr_helpers.rendering.figure_style import (
    BASE,
    BEST,
    EVAL,
    GREY,
    SIZE,
    TEXT,
    TRAIN,
    finish_steps,
    level_title,
    new_figure,
    put_legend,
    save_figure,
    say_nothing_recorded,
    style,
    write_ticks,
    write_title,
)
from cefr_helpers.rendering.locale import Locale, decimals_known, load_locale

_STAR: dict[str, Any] = {
    "marker": "*",
    "markersize": 20,
    "markeredgecolor": "white",
    "linestyle": "none",
    "zorder": 5,
}


def draw_all(workspace: Workspace, level: str, language: str) -> list[Path]:
    """Draw the five figures of a level's training into its plot folder.

    Raises:
        InputError: the level has no training record, or the language is unknown.
    """
    records = read_trained(workspace, level)
    figures = {
        "training_loss": training_loss(records, language),
        "eval_loss": eval_loss(records, language),
        "combined_loss": combined_loss(records, language),
        "learning_rate": learning_rate(records, language),
        "gradient_norm": gradient_norm(records, language),
    }
    return [save_figure(figures[name], workspace.plots(level) / file) for name, file in PLOT_FILES.items()]


def training_loss(training: LevelRecords, language: str) -> Figure:
    """Training loss by step, with the memoriser's floor."""
    figure, axes, locale = _single(training, "training_loss", language)
    _curve(axes, training, "train_loss", locale)
    _finish_loss(axes, training, "train_loss", locale)
    return put_legend(figure)


def eval_loss(training: LevelRecords, language: str) -> Figure:
    """Evaluation loss by step, with the best evaluation and the memoriser's floor; Joint Success below, if it chose."""
    by_answers = training.kept_by == JOINT_SUCCESS
    figure, axes, locale = _single(training, "eval_loss", language, panels=2 if by_answers else 1)
    _curve(axes, training, "eval_loss", locale)
    _mark_best(axes, training, locale)
    _finish_loss(axes, training, "eval_loss", locale)
    if by_answers:
        _joint_success(figure.axes[1], training, locale)
    return put_legend(figure)


def combined_loss(training: LevelRecords, language: str) -> Figure:
    """Training and evaluation loss together."""
    figure, axes, locale = _single(training, "combined_loss", language)
    _both_curves(axes, training, locale)
    _finish_loss(axes, training, "eval_loss", locale)
    return put_legend(figure)


def learning_rate(training: LevelRecords, language: str) -> Figure:
    """Learning rate by step."""
    figure, axes, locale = _single(training, "learning_rate", language)
    text = locale.phrases["plot"]["learning_rate"]
    entries = training.history("learning_rate")
    largest = max((abs(entry.learning_rate or 0) for entry in entries), default=0)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    _line(axes, entries, "learning_rate", TRAIN, text["curve"], 10.0**-power)
    unit = f" (10{str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))})" if power else ""
    axes.set_ylabel(text["axis"] + unit)
    _finish(axes, training, locale)
    return figure


def gradient_norm(training: LevelRecords, language: str) -> Figure:
    """Norm of the gradient before clipping, by step, with the norm it is clipped to."""
    figure, axes, locale = _single(training, "gradient_norm", language)
    text = locale.phrases["plot"]["gradient_norm"]
    _line(axes, training.history("grad_norm"), "grad_norm", TRAIN, text["curve"])
    limit = training.training.results.hyperparameters.get("max_grad_norm")
    if limit and axes.lines:
        label = text["limit"].format(value=locale.plain(float(limit)))
        axes.axhline(limit, color=GREY, linestyle="--", linewidth=1.6, label=label)
    axes.set_ylabel(text["axis"])
    _finish(axes, training, locale)
    return put_legend(figure)


def levels_grid(records_by_level: dict[str, LevelRecords], language: str) -> Figure:
    """Training and evaluation loss of every level that has a training record, on one scale."""
    locale = load_locale(language)
    shown = [records for records in records_by_level.values() if records.is_done]
    columns = {0: 1, 1: 1, 2: 2, 4: 2}.get(len(shown), 3)
    rows = max(1, math.ceil(len(shown) / columns))
    figure = new_figure((max(SIZE[0], 4.4 * columns + 0.6), 3.8 * rows + 1.2))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, records in zip(grid, shown, strict=False):
        style(axes)
        _both_curves(axes, records, locale, with_figures=False)
        _draw_floor(axes, records, "eval_loss", locale.phrases["plot"]["floor_short"], locale)
        axes.set_title(level_title(records.level, locale), fontsize=TEXT - 1, fontweight="bold", loc="left")
    highest = max((axes.dataLim.y1 for axes in grid[: len(shown)] if axes.lines), default=1.0)
    for place, (axes, records) in enumerate(zip(grid, shown, strict=False)):
        axes.set_ylim(0, 1.08 * highest)
        axes.set_ylabel(locale.phrases["plot"]["loss_axis"] if place % columns == 0 else "")
        _finish(axes, records, locale)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    if not shown:
        say_nothing_recorded(figure.axes[0], locale)
    figure.suptitle(locale.phrases["plot"]["grid"], fontsize=TEXT + 3, fontweight="bold")
    return put_legend(figure)


def base_vs_tuned(records_by_level: dict[str, LevelRecords], language: str) -> Figure:
    """Completion loss of base and tuned model a level, with the memoriser's floor as a mark."""
    locale = load_locale(language)
    compared = [records for records in records_by_level.values() if records.comparison.results.completion.tuned.loss]
    figure = new_figure((max(SIZE[0], 1.5 * len(compared) + 2), 5.4))
    axes = figure.subplots()
    style(axes)
    for place, records in enumerate(compared):
        _pair_of_bars(axes, place, records, locale)
    axes.set_xticks(range(len(compared)), [records.level for records in compared])
    axes.set_xlim(-0.6, max(len(compared) - 0.4, 0.6))
    axes.set_ylabel(locale.phrases["plot"]["loss_axis"])
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.12)
    title = locale.phrases["plot"]["base_vs_tuned"]["title"]
    axes.set_title(title, fontsize=TEXT + 3, fontweight="bold", loc="left", pad=12)
    if compared:
        write_ticks(axes.yaxis, locale)
    else:
        say_nothing_recorded(axes, locale)
    return put_legend(figure)


def _pair_of_bars(axes: Axes, place: int, records: LevelRecords, locale: Locale) -> None:
    text = locale.phrases["plot"]["base_vs_tuned"]
    found = records.comparison.results.completion
    for side, (which, colour, height) in enumerate(
        (("base", BASE, found.base.loss), ("tuned", TRAIN, found.tuned.loss))
    ):
        if height is not None:
            bar = axes.bar(place + 0.38 * side - 0.19, height, 0.36, color=colour, label=text[which])
            axes.bar_label(bar, [locale.decimal(height, 2)], fontsize=TEXT - 1, padding=4)
    ground = records.floor("completion")
    if ground is not None:
        look: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.6}
        axes.hlines(ground, place - 0.45, place + 0.45, label=text["floor"], **look)


def _both_curves(axes: Axes, records: LevelRecords, locale: Locale, with_figures: bool = True) -> None:
    _curve(axes, records, "train_loss", locale)
    _curve(axes, records, "eval_loss", locale)
    _mark_best(axes, records, locale, with_figures)


def _curve(axes: Axes, records: LevelRecords, key: str, locale: Locale) -> None:
    colour = {"train_loss": TRAIN, "eval_loss": EVAL}[key]
    label = locale.phrases["plot"][key]
    if records.loss_measure(key) == "full_text":
        label = locale.phrases["plot"]["on_full_text"].format(curve=label)
    if key == "eval_loss" and records.evaluated_on == "dev":
        label = locale.phrases["plot"]["on_dev"].format(curve=label)
    _line(axes, records.history(key), key, colour, label)


def _line(axes: Axes, entries: list[Step], key: str, colour: str, label: str, scale: float = 1.0) -> None:
    if not entries:
        return
    steps = [required(entry.step) for entry in entries]
    size = 8 if key == "eval_loss" else 8 if len(entries) == 1 else 4
    marker = "o" if len(entries) <= 60 else None
    values = [scale * getattr(entry, key) for entry in entries]
    axes.plot(steps, values, color=colour, marker=marker, markersize=size, linewidth=2.2, label=label)


def _mark_best(axes: Axes, records: LevelRecords, locale: Locale, with_figures: bool = True) -> None:
    lowest = records.best
    if lowest.step is None or lowest.eval_loss is None:
        return
    which = "kept" if records.kept_by == JOINT_SUCCESS else "best"
    label = locale.phrases["plot"][f"{which}_short"]
    if with_figures:
        places = decimals_known([entry.eval_loss for entry in records.history("eval_loss")])
        figures = {"loss": locale.decimal(lowest.eval_loss, places), "step": lowest.step}
        label = locale.phrases["plot"][which].format(epoch=locale.decimal(lowest.epoch, 2), **figures)
    axes.plot([lowest.step], [lowest.eval_loss], color=BEST, label=label, **_STAR)


def _joint_success(axes: Axes, records: LevelRecords, locale: Locale) -> None:
    """Joint Success of the development prompts by step, in per cent, with the kept checkpoint."""
    text, best = locale.phrases["plot"], records.best
    style(axes)
    _line(axes, records.history("joint_success"), "joint_success", TRAIN, text["joint_success"], 100.0)
    axes.plot([required(best.step)], [100 * required(best.joint_success)], color=BEST, **_STAR)
    axes.set_ylim(0, 100)
    axes.set_ylabel(text["joint_success_axis"])
    _finish(axes, records, locale)


def _draw_floor(axes: Axes, records: LevelRecords, key: str, text: str, locale: Locale) -> None:
    ground = records.training_floor(records.loss_measure(key))
    if ground is not None and axes.lines:
        label = text.format(value=locale.decimal(ground, 3))
        axes.axhline(ground, color="black", linestyle="--", linewidth=1.6, label=label)


def _finish_loss(axes: Axes, records: LevelRecords, key: str, locale: Locale) -> None:
    _draw_floor(axes, records, key, locale.phrases["plot"]["floor"], locale)
    if axes.lines:
        axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    axes.set_ylabel(locale.phrases["plot"]["loss_axis"])
    _finish(axes, records, locale)


def _finish(axes: Axes, records: LevelRecords, locale: Locale) -> None:
    steps = records.training.results.steps_per_epoch
    text = locale.phrases["plot"]
    axes.set_xlabel(text["step"] if steps is None else text["step_of"].format(steps=steps))
    if axes.lines:
        finish_steps(axes, max(entry.step or 0 for entry in records.training.results.history), locale)
    else:
        say_nothing_recorded(axes, locale)


def _single(records: LevelRecords, name: str, language: str, panels: int = 1) -> tuple[Figure, Axes, Locale]:
    """Return a figure with its title, and the first of its panels, one below the other."""
    locale = load_locale(language)
    figure = new_figure((SIZE[0], SIZE[1] * (1 + 0.6 * (panels - 1))))
    axes = figure.subplots(panels, 1, squeeze=False)[0, 0]
    style(axes)
    title = f"{level_title(records.level, locale)}: {locale.phrases['plot']['titles'][name]}"
    write_title(axes, title, records.model_name or locale.phrases["plot"]["unknown_model"])
    return figure, axes, locale
