"""The two figures of generated answers: every measure with its interval, and where the level scores fall."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from cefr_helpers.core import levels, schema
from cefr_helpers.core.level_records import LevelRecords, figure_files, read_level
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.figure_style import (
    BASE,
    BEST,
    GOLD,
    GREY,
    LONGEST_NAME,
    TEXT,
    TRAIN,
    level_title,
    new_figure,
    put_legend,
    save_figure,
    say_nothing_recorded,
    style,
    write_ticks,
)
from cefr_helpers.rendering.locale import Locale, load_locale

RATES = (*schema.RATES, "exact_ten")
_LOOKS = {"base": (BASE, "o"), "base_one_word": (BEST, "s"), "tuned": (TRAIN, "D"), "gold": (GOLD, "^")}
_APART = 0.2  # between the marks of a measure, whose rows are 1 apart
_BIN = 0.25  # levels
_EDGES = [1 + _BIN * place for place in range(round((len(levels.LEVELS) - 1) / _BIN) + 1)]


def draw_generation(workspace: Workspace, level: str, language: str) -> list[Path]:
    """Draw the figures of a level's generated answers into its plot folder; none where it has no such answers.

    Raises:
        InputError: the level or the language is unknown, or a record is broken.
    """
    records = read_level(workspace, level)
    if not records.generation:
        return []
    draw = {"answer_measures": answer_measures, "level_scores": level_scores}
    files = figure_files(records.generation)
    return [save_figure(draw[name](records, language), workspace.plots(level) / file) for name, file in files.items()]


def answer_measures(records: LevelRecords, language: str) -> Figure:
    """Each rate of base (in two ways), tuned and gold, as marks with 95 % intervals, Joint Success on top."""
    locale = load_locale(language)
    figure = new_figure((8.0, 7.0))
    axes = figure.subplots()
    style(axes)
    _title(figure, records, "answer_measures", 1.02, locale)
    rows = _rows(records)
    for place, row in enumerate(rows):
        _marks(axes, records, row, (place - (len(rows) - 1) / 2) * _APART, locale)
    if axes.lines:
        axes.set_yticks(range(len(RATES)), [_rate_name(rate, locale) for rate in RATES])
        axes.set_ylim(len(RATES) - 0.5, -0.5)
        axes.axhline(0.5, color=GREY, linewidth=1)
        axes.grid(axis="y", visible=False)
        axes.set_xlim(-3, 103)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(locale.phrases["plot"]["generation"]["share_axis"])
    else:
        say_nothing_recorded(axes, locale)
    return put_legend(figure)


def level_scores(records: LevelRecords, language: str) -> Figure:
    """Histograms of the valid sentences' levels, one under the other, the accepted range shaded.

    Filled as the bank teaches the level, a line as people label it.
    """
    locale = load_locale(language)
    figure = new_figure((8.0, 7.6))
    rows = _rows(records)
    panels = figure.subplots(len(rows), 1, sharex=True, sharey=True)
    for axes, row in zip(panels, rows, strict=True):
        style(axes)
        _panel(axes, records, row, locale)
    text = locale.phrases["plot"]["generation"]
    panels[-1].set_xlim(0.9, len(levels.LEVELS) + 0.1)
    panels[-1].set_xticks(range(1, len(levels.LEVELS) + 1), levels.LEVELS)
    panels[-1].set_xlabel(text["score_axis"])
    if panels[0].get_ylim()[1] > 1:
        for axes in panels:
            write_ticks(axes.yaxis, locale)
    _title(figure, records, "level_scores", 1.44, locale)
    return put_legend(figure)


def _rows(records: LevelRecords) -> list[str]:
    """Those that are drawn; older records lack the base with one word a prompt."""
    return [row for row in _LOOKS if row != "base_one_word" or records.generation.measures.get(row)]


def _title(figure: Figure, records: LevelRecords, name: str, height: float, locale: Locale) -> None:
    """Title and, in grey under it, the model; both from the figure's edge, since the axes begin far inside."""
    title = f"{level_title(records.level, locale)}: {locale.phrases['plot']['generation'][name]}"
    figure.suptitle(title, fontsize=TEXT + 3, fontweight="bold", x=0.02, ha="left")
    axes = figure.axes[0]
    place = blended_transform_factory(figure.transFigure, axes.transAxes)
    model = escaping.shortened(records.model_name or locale.phrases["plot"]["unknown_model"], LONGEST_NAME)
    look: dict[str, Any] = {"fontsize": TEXT - 1, "color": GREY, "va": "bottom", "parse_math": False}
    axes.text(0.02, height, model, transform=place, **look)


def _rate_name(rate: str, locale: Locale) -> str:
    name = locale.phrases["generation"]["measures"][rate]
    return locale.phrases["plot"]["generation"]["of_prompts"].format(measure=name) if rate == "exact_ten" else name


def _marks(axes: Axes, records: LevelRecords, row: str, shift: float, locale: Locale) -> None:
    colour, marker = _LOOKS[row]
    label = locale.phrases["plot"]["generation"][row]
    for place, rate in enumerate(RATES):
        entry = records.generation.metric(row, rate)
        if entry.value is None:
            continue
        if entry.low is not None and entry.high is not None:
            axes.hlines(place + shift, 100 * entry.low, 100 * entry.high, color=colour, linewidth=2.6)
        look: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 9,
            "linestyle": "none",
            "clip_on": False,
        }
        axes.plot([100 * entry.value], [place + shift], label=label, **look)


def _panel(axes: Axes, records: LevelRecords, row: str, locale: Locale) -> None:
    text = locale.phrases["plot"]["generation"]
    scores, people = (found.get(row, []) for found in (records.generation.scores, records.generation.human_scores))
    title = text["scores_of"].format(who=text[row], n=locale.whole(len(scores or people)))
    axes.set_title(title, fontsize=TEXT, loc="left")
    asked = levels.number(records.level)
    axes.axvspan(asked - 1, asked + 1, color=GREY, alpha=0.13, linewidth=0, label=text["target"])
    axes.set_ylabel(text["scores_share"])
    if scores:
        weights = [100 / len(scores)] * len(scores)
        axes.hist(scores, bins=_EDGES, weights=weights, color=_LOOKS[row][0], edgecolor="white")
    if people:
        shares = [100 * share for share in _shares(people)]
        label = text["as_both" if any(records.generation.scores.values()) else "as_people"]
        axes.step(_EDGES, [*shares, shares[-1]], where="post", color="black", linewidth=1.8, label=label)
    if not scores and not people:
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, text["no_scores"], fontsize=TEXT, color=GREY, **middle)


def _shares(scores: list[float]) -> list[float]:
    """The share of the scores in each bin; the last one holds its upper edge too."""
    places = [min(int((score - 1) / _BIN), len(_EDGES) - 2) for score in scores]
    return [places.count(place) / len(places) for place in range(len(_EDGES) - 1)]
