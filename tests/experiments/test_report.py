"""Results over runs, on hand-made records: means, what explains, effects, the best, the note; 2,000 runs in time."""

import itertools
import math
import time

import hand_made_records
import numpy as np
import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.experiments import figures, report
from cefr_helpers.experiments import results as experiment_results
from cefr_helpers.rendering import locale, tables

AXES = {"recipe": ["cpu"], "lora_rank": [8, 32], "learning_rate": [1e-3, 2e-3], "seed": [1, 2, 3, 4, 5, 6]}
NOISE = (0.03, -0.02, 0.01, 0.02, -0.03, -0.01)
GAIN = (0.20, 0.21, 0.19, 0.22, 0.18, 0.20)


def reached(level, values):
    """Rank 32 is about 0.2 better, the rate does nothing, the seed moves all alike."""
    seed = values["seed"] - 1
    return 2.0 + NOISE[seed] - (GAIN[seed] if values["lora_rank"] == 32 else 0) + (0.3 if level == "B2" else 0)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, tmp_path / "user_data")


def made(workspace, axes=AXES, levels=("A2", "B2"), reached=reached):
    hand_made_records.write_experiment(workspace, "trial", axes, list(levels), reached)
    return experiment_results.load(workspace, "trial")


def test_means_over_seeds_with_their_interval(workspace):
    found = experiment_results.by_setting(made(workspace), "loss")
    assert len(found) == 8 and set(found["n"]) == {6}
    first = found[found["level"] == "A2"].iloc[0]
    assert first["setting"].startswith("lora_rank 32, learning_rate 0.001")
    losses = np.array([reached("A2", {"seed": seed, "lora_rank": 32}) for seed in range(1, 7)])
    assert first["estimate"] == pytest.approx(losses.mean())
    assert first["high"] - first["estimate"] == pytest.approx(2.5706 * losses.std(ddof=1) / math.sqrt(6), rel=1e-4)


def test_better_answers_come_first_where_more_is_better(workspace):
    found = experiment_results.by_setting(made(workspace), "joint")
    assert found[found["level"] == "A2"]["estimate"].is_monotonic_decreasing


def test_the_field_that_matters_explains_the_variance(workspace):
    shares = {
        (row["level"], row["field"]): row["explained"] for row in experiment_results.explained(made(workspace), "loss")
    }
    assert shares["A2", "lora_rank"] > 0.9
    assert shares["A2", "learning_rate"] == pytest.approx(0, abs=1e-12)
    assert 0 < shares["A2", "seed"] < 0.1


def test_effects_are_paired_and_corrected_over_all_tests(workspace):
    rows = experiment_results.effects(made(workspace), "loss")
    by = {(row["level"], row["field"]): row for row in rows}
    assert len(rows) == 4
    rank = by["A2", "lora_rank"]
    assert (rank["first"], rank["value"], rank["pairs"], rank["seeds"]) == ("8", "32", 12, 6)
    assert rank["estimate"] == pytest.approx(-0.2) and rank["low"] < -0.2 < rank["high"] < -0.15
    assert rank["p"] == 2 / 2**6 and rank["holm"] == pytest.approx(4 * 2 / 2**6)
    rate = by["A2", "learning_rate"]
    assert rate["estimate"] == 0 and rate["p"] == 1 and rate["holm"] == 1


def test_one_seed_has_an_estimate_and_no_certainty(workspace):
    results = made(workspace, AXES | {"seed": [1]})
    rank = next(row for row in experiment_results.effects(results, "loss") if row["field"] == "lora_rank")
    assert rank["estimate"] == pytest.approx(-0.2)
    assert [rank[key] for key in ("low", "high", "p", "holm")] == [None] * 4
    assert experiment_results.explained(results, "loss") == []  # all of it would be the field's
    assert "no interval and no p" in report.write_note(workspace, "trial", "en").read_text()


def test_the_best_setting_needs_as_many_seeds_as_the_others(workspace):
    def lucky(level, values):
        if values["lora_rank"] == 8 and values["learning_rate"] == 1e-3:
            return 0.1 if values["seed"] == 1 else None
        return reached(level, values)

    found = experiment_results.best(made(workspace, reached=lucky))
    assert [row["level"] for row in found] == ["A2", "B2"]
    assert found[0]["setting"] == "lora_rank 32, learning_rate 0.001" and found[0]["n"] == 6
    assert found[0]["runner_up"] == "lora_rank 32, learning_rate 0.002" and found[0]["ahead"] == 0
    assert found[0]["run"] == "cpu_lora_rank-32_learning_rate-0.001_seed-2"


def test_base_models_with_other_tokens_are_compared_by_the_character(workspace):
    results = made(workspace)
    assert results.measure == "dev_loss"
    path = (
        workspace.experiment("trial") / "cpu_lora_rank-8_learning_rate-0.001_seed-1" / "runs" / "A2" / "training.json"
    )
    path.write_text(path.read_text().replace("ab" * 32, "cd" * 32))
    assert experiment_results.load(workspace, "trial").measure == "dev_bits"


def test_settings_are_ordered_by_development_words_and_where_there_are_none_by_the_test(workspace):
    results = made(workspace)
    best = experiment_results.best(results)[0]
    lowest = results.done[results.done["level"] == "A2"]["loss"].min() - 0.1
    assert results.done["dev_loss"].tolist() == pytest.approx((results.done["loss"] - 0.1).tolist())
    assert results.done.set_index(["level", "run"]).loc[("A2", best["run"]), "dev_loss"] == pytest.approx(lowest)
    assert "on development words (nats per token)" in report.write_note(workspace, "trial", "en").read_text()
    old = hand_made_records.before_dev("A2").dataset
    for path in workspace.experiment("trial").glob("*_seed-1/runs/A2/dataset.json"):
        hand_made_records.write_record(path, old)
    assert experiment_results.load(workspace, "trial").measure == "loss"


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_the_note_with_its_tables_and_figures(workspace, language):
    made(
        workspace,
        reached=lambda level, values: None if (level, values["seed"]) == ("B2", 6) else reached(level, values),
    )
    note = report.write_note(workspace, "trial", language)
    text = note.read_text()
    assert note == workspace.notes() / "experiment_trial.md"
    assert "lora&#95;rank" not in text and "lora_rank 32, learning" in text
    for corrected in (4 / 32, 3 / 16):  # six seeds at A2, five at B2; the rate's two have p = 1
        assert locale.load_locale(language).decimal(corrected, 3) in text
    assert "`cpu_lora_rank-8_learning_rate-0.001_seed-6` B2" in text
    linked = [part.split(")")[0] for part in text.split("](")[1:]]
    assert len(linked) > 6 and [link for link in linked if not (note.parent / link).is_file()] == []
    enough = {
        "en": "8 seeds are the fewest",
        "tr": "en küçük tohum sayısı: 8",
    }  # 4 / 2^7 < .05: six cannot show one of 4
    assert enough[language] in text
    lines = (note.parent / "tables" / "experiment_trial_runs.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 24


def test_findings_name_what_is_shown_after_correction(workspace):
    made(workspace, {"recipe": ["cpu"], "lora_rank": [8, 32], "seed": list(range(1, 7))}, ["A2"])
    text = report.write_note(workspace, "trial", "en").read_text()
    assert "1 of 1 differences shown" in text and "cannot fall below" not in text
    assert "- A2, `lora_rank` 8 → 32: p = 0.031" in text


def test_an_experiment_without_records_still_gets_its_note(workspace):
    made(workspace, reached=lambda level, values: None)
    text = report.write_note(workspace, "trial", "en").read_text()
    assert "0 of 48 trainings" in text and "No run has been compared" in text


def test_users_text_is_made_safe(workspace):
    axes = {"recipe": ["cpu"], "base_model": ["models/a|b", "models/*c*"], "seed": [1, 2]}
    results = made(workspace, axes, ["A2"], lambda level, values: 2.0 if values["base_model"][-1] == "b" else 1.9)
    table = report.report_tables(workspace, results)["settings"]
    rows = tables.to_markdown(table, locale.load_locale("en")).splitlines()
    assert len({row.count("|") for row in rows}) == 1 and "*c*" not in rows[2]


def test_missing_and_broken_plans_are_named(workspace):
    with pytest.raises(
        InputError, match="experiment.json: missing; run the experiment first: make experiment NAME=trial"
    ):
        experiment_results.load(workspace, "trial")
    workspace.experiment_plan("trial").parent.mkdir(parents=True)
    workspace.experiment_plan("trial").write_text("{}")
    with pytest.raises(InputError, match="not an experiment's plan"):
        experiment_results.load(workspace, "trial")


def test_two_thousand_runs_load_and_show_in_ten_seconds(workspace):
    axes = {
        "recipe": ["cpu", "smoke"],
        "lora_rank": [8, 16, 32, 64, 128],
        "learning_rate": [1e-4, 2e-4, 5e-4, 1e-3],
        "lora_dropout": [0.0, 0.05],
        "batch_size": [2, 4, 8, 16, 32],
        "seed": [1, 2, 3, 4, 5],
    }
    assert math.prod(map(len, axes.values())) == 2000
    noise = itertools.count()
    hand_made_records.write_experiment(
        workspace,
        "trial",
        axes,
        ["B2"],
        lambda _, v: 2 - 0.05 * math.log(v["lora_rank"]) + 0.01 * math.sin(next(noise)),
    )
    started = time.process_time()  # what else the machine does would count in time by the clock
    results = experiment_results.load(workspace, "trial")
    note = report.write_note(workspace, "trial", "en")
    figures.by_setting(results, "en")
    assert time.process_time() - started < 10
    assert len(results.done) == 2000 and "2,000" not in note.name
    assert "the first 30 rows" in note.read_text()
