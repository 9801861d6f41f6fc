"""The figures, looked at as data: what they draw, label and write."""

import io
import subprocess
import sys
from dataclasses import replace

import hand_made_records
import numpy as np
import pytest
from hand_made_records import change, write_records

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import PLOT_FILES, Workspace
from cefr_helpers.notes import answer_figures, training_figures
from cefr_helpers.rendering import figure_style

SINGLE = ("training_loss", "eval_loss", "combined_loss", "learning_rate", "gradient_norm")


def labels(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(axes) -> str:
    return " | ".join([axes.get_title("left"), *(text.get_text() for text in axes.texts)])


def curve(axes, label: str) -> list[tuple[float, float]]:
    line = next(line for line in axes.lines if line.get_label() == label)
    return [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def test_joint_success_has_its_own_panel_if_it_chose_the_checkpoint():
    by_loss = hand_made_records.level_records()
    by_answers = replace(by_loss, training=hand_made_records.training_by_answers())
    figure = training_figures.eval_loss(by_answers, "en")
    loss, panel = figure.axes
    [kept] = [label for label in labels(figure) if label.startswith("kept")]
    assert kept == "kept: 1.806 (step 60, epoch 2.00)" and curve(loss, kept) == [(60, 1.8062)]
    assert curve(panel, "Joint Success") == [(15, 30), (30, 45), (45, 35), (60, 45)]
    [star] = [line for line in panel.lines if line.get_marker() == "*"]
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([60], [45]) and panel.get_ylim() == (0, 100)
    assert len(training_figures.eval_loss(by_loss, "en").axes) == 1


def test_the_combined_plot_draws_both_histories_best_and_floor():
    figure = training_figures.combined_loss(hand_made_records.level_records(), "en")
    axes = figure.axes[0]
    expected = [(5.0 * place, loss) for place, loss in enumerate(hand_made_records.TRAIN_LOSSES, 1)]
    assert curve(axes, "training loss") == expected
    assert curve(axes, "evaluation loss (development words)") == [
        (15, 2.0143),
        (30, 1.8721),
        (45, 1.8009),
        (60, 1.8062),
    ]
    assert curve(axes, "best: 1.801 (step 45, epoch 1.50)") == [(45, 1.8009)]
    # of the development examples; x in shares of the axis
    assert curve(axes, "memoriser's floor: 0.071") == [(0, 0.0713), (1, 0.0713)]
    assert texts(axes).startswith("B2 (Vantage): training and evaluation loss")
    assert "SmolLM2-135M-Instruct (de-quantised Q4_1)" in texts(axes)
    assert axes.get_ylim()[0] == 0 and axes.get_xlim()[0] == 0


def test_an_older_records_curve_is_not_said_to_be_of_development_words():
    records = hand_made_records.before_dev()
    axes = training_figures.combined_loss(records, "en").axes[0]
    assert curve(axes, "evaluation loss") == [(15, 2.0143), (30, 1.8721), (45, 1.8009), (60, 1.8062)]
    assert curve(axes, "memoriser's floor: 0.071") == [(0, 0.0707), (1, 0.0707)]
    adopted = hand_made_records.level_records()
    change(adopted.training.results, adopted={"read": "trainer_state.json"})
    assert curve(training_figures.eval_loss(adopted, "en").axes[0], "evaluation loss")


def test_turkish_plots_have_turkish_words_and_decimal_commas():
    figure = training_figures.combined_loss(hand_made_records.level_records(), "tr")
    assert labels(figure) == [
        "eğitim kaybı",
        "değerlendirme kaybı (geliştirme kelimeleri)",
        "en iyi: 1,801 (adım 45, epok 1,50)",
        "ezber tabanı: 0,071",
    ]
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert "0,5" in ticks and not any("." in tick for tick in ticks)
    assert texts(figure.axes[0]).startswith("B2 (İleri): eğitim ve değerlendirme kaybı")


def test_learning_rate_is_drawn_in_the_unit_that_its_axis_names():
    axes = training_figures.learning_rate(hand_made_records.level_records(), "en").axes[0]
    assert axes.get_ylabel() == "learning rate (10⁻⁴)"
    assert curve(axes, "learning rate")[0][1] == pytest.approx(4 * 5 / 6)


def test_gradient_norm_shows_the_clipping_limit():
    assert labels(training_figures.gradient_norm(hand_made_records.level_records(), "en")) == [
        "gradient norm before clipping",
        "clipped to 1",
    ]


def test_a_loss_on_the_full_text_is_named_and_gets_its_own_floor():
    records = hand_made_records.level_records()
    records.training.results.hyperparameters["loss_on"] = "full_text"
    assert labels(training_figures.training_loss(records, "en")) == [
        "training loss (full text)",
        "memoriser's floor: 0.271",
    ]
    assert labels(training_figures.eval_loss(records, "en"))[-1] == "memoriser's floor: 0.071"


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("language", ["en", "tr"])
def test_nothing_one_point_and_missing_values_are_drawn_without_failing(name, language):
    one = hand_made_records.level_records()
    change(one.training.results, history=one.training.results.history[:1], best=None)
    gaps = hand_made_records.level_records()
    nothing = {"step": 1, "epoch": None, "train_loss": None, "grad_norm": None}
    change(gaps.training.results, history=[nothing], best=None, steps_per_epoch=None, base_model=None)
    gaps.training.recipe["base_model"] = None
    draw = getattr(training_figures, name)
    for records in (LevelRecords("B2"), one, gaps, LevelRecords("B2", training=one.training)):
        assert len(figure_style.render(draw(records, language), "png", 30)) > 1000
    assert {"en": "nothing recorded", "tr": "kayıtlı değer yok"}[language] in texts(draw(gaps, language).axes[0])


def test_a_model_name_is_never_mathematics_and_never_too_long():
    records = hand_made_records.level_records()
    records.training.results.base_model.name = r"$\badcommand{ " + "x" * 300
    figure = training_figures.training_loss(records, "en")
    figure_style.render(figure, "png", 30)
    assert len(figure.axes[0].texts[0].get_text()) == 70


def test_the_grid_holds_the_levels_that_were_trained_on_one_scale():
    by_level = {level: hand_made_records.level_records(level) for level in ("A2", "B1", "B2")}
    by_level = {"A1": LevelRecords("A1"), **by_level}
    figure = training_figures.levels_grid(by_level, "en")
    drawn = [axes for axes in figure.axes if axes.lines]
    titles = [axes.get_title("left") for axes in drawn]
    assert titles == ["A2 (Waystage)", "B1 (Threshold)", "B2 (Vantage)"]
    assert len({axes.get_ylim() for axes in drawn}) == 1
    assert len(figure_style.render(training_figures.levels_grid({"A1": LevelRecords("A1")}, "tr"), "png", 30)) > 1000


def test_base_against_tuned_draws_the_recorded_losses_and_the_floor():
    by_level = {level: hand_made_records.level_records(level) for level in ("A2", "B2")} | {"C1": LevelRecords("C1")}
    axes = training_figures.base_vs_tuned(by_level, "en").axes[0]
    assert sorted(bar.get_height() for bar in axes.patches) == [1.8011, 1.8011, 2.3921, 2.3921]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["A2", "B2"]
    assert [float(mark.get_segments()[0][0][1]) for mark in axes.collections] == [0.0707, 0.0707]
    assert len(figure_style.render(training_figures.base_vs_tuned({}, "en"), "png", 30)) > 1000


def test_draw_all_writes_five_pictures_of_300_dpi(tmp_path):
    from PIL import Image

    workspace = Workspace(tmp_path, tmp_path / "user_data")
    write_records(workspace, hand_made_records.level_records())
    paths = training_figures.draw_all(workspace, "B2", "tr")
    assert [path.name for path in paths] == list(PLOT_FILES.values())
    assert sorted(path.name for path in workspace.plots("B2").iterdir()) == sorted(PLOT_FILES.values())
    for path in paths:
        picture = Image.open(path)
        assert picture.size == (2400, 1500) and picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert np.asarray(picture.convert("L")).std() > 5  # not an empty sheet


def test_draw_all_without_a_training_record_names_the_stage_to_run(tmp_path):
    with pytest.raises(InputError, match="02_training"):
        training_figures.draw_all(Workspace(tmp_path, tmp_path), "B2", "en")


def test_saving_writes_pdf_by_suffix_and_the_same_bytes_twice(tmp_path):
    records = hand_made_records.level_records()
    first = figure_style.save_figure(training_figures.eval_loss(records, "tr"), tmp_path / "one.pdf").read_bytes()
    assert first.startswith(b"%PDF")
    second = figure_style.save_figure(training_figures.eval_loss(records, "tr"), tmp_path / "two.pdf").read_bytes()
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pdf", "two.pdf"]


def test_jupyter_shows_a_figure_as_a_picture():
    from IPython.core.formatters import DisplayFormatter
    from PIL import Image

    shown, _ = DisplayFormatter().format(training_figures.eval_loss(hand_made_records.level_records(), "en"))
    assert Image.open(io.BytesIO(shown["image/png"])).size == (800, 500)


def test_plots_leave_pyplot_and_torch_alone():
    code = "import sys, cefr_helpers.notes.training_figures\n"
    code += "print([m for m in ('matplotlib.pyplot', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def centres(axes, label: str) -> list[float]:
    return [float(line.get_xdata()[0]) for line in axes.lines if line.get_label() == label]


def test_answer_measures_draw_every_rate_with_its_interval():
    records = hand_made_records.with_answers()
    axes = answer_figures.answer_measures(records, "en").axes[0]
    labels = ("base model", "base model, one word per prompt", "tuned model", "bank (gold)")
    rows = ("base", "base_one_word", "tuned", "gold")
    for row, label in zip(rows, labels, strict=True):
        assert centres(axes, label) == pytest.approx([100 * share for share in hand_made_records.RATES[row]])
    spans = {
        (round(float(a), 1), round(float(b), 1)) for mark in axes.collections for (a, _), (b, _) in mark.get_segments()
    }
    found = records.generation.measures
    drawn = [found[row][rate] for row in rows for rate in answer_figures.RATES]
    shown = [entry for entry in drawn if entry.low is not None]
    assert spans == {(round(100 * entry.low, 1), round(100 * entry.high, 1)) for entry in shown}
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[0] == "Joint Success" and names[-1] == "Exactly ten (of prompts)"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first measure on top


def test_level_scores_draw_shares_of_the_valid_sentences_and_the_range_asked_for():
    records = hand_made_records.with_answers("B1")
    figure = answer_figures.level_scores(records, "en")
    assert [axes.get_title("left") for axes in figure.axes] == [
        "base model: 31 valid sentences",
        "base model, one word per prompt: 49 valid sentences",
        "tuned model: 47 valid sentences",
        "bank (gold): 50 valid sentences",
    ]
    for axes in figure.axes:
        band, *bars = axes.patches
        assert (band.get_x(), band.get_x() + band.get_width()) == (2, 4)
        assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
        [line] = axes.lines
        assert sum(line.get_ydata()[:-1]) == pytest.approx(100) and line.get_label().startswith(
            "line: as people label it;"
        )
    human = figure.axes[0].lines[0]  # 1.00 to 1.21 of 1.0, 1.07, ..., 3.1
    assert list(human.get_xdata()[:2]) == [1, 1.25] and human.get_ydata()[0] == pytest.approx(100 * 4 / 31)
    first = figure.axes[0].patches[1]
    assert (first.get_x(), first.get_height()) == (1, pytest.approx(100 * 2 / 31))  # 1.10 and 1.21
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()] == ["A1", "A2", "B1", "B2", "C1"]


def test_where_the_bank_teaches_no_levels_those_of_people_are_drawn_alone():
    records = hand_made_records.with_answers()
    change(records.generation, scores={"base": [], "tuned": [], "gold": []})
    tuned = answer_figures.level_scores(records, "en").axes[2]
    assert tuned.get_title("left") == "tuned model: 47 valid sentences" and len(tuned.patches) == 1
    assert [line.get_label() for line in tuned.lines] == ["as people label it"]


@pytest.mark.parametrize("language", ["en", "tr"])
def test_answers_that_are_missing_or_empty_are_drawn_without_failing(language):
    empty = hand_made_records.with_answers()
    change(empty.generation, scores={"base": [], "tuned": [], "gold": []}, human_scores={})
    empty.generation.measures["base"] = {}
    for records in (LevelRecords("B2"), hand_made_records.level_records(), empty):
        for draw in (answer_figures.answer_measures, answer_figures.level_scores):
            assert len(figure_style.render(draw(records, language), "png", 30)) > 1000


def test_a_record_without_the_row_of_one_word_is_drawn_with_three():
    older = hand_made_records.with_answers()
    del older.generation.measures["base_one_word"]
    assert len(answer_figures.level_scores(older, "en").axes) == 3


def test_generation_figures_are_drawn_only_where_answers_were_measured(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    for records, names in (
        (hand_made_records.level_records("A2"), []),
        (hand_made_records.with_answers("B2"), ["6_answer_measures.png", "7_level_scores.png"]),
    ):
        write_records(workspace, records)
        paths = answer_figures.draw_generation(workspace, records.level, "tr")
        assert [path.name for path in paths] == names and all(
            path.parent == workspace.plots(records.level) for path in paths
        )
