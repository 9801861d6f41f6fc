"""The figures of the notes: five of a training, the grid of levels, and base against tuned."""

import io
import math
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cefr_helpers import levels, wording
from cefr_helpers.level_records import LevelRecords, best, find, floor, history, loss_measure, model_name, read_level
from cefr_helpers.paths import PLOT_FILES, Workspace
from cefr_helpers.records import write_atomically
from cefr_helpers.wording import Wording

TRAIN, EVAL, BEST, GREY = "#0072B2", "#D55E00", "#009E73", "#555555"  # Okabe and Ito: safe for the colour-blind
_SIZE = (8.0, 5.0)
_TEXT = 14


def save_figure(figure: Figure, path: Path, dpi: int = 300) -> Path:
    """Write the figure as PNG or PDF (by suffix), aside and then moved into place."""
    return write_atomically(Path(path), _rendered(figure, Path(path).suffix.lstrip(".").lower(), dpi))


def draw_all(workspace: Workspace, level: str, language: str) -> list[Path]:
    """Draw the five figures of a level's training into its plot folder.

    Raises:
        InputError: the level has no training record, or the language is unknown.
    """
    from cefr_helpers.records import read

    read(workspace, level, "training")
    held = read_level(workspace, level)
    draw = {
        "training_loss": training_loss,
        "eval_loss": eval_loss,
        "combined_loss": combined_loss,
        "learning_rate": learning_rate,
        "gradient_norm": gradient_norm,
    }
    folder = workspace.plots(level)
    return [save_figure(draw[name](held, language), folder / file) for name, file in PLOT_FILES.items()]


def training_loss(training: LevelRecords, language: str) -> Figure:
    """Training loss by step, with the memoriser's floor."""
    figure, axes, words = _single(training, "training_loss", language)
    _curve(axes, training, "train_loss", words)
    _finish_loss(axes, training, words)
    return _with_legend(figure)


def eval_loss(training: LevelRecords, language: str) -> Figure:
    """Evaluation loss by step, with the best evaluation and the memoriser's floor."""
    figure, axes, words = _single(training, "eval_loss", language)
    _curve(axes, training, "eval_loss", words)
    _mark_best(axes, training, words)
    _finish_loss(axes, training, words)
    return _with_legend(figure)


def combined_loss(training: LevelRecords, language: str) -> Figure:
    """Training and evaluation loss together."""
    figure, axes, words = _single(training, "combined_loss", language)
    _both_curves(axes, training, words)
    _finish_loss(axes, training, words)
    return _with_legend(figure)


def learning_rate(training: LevelRecords, language: str) -> Figure:
    """Learning rate by step."""
    figure, axes, words = _single(training, "learning_rate", language)
    entries = history(training, "learning_rate")
    largest = max((abs(entry["learning_rate"]) for entry in entries), default=0)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    _line(axes, entries, "learning_rate", TRAIN, words.phrases["plot"]["learning_rate"]["curve"], 10.0**-power)
    unit = f" (10{str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))})" if power else ""
    axes.set_ylabel(words.phrases["plot"]["learning_rate"]["axis"] + unit)
    _finish(axes, training, words)
    return figure


def gradient_norm(training: LevelRecords, language: str) -> Figure:
    """Norm of the gradient before clipping, by step, with the norm it is clipped to."""
    figure, axes, words = _single(training, "gradient_norm", language)
    text = words.phrases["plot"]["gradient_norm"]
    _line(axes, history(training, "grad_norm"), "grad_norm", TRAIN, text["curve"])
    limit = find(training.training, "results.hyperparameters.max_grad_norm")
    if limit and axes.lines:
        label = text["limit"].format(value=wording.plain(float(limit), words))
        axes.axhline(limit, color=GREY, linestyle="--", linewidth=1.6, label=label)
    axes.set_ylabel(text["axis"])
    _finish(axes, training, words)
    return _with_legend(figure)


def levels_grid(records_by_level: dict[str, LevelRecords], language: str) -> Figure:
    """Training and evaluation loss of every level that has a training record, on one scale."""
    words = wording.wording(language)
    shown = [held for held in records_by_level.values() if held.training is not None]
    columns = {0: 1, 1: 1, 2: 2, 4: 2}.get(len(shown), 3)
    rows = max(1, math.ceil(len(shown) / columns))
    figure = _figure((4.3 * columns + 0.6, 3.6 * rows + 1.1))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, held in zip(grid, shown, strict=False):
        _style(axes)
        _both_curves(axes, held, words, marker_text=False)
        _finish_loss(axes, held, words, label_floor=False)
        axes.set_title(_level_title(held.level, words), fontsize=_TEXT, fontweight="bold", loc="left")
        axes.label_outer(remove_inner_ticks=False)
        axes.set_xlabel(axes.get_xlabel() or words.phrases["plot"]["step"])
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    if not shown:
        _note_nothing(figure.axes[0], words)
    figure.suptitle(words.phrases["plot"]["grid"], fontsize=_TEXT + 3, fontweight="bold")
    return _with_legend(figure)


def base_vs_tuned(records_by_level: dict[str, LevelRecords], language: str) -> Figure:
    """Completion loss of base and tuned model a level, with the memoriser's floor as a mark."""
    words = wording.wording(language)
    text = words.phrases["plot"]["base_vs_tuned"]
    compared = [held for held in records_by_level.values() if find(held.comparison, "results.completion.tuned.loss")]
    figure = _figure((max(_SIZE[0], 1.5 * len(compared) + 2), 5.4))
    axes = figure.subplots()
    _style(axes)
    for place, held in enumerate(compared):
        _pair_of_bars(axes, place, held, words)
    axes.set_xticks(range(len(compared)), [held.level for held in compared])
    axes.set_xlim(-0.6, max(len(compared) - 0.4, 0.6))
    axes.set_ylabel(words.phrases["plot"]["loss_axis"])
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.12)
    axes.set_title(text["title"], fontsize=_TEXT + 1, fontweight="bold", loc="left")
    axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick, words=words)))
    if not compared:
        _note_nothing(axes, words)
    return _with_legend(figure)


def _pair_of_bars(axes: Axes, place: int, held: LevelRecords, words: Wording) -> None:
    text = words.phrases["plot"]["base_vs_tuned"]
    figures = held.comparison["results"]["completion"]
    for side, (which, colour) in enumerate((("base", "#8FB8D8"), ("tuned", TRAIN))):
        height = find(figures, f"{which}.loss")
        if height is not None:
            bar = axes.bar(place + 0.38 * side - 0.19, height, 0.36, color=colour, label=text[which])
            axes.bar_label(bar, [wording.decimal(height, 2, words)], fontsize=_TEXT - 1, padding=5)
    ground = floor(held, "completion")
    if ground is not None:
        axes.hlines(ground, place - 0.45, place + 0.45, color="black", linestyle="--", label=text["floor"])


def _both_curves(axes: Axes, held: LevelRecords, words: Wording, marker_text: bool = True) -> None:
    _curve(axes, held, "train_loss", words)
    _curve(axes, held, "eval_loss", words)
    _mark_best(axes, held, words, marker_text)


def _curve(axes: Axes, held: LevelRecords, key: str, words: Wording) -> None:
    colour = {"train_loss": TRAIN, "eval_loss": EVAL}[key]
    _line(axes, history(held, key), key, colour, words.phrases["plot"][key])


def _line(axes: Axes, entries: list[dict], key: str, colour: str, label: str, scale: float = 1.0) -> None:
    if not entries:
        return
    steps = [entry["step"] for entry in entries]
    marker = "o" if len(entries) <= 40 else None
    size = 8 if key == "eval_loss" else 4
    values = [scale * entry[key] for entry in entries]
    axes.plot(steps, values, color=colour, marker=marker, markersize=size, linewidth=2.2, label=label)


def _mark_best(axes: Axes, held: LevelRecords, words: Wording, with_figures: bool = True) -> None:
    lowest = best(held)
    if lowest is None or lowest["step"] is None:
        return
    label = words.phrases["plot"]["best_short"]
    if with_figures:
        places = wording.decimals_known([entry["eval_loss"] for entry in history(held, "eval_loss")])
        label = words.phrases["plot"]["best"].format(
            loss=wording.decimal(lowest["eval_loss"], places, words),
            step=lowest["step"],
            epoch=wording.decimal(lowest["epoch"], 2, words),
        )
    spot = {"marker": "*", "markersize": 20, "markeredgecolor": "white", "linestyle": "none", "zorder": 5}
    axes.plot([lowest["step"]], [lowest["eval_loss"]], color=BEST, label=label, **spot)


def _finish_loss(axes: Axes, held: LevelRecords, words: Wording, label_floor: bool = True) -> None:
    measured = bool(axes.lines)
    ground = floor(held, loss_measure(held))
    if ground is not None and measured:
        text = words.phrases["plot"]["floor" if label_floor else "floor_short"]
        label = text.format(value=wording.decimal(ground, 2, words))
        axes.axhline(ground, color="black", linestyle="--", linewidth=1.6, label=label)
    if measured:
        axes.set_ylim(bottom=0, top=1.08 * max(max(line.get_ydata()) for line in axes.lines))
    axes.set_ylabel(words.phrases["plot"]["loss_axis"])
    _finish(axes, held, words)


def _finish(axes: Axes, held: LevelRecords, words: Wording) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick, words=words)))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    steps = find(held.training, "results.steps_per_epoch")
    text = words.phrases["plot"]["step"]
    axes.set_xlabel(text if steps is None else words.phrases["plot"]["step_of"].format(steps=steps))
    if not axes.lines:
        _note_nothing(axes, words)


def _tick(value: float, _position: int, words: Wording) -> str:
    text = f"{value:.6g}".replace("-", wording.MINUS)
    return text.replace(".", ",") if words.language == "tr" else text


def _note_nothing(axes: Axes, words: Wording) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    where = {"ha": "center", "va": "center", "transform": axes.transAxes}
    axes.text(0.5, 0.5, words.phrases["plot"]["nothing"], fontsize=_TEXT, color=GREY, **where)


def _single(held: LevelRecords, name: str, language: str) -> tuple[Figure, Axes, Wording]:
    words = wording.wording(language)
    figure = _figure(_SIZE)
    axes = figure.subplots()
    _style(axes)
    title = f"{_level_title(held.level, words)}: {words.phrases['plot']['titles'][name]}"
    axes.set_title(title, fontsize=_TEXT + 3, fontweight="bold", loc="left", pad=28)
    model = model_name(held) or words.phrases["plot"]["unknown_model"]
    model = model if len(model) <= 70 else model[:69] + "…"
    place = {"transform": axes.transAxes, "va": "bottom", "parse_math": False}
    axes.text(0, 1.02, model, fontsize=_TEXT - 1, color=GREY, **place)
    return figure, axes, words


def _level_title(level: str, words: Wording) -> str:
    return f"{level} ({levels.NAMES[words.language][level]})"


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=_TEXT - 1)
    axes.xaxis.label.set_size(_TEXT)
    axes.yaxis.label.set_size(_TEXT)


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    figure._repr_png_ = partial(_rendered, figure, "png", 100)  # Jupyter shows it without pyplot
    return figure


def _with_legend(figure: Figure) -> Figure:
    """One legend under the axes, each label once."""
    labelled = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labelled.setdefault(label, handle)
    if labelled:
        columns = 1 if max(map(len, labelled)) > 45 else 2
        style = {"frameon": False, "fontsize": _TEXT - 1}
        figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", ncols=columns, **style)
    return figure


def _rendered(figure: Figure, form: str, dpi: int) -> bytes:
    content = io.BytesIO()
    undated = {"CreationDate": None} if form == "pdf" else {}
    figure.savefig(content, format=form, dpi=dpi, metadata=undated)
    return content.getvalue()
