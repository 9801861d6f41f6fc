"""Means over seeds, on runs by hand: by level, with intervals over seeds and prompts; and in note and README."""

import hand_made_records
import pandas as pd
import pytest

from cefr_helpers.core import records
from cefr_helpers.core.paths import Workspace
from cefr_helpers.experiments import report, seed_means
from cefr_helpers.experiments import results as experiment_results
from tools import update_reference_run

# of each seed, each prompt's share of slots that succeed
TUNED = {1: (0.6, 0.8), 2: (0.7, 0.9), 3: (0.2, 0.4)}
BASE = {1: (0.0, 0.0), 2: (0.1, 0.1), 3: (0.0, 0.2)}


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """The experiment `seeds` with three runs of A2 and one of B2, each with the answers of two prompts of ten words."""
    made = Workspace(tmp_path, tmp_path / "user_data")
    axes = {"recipe": ["cpu"], "seed": [1, 2, 3]}
    known = {("A2", 1): 2.0, ("A2", 2): 2.1, ("A2", 3): 2.3, ("B2", 1): 2.5}
    hand_made_records.write_experiment(
        made, "seeds", axes, ["A2", "B2"], lambda level, values: known.get((level, values["seed"]))
    )
    for level, seed in known:
        folder = made.experiment("seeds") / f"cpu_seed-{seed}"
        run = Workspace(folder, folder / "user_data")
        record = records.read(run, level, "comparison")
        hand_made_records.change(
            record.results, generation={**record.results.generation.as_dict(), "prompts": 2, "file": "generations.csv"}
        )
        hand_made_records.write_record(run.record(level, "comparison"), record)
        slots = [
            {"row": row, "prompt": prompt, "slot": slot, "joint_success": slot <= 10 * shares[prompt - 1]}
            for row, shares in (("base", BASE[seed]), ("tuned", TUNED[seed]), ("gold", (1.0, 0.9)))
            for prompt in (1, 2)
            for slot in range(1, 11)
        ]
        pd.DataFrame(slots).to_csv(run.run(level) / "generations.csv", index=False)
    return made


def test_the_means_by_hand(workspace):
    results = experiment_results.load(workspace, "seeds")
    [a2, b2] = seed_means.rows(workspace, results, 10)
    assert (a2["level"], a2["setting"], a2["seeds"], a2["prompts"]) == ("A2", "cpu", 3, 6)
    assert a2["joint_tuned"] == pytest.approx((0.7 + 0.8 + 0.3) / 3) and a2["joint_gold"] == pytest.approx(0.95)
    assert a2["joint_base"] == pytest.approx((0 + 0.1 + 0.1) / 3)
    assert a2["joint_tuned_sd"] == pytest.approx(0.264575, rel=1e-5)
    assert (a2["joint_tuned_low"], a2["joint_tuned_high"]) == (0, 1)  # three seeds that differ so say next to nothing
    assert a2["joint_change"] == pytest.approx((0.7 + 0.7 + 0.2) / 3)
    assert a2["tuned_loss"] == pytest.approx(6.4 / 3) and a2["base_loss"] == pytest.approx(6.4 / 3 + 0.6)
    assert a2["loss_change"] == pytest.approx(-0.6) and a2["loss_change_sd"] == pytest.approx(0, abs=1e-12)
    # the runs agree, so the examples' own intervals, [-.7, -.5] each, give the width: of 3 x 24 examples
    assert a2["loss_change_high"] + 0.6 == pytest.approx(1.994945 * (0.2 / 3.92) / 3**0.5, rel=1e-4)
    assert (b2["seeds"], b2["joint_tuned"], b2["joint_tuned_sd"], b2["joint_tuned_low"]) == (1, 0.7, None, None)


@pytest.mark.parametrize(("language", "told"), [("en", "## Means over seeds"), ("tr", "## Tohumlar üzerinden")])
def test_the_note_shows_them(workspace, language, told):
    text = report.write_note(workspace, "seeds", language).read_text()
    assert told in text
    [row] = [line for line in text.splitlines() if line.startswith("| A2 | cpu | 3 | 6 |")]
    assert {"en": "60.0%", "tr": "%60,0"}[language] in row


def test_the_readme_shows_the_means_where_there_are_some_and_one_seed_where_not(workspace, tmp_path, monkeypatch):
    report.write_note(workspace, "seeds", "en")
    kept = Workspace(tmp_path / "kept", tmp_path / "user_data")
    levels = hand_made_records.with_answers("A2")
    answers = [{**levels.comparison.results.answers[0].as_dict(), "base": "1. Nothing."}]
    hand_made_records.change(levels.comparison.results, answers=answers)
    hand_made_records.write_records(kept, levels)
    monkeypatch.setattr(update_reference_run, "folder", lambda: kept.output_root)
    single = update_reference_run.table()
    assert "one seed, 42" in single and "| A2 | 2.39 → 1.80 | 4% → 38% [" in single
    for path in update_reference_run._of_seeds(workspace):
        place = kept.notes() / path.relative_to(workspace.notes())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    means = update_reference_run.table()
    assert "| A2 | 2.73 → 2.13 | 7% → 60% [0%, 100%] (95%) |" in means
    assert "seeds (1, 2, 3), each with its own words and training" in means and "`0123456789`" in means
    assert "one seed" not in means
