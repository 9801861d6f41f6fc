"""`cefr level` as a teacher and a program call it."""

import json

import pytest
from refusals import Refusals
from typer.testing import CliRunner

from cefr_helpers import cli
from cefr_helpers.evaluation import human_scale

EASY, HARD = "I like my dog.", "The unprecedented intervention necessitated a reappraisal."


def called(*arguments) -> str:
    result = CliRunner().invoke(cli.app, ["level", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_program_gets_a_list_of_objects(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(f"{EASY} {HARD}\nПривет.\n", encoding="utf-8")
    easy, hard, foreign = json.loads(called(path, "--json"))
    scores = human_scale.load().score([EASY, HARD])
    assert [easy["sentence"], hard["sentence"]] == [EASY, HARD]
    assert [easy["level_score"], hard["level_score"]] == pytest.approx(scores.tolist(), abs=0.001)
    assert sum(hard["drivers"].values()) == pytest.approx(hard["level_score"], abs=0.003)
    assert "reappraisal" in hard["rare_words"] and "label" not in hard
    assert foreign["level_score"] is foreign["level"] is foreign["drivers"] is None


def test_a_teacher_gets_a_table(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(f"sentence\n{EASY}\n{HARD}\n", encoding="utf-8")
    lines = called(path).splitlines()
    [easy], [hard] = ([line for line in lines if sentence in line] for sentence in (EASY, HARD))
    assert human_scale.in_words(human_scale.load().score([HARD])[0]).replace(" ", "\N{NO-BREAK SPACE}") in hard
    assert "vocabulary (" in hard and "reappraisal" in hard and "length −" in easy
    assert "read like" not in "".join(lines)


def test_a_bank_is_placed_against_the_level_in_its_name(tmp_path):
    path = tmp_path / "bank_c1.csv"
    path.write_text(f"word,sentence\ndog,{EASY}\n", encoding="utf-8")
    assert "Your C1 sentences read like A1 (1.0); 0% are within one level of C1." in called(path)
    assert json.loads(called(path, "--json"))[0]["label"] == "C1"


def test_bad_input_is_refused(tmp_path, monkeypatch, capsys):
    refused = Refusals(tmp_path, monkeypatch, capsys)
    assert "none.txt: cannot be read" in refused("level", "none.txt")
    (tmp_path / "mine.pdf").write_bytes(b"%PDF")
    assert "mine.pdf: cannot read sentences of this kind" in refused("level", "mine.pdf")
