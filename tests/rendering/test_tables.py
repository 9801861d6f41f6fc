"""Tables as Markdown, CSV and LaTeX: even rows, unrounded values, escaping, what is missing."""

import csv

import hand_made_records
from hand_made_notes import by_level, nasty_records, note, write_report
from hand_made_records import change

from cefr_helpers.notes import level_tables
from cefr_helpers.rendering import locale, tables


def test_report_tables_as_csv_hold_the_records_values_unrounded(tmp_path):
    workspace, _ = write_report(tmp_path, "tr")
    with open(workspace.notes() / "tables/comparison.csv", newline="", encoding="utf-8") as file:
        rows = {row["level"]: row for row in csv.DictReader(file)}
    completion = hand_made_records.comparison().results.completion
    assert float(rows["B2"]["tuned_loss"]) == completion.tuned.loss
    assert float(rows["B2"]["interval_low"]) == completion.difference.low
    assert rows["C1"]["tuned_loss"] == ""


def test_report_tables_as_latex_are_escaped_and_even(tmp_path):
    workspace, _ = write_report(tmp_path, "tr")
    shown = (workspace.notes() / "tables/levels.tex").read_text(encoding="utf-8").splitlines()
    assert r"B2 & \%24,7 & \%44,6 & 5:46 & 1,801 & 1,50 & 1,730 \\" in shown
    assert {len(line.split(" & ")) for line in shown if line.endswith(r"\\")} == {7}


def test_tables_over_levels_tell_not_run_from_unknown():
    words = locale.load_locale("en")
    known = hand_made_records.level_records("A2")
    taken_in = hand_made_records.training_alone("B1")
    change(taken_in.training.results, adopted={"read": "x"}, duration_s=None)
    shown = tables.to_markdown(level_tables.side_by_side(by_level(A2=known, B1=taken_in)), words).splitlines()
    assert "| B1 | unknown | unknown | unknown | 1.801 | 1.50 | unknown |" in shown


def test_every_row_of_every_table_has_as_many_cells_as_its_head():
    for records in (hand_made_records.level_records(), hand_made_records.with_answers(), nasty_records()):
        width = None
        for line in note(records).splitlines():
            if not line.startswith("|"):
                width = None
                continue
            cells = len(line.split("|"))
            width = width or cells
            assert cells == width, line
