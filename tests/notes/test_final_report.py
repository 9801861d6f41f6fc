"""The report over levels: what it answers first, its tables beside the published figures, the files it writes."""

import csv
import re
from pathlib import Path
from urllib.parse import unquote

import hand_made_records
import pytest
from hand_made_notes import WORKSPACE, by_level, write_report
from hand_made_records import change, write_records

from cefr_helpers.core import paths
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.notes import final_report, results_note


def answered(level: str, p: float, low: float = 0.061, prompts: int = 20) -> LevelRecords:
    records = hand_made_records.with_answers(level)
    change(records.generation, prompts=prompts)
    change(records.generation.differences_from_strongest["joint_success"], p=p, low=low)
    return records


def test_the_report_answers_first_whether_tuning_helped_with_p_corrected_over_levels():
    levels = by_level(A2=answered("A2", 0.03), B1=answered("B1", 0.0002), B2=answered("B2", 0.2, low=-0.1))
    shown = final_report.final_report(WORKSPACE, levels, "en").splitlines()
    answer = (
        "**By Joint Success: more sentences succeed at B1; the interval shows a difference, but the test does not "
        "confirm it, at A2; no difference shown at B2.**"
    )
    assert shown[4:7] == ["## Did tuning help?", "", answer]
    figures = "Joint Success 16.0% → 38.0%, difference 22.0 percentage points, 95% interval"
    loss = "completion loss 2.392 → 1.801 nats per token, difference −0.591, 95% interval [−0.634, −0.551], "
    loss += "n = 24 examples."
    for line, middle in zip(
        shown[8:11],
        (
            f"but the test over prompts does not confirm it**: {figures} [6.1, 37.9], p = 0.060 (Holm, 3 levels)",
            f"without tuning (one word per prompt, four examples)**: {figures} [6.1, 37.9], p < 0.001 (Holm, 3 levels)",
            f"shown at n = 50 slots**: {figures} [−10.0, 37.9], p = 0.200 (Holm, 3 levels)",
        ),
        strict=True,
    ):
        assert f"{middle}, n = 50 slots; {loss}" in line
    assert "| B2 | 50 | 4.0% | 38.0% | 86.0% | 30.0% | 62.0% | 100.0% | 4.21 | 1.14 | 0.27 |" in shown
    assert "| C1 | not run yet | — | — | — | — | — | — | — | — | — |" in shown
    row = "| B2 | Base | 2.14 | [1.93, 2.35] | 31.0% | [17.1%, 44.9%] | 2.87 | [2.51, 3.23] | 34.0% "
    assert f"{row}| [19.8%, 48.2%] |" in shown
    assert sum(line.startswith("| B2 | Base, one word") for line in shown) == 1
    assert "| C1 | not run yet | — | — | — | — | — | — | — | — |" in shown
    assert "| A2 | B1 | 3.37 | 0.36 | 84.2% | 500 |" in shown
    people = "**People would place the tuned model's sentences at B1** (2.9 [2.7, 3.1]); the requested level is "
    assert [line[:6] for line in shown if people in line] == ["- A2: ", "- B1: ", "- B2: "]
    assert not any("no result could" in line for line in shown)


def test_the_report_says_where_too_few_prompts_make_the_test_powerless():
    few = by_level(A2=answered("A2", 0.0625, prompts=5), B2=answered("B2", 0.0625, prompts=6))
    text = final_report.final_report(WORKSPACE, few, "en")
    assert "With 5 prompts per level and 2 levels no result could bring the smallest corrected p below 0.125." in text


def test_a_report_without_measured_answers_is_as_before():
    levels = by_level(A2=hand_made_records.level_records("A2"))
    text = final_report.final_report(WORKSPACE, levels, "en")
    assert "Joint Success" not in text and "Did tuning help" not in text
    names = ["levels", "comparison", "data", "published", "bank_levels"]
    assert [table.name for table in final_report.report_tables(levels)] == names
    change(levels["A2"].dataset.results, placement=None)
    assert [table.name for table in final_report.report_tables(levels)] == names[:-1]


def test_the_answers_table_is_written_as_csv_and_latex_and_the_note_draws_its_figures(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    write_records(workspace, hand_made_records.with_answers())
    final_report.write_final_report(workspace, LEVELS, "en")
    with open(workspace.notes() / "tables/answers.csv", newline="", encoding="utf-8") as file:
        rows = {row["level"]: row for row in csv.DictReader(file)}
    assert rows["B2"]["joint_tuned"] == "0.38" and rows["B2"]["control_base"] == "4.213" and rows["A1"]["slots"] == ""
    with open(workspace.notes() / "tables/scales.csv", newline="", encoding="utf-8") as file:
        [tuned] = [row for row in csv.DictReader(file) if row["level"] == "B2" and row["system"] == "tuned"]
    assert (tuned["people_level"], tuned["people_interval_low"], tuned["bank_within"]) == ("2.93", "2.71", "0.74")
    assert r"B2 & 50 & 4.0\% & 38.0\% & 86.0\%" in (workspace.notes() / "tables/answers.tex").read_text(
        encoding="utf-8"
    )
    path = results_note.write_results_note(workspace, "B2", "en")
    pictures = [unquote(found) for found in re.findall(r"!\[[^]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8"))]
    drawn = [picture for picture in pictures if Path(picture).name in paths.ANSWER_PLOT_FILES.values()]
    assert len(drawn) == 2 and len(pictures) == 7 and all((path.parent / picture).is_file() for picture in drawn)


PUBLISHED = {
    "en": [
        "| A2 | reference project | 67.4% | 79.1% | 5:46 | 0.51 | 6.92 |",
        "| B1 | reference project | 68.7% | 79.9% | 6:42 | 0.43 | 6.92 |",
        "| B2 | reference project | 72.2% | 81.5% | 6:30 | 0.34 | 6.90 |",
        "| B1 | not run yet | — | — | — | — | — |",
        "| B2 | this project | 24.7% | 44.6% | 5:46 | 1.801 | 1.50 |",
        "| B2 | 24 | 2.392 | 1.801 | −0.591 | [−0.634, −0.551] | 10.94 | 6.06 | 0.803 | 0.604 |",
        "| B2 | 240 | 24 | 17.1 | 309.8 | 0.0% | 0.071 | 1.801 | 1.730 |",
    ],
    "tr": [
        "| A2 | referans proje | %67,4 | %79,1 | 5:46 | 0,51 | 6,92 |",
        "| B1 | referans proje | %68,7 | %79,9 | 6:42 | 0,43 | 6,92 |",
        "| B2 | referans proje | %72,2 | %81,5 | 6:30 | 0,34 | 6,90 |",
        "| B1 | henüz çalıştırılmadı | — | — | — | — | — |",
        "| B2 | bu proje | %24,7 | %44,6 | 5:46 | 1,801 | 1,50 |",
        "| B2 | 24 | 2,392 | 1,801 | −0,591 | [−0,634; −0,551] | 10,94 | 6,06 | 0,803 | 0,604 |",
    ],
}


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_report_shows_levels_published_figures_and_its_files(tmp_path, language):
    workspace, text = write_report(tmp_path, language)
    assert [line for line in PUBLISHED[language] if line not in text.splitlines()] == []
    targets = [unquote(target) for target in re.findall(r"\]\(([^)]+)\)", text)]
    existing = [target for target in targets if not target.endswith("RESULTS.md")]
    assert len(existing) == 16 and all((workspace.notes() / target).is_file() for target in existing)
    assert (workspace.notes() / "figures/levels_grid.pdf").read_bytes().startswith(b"%PDF")
