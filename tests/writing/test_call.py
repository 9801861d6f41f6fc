"""`cefr write`: refusals, what is kept of an interrupted run, and one complete call with the real model."""

import csv
import json

import pytest
from refusals import Refusals
from tiny_models import tiny_recipe

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.writing import call, forms, gaps, judging, output, plans, writers
from cefr_helpers.writing.candidates import CandidateLog


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "animals.csv"
    path.write_text("word,pos,meaning,topic\ndog,noun,an animal,home\nrun,verb,,\n")
    return path


def test_bad_input_is_refused_before_anything_is_written(tmp_path, words, monkeypatch, capsys):
    refuse = Refusals(tmp_path, monkeypatch, capsys)
    (tmp_path / "empty.csv").write_text("word\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "deck.apkg").write_text("mine")
    usual = ("write", "--words", words, "--level", "A2")
    assert "form: 'pdf' is unknown; expected one or more of csv tsv" in refuse(*usual, "--form", "csv pdf")
    assert "empty.csv: no word in it" in refuse("write", "--words", tmp_path / "empty.csv", "--level", "A2")
    assert "level: 'X9' is not a CEFR level" in refuse("write", "--words", words, "--level", "x9")
    assert "sentences: 0; expected 1 to 10" in refuse(*usual, "--sentences", "0")
    assert "candidates: 2 for 3 sentences" in refuse(*usual, "--candidates", "2")
    assert "known: " in refuse(*usual, "--known", tmp_path / "gone.csv")
    assert "model: './gone' is neither a folder here" in refuse(*usual, "--model", "./gone")
    assert "deck.apkg is there, and was not written by this" in refuse(*usual, "--output", tmp_path / "mine")


@pytest.mark.slow
def test_sentences_of_a_bank_of_one_level_must_not_be_copied(tmp_path):
    mine = "My dog is the best dog in the whole village."
    (tmp_path / "mine.csv").write_text(f"word,sentence\ndog,{mine}\n")
    judge = judging.Judge.of_bank(str(tmp_path / "mine.csv"), "A2", None)
    [judged] = judge.judge([("dog", 0, mine)])
    assert judged.reason == "copied" and "abroad" in judge.words


def tiny_writer(tiny_folder, tmp_path) -> writers.Writer:
    recipe = load_recipe(str(tiny_recipe(tmp_path / "tiny.yaml", tiny_folder)))
    return writers.load(None, "A2", Workspace(tmp_path, tmp_path), recipe)


def test_without_an_adapter_the_base_writes_and_says_so(tiny_folder, tmp_path):
    writer = tiny_writer(tiny_folder, tmp_path)
    assert writer.remark.startswith("The base model writes, which was not tuned for A2: no adapter has been trained")
    named = writers.load(str(tiny_folder), "A2", Workspace(tmp_path, tmp_path), load_recipe("smoke"))
    assert (named.identity, named.remark) == (writer.identity, "")


def test_an_adapter_of_an_unknown_base_is_refused(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="adapter_config.json: names no base model"):
        writers.load(str(tmp_path / "adapter"), "A2", Workspace(tmp_path, tmp_path), load_recipe("smoke"))


def test_a_killed_run_goes_on_from_the_candidates_that_are_there(tiny_folder, tmp_path):
    writer, told = tiny_writer(tiny_folder, tmp_path), []
    log = CandidateLog(tmp_path, "A2", writer)
    log.sample(["dog", "run"], 3, 1, told.append)
    assert told[-1].startswith("6/6 candidates") and [len(log.of(word)) for word in ("dog", "run")] == [3, 3]
    whole = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(whole[:5]) + whole[5][:9])  # killed in the middle of a line
    again = CandidateLog(tmp_path, "A2", writer)
    assert [again.of("dog"), again.of("run")] == [log.of("dog"), log.of("run")[:1]]
    again.sample(["dog", "run"], 3, 1, told.append)
    assert told[-1].startswith("2/2 candidates")
    assert again.of("dog") == log.of("dog") and len(again.of("run")) == 3
    again.sample(["dog", "run"], 3, 1, lambda _: pytest.fail("asked again"))


def test_the_plan_keeps_the_order_and_what_the_list_says(words):
    plan = plans.read(words, "A2", 3, 8, None, 1)
    assert (plan.name, plan.words) == ("animals", ("dog", "run"))
    assert plan.details == {"dog": {"pos": "noun", "meaning": "an animal", "topic": "home"}, "run": {"pos": "verb"}}
    assert plan.unsteerable() == []


def test_a_gap_that_any_word_would_fill_is_told_from_one_that_asks_for_its_word(tmp_path):
    writer = writers.load("bundled", "A2", Workspace(tmp_path, tmp_path), load_recipe("smoke"))
    words = judging.level_words("bundled", "A2")
    tight, loose = ("kitchen", "She is cooking dinner in the kitchen."), ("kitchen", "This is about the kitchen.")
    phrase = ("look up", "I must look up this word.")
    assert gaps.fits([tight, loose, phrase], words, writer) == {tight: True, loose: False}


@pytest.mark.slow
def test_the_real_base_writes_each_word_into_its_sentences(tmp_path, words):
    plan = plans.read(words, "A2", 1, 8, None, 1)
    workspace = Workspace(tmp_path, tmp_path)
    asked = call.Request(
        forms.parse("csv bank html"), tmp_path / "out", None, "bundled", workspace, load_recipe("cpu"), plan=plan
    )
    choice, paths = call.write(asked)
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    assert rows and [row["word"] for row in rows] == [one["word"] for one in choice["words"] if one["chosen"]]
    assert choice["candidates_with_word"] >= 0.9 * choice["candidates"] > 0
    assert choice["measures"]["word_used"] == 1.0
    assert "It was not checked" not in (tmp_path / "out" / "worksheet.html").read_text()
    before = {path: path.read_bytes() for path in (*paths, output.choice_file(tmp_path / "out"))}
    call.write(asked)  # nothing is asked again, so nothing changes
    assert before == {path: path.read_bytes() for path in before} and json.loads(before[paths[1]])
