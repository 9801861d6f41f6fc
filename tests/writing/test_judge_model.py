"""A judge model in the choice, with a stand-in server: what it rejects is not chosen, nothing is asked twice."""

import sys

import pytest
from refusals import Refusals
from stand_in_server import MODEL, Raw, closed_port, running

from cefr_helpers import cli
from cefr_helpers.bank_making.chat_client import ChatClient
from cefr_helpers.core.errors import InputError
from cefr_helpers.writing import output, writing
from cefr_helpers.writing.judge_model import JudgeModel, JudgeServer
from cefr_helpers.writing.judging import Candidate
from cefr_helpers.writing.plans import Plan

SENTENCES = ["My dog barked at me.", "A dog is a kind of thing.", "We walked home with her dog.", "Feed that dog now."]
YES, NO = "1. yes\n2. yes\n3. yes", "1. yes\n2. no\n3. no"


def judged() -> dict[str, list[Candidate]]:
    """Four candidates that pass, the first the best."""
    return {
        "dog": [Candidate("dog", text, i, None, "", 2.0, 2.0, 0.5, -2.0 - i / 10) for i, text in enumerate(SENTENCES)]
    }


def plan(sentences: int) -> Plan:
    return Plan("animals", ("dog",), "A2", sentences)


def opened(folder, server, model=None) -> JudgeModel:
    return JudgeModel(folder, "A2", JudgeServer(ChatClient(server.url, None, 5.0), model, 300))


def answer(prompt: str) -> str:
    return NO if SENTENCES[0] in prompt or SENTENCES[1] in prompt else YES


def test_what_it_refuses_gives_way_to_the_next_best_and_is_kept_with_the_question(tmp_path):
    pool = judged()
    with running(answer) as server:
        choice = writing.choose(plan(2), pool, opened(tmp_path, server), lambda _: None)
    assert [one.text for one in choice.chosen["dog"]] == SENTENCES[2:]
    assert [(one.text, one.reason, one.detail) for one in choice.rejected] == [
        (text, "refused", "meaning, level") for text in SENTENCES[:2]
    ]
    assert len(server.asked) == 4 and all('The word is "dog"' in one["prompt"] for one in server.asked)


def test_where_it_refuses_all_the_word_lacks_sentences_and_the_summary_names_the_judge(tmp_path):
    with running(lambda _: NO) as server:
        judge_model = opened(tmp_path, server)
        choice = writing.choose(plan(2), judged(), judge_model, lambda _: None)
    assert choice.lacking(2) == {"dog": 2}
    outcome = writing.Outcome(plan(2), "model", "", (), choice, judge_model.name)
    said = output.summary(output.as_choice(outcome), tmp_path)
    assert any("2 missing (4 refused by the judge model)" in line for line in said)
    assert any(line.startswith(MODEL) and "was not checked" in line for line in said)


def test_a_run_that_was_cut_short_asks_for_the_rest_alone(tmp_path):
    with running(lambda prompt: Raw(drop=True) if SENTENCES[2] in prompt else answer(prompt)) as server:
        judge_model = opened(tmp_path, server)
        judge_model.refused(judged()["dog"][:2], lambda _: None)
    with running(answer) as again:
        choice = writing.choose(plan(1), judged(), opened(tmp_path, again), lambda _: None)
        assert [one.text for one in choice.chosen["dog"]] == SENTENCES[2:3]
        assert len(server.asked) == 2 and len(again.asked) == 1


def test_a_model_that_never_says_yes_or_no_stops_the_call_and_is_named(tmp_path):
    many = [Candidate("dog", f"{text} {i}", i, None, "", 2.0, 2.0, 0.5, 0.0) for i, text in enumerate(SENTENCES * 2)]
    with running(lambda _: "It depends.") as server, pytest.raises(InputError, match=f"{MODEL} do not say yes or no"):
        opened(tmp_path, server).refused(many, lambda _: None)
    assert len(server.asked) == 5


def test_what_could_not_be_read_is_asked_again_by_the_next_call_and_stops_it_again(tmp_path):
    many = [Candidate("dog", f"{text} {i}", i, None, "", 2.0, 2.0, 0.5, 0.0) for i, text in enumerate(SENTENCES * 2)]
    for _ in range(2):
        with running(lambda _: "It depends.") as server, pytest.raises(InputError, match="do not say yes or no"):
            opened(tmp_path, server).refused(many, lambda _: None)
        assert len(server.asked) == 5
    with running(lambda _: YES) as server:
        assert opened(tmp_path, server).refused(many, lambda _: None) == {}
    assert len(server.asked) == len(many)


def test_an_answer_that_says_nothing_refuses_nothing(tmp_path):
    with running(lambda prompt: "Well." if SENTENCES[0] in prompt else YES) as server:
        assert opened(tmp_path, server).refused(judged()["dog"], lambda _: None) == {}


def test_a_wrong_server_is_refused_before_anything_is_loaded(tmp_path, monkeypatch, capsys):
    words = tmp_path / "words.txt"
    words.write_text("dog\n")
    refuse = Refusals(tmp_path, monkeypatch, capsys)
    usual = ("write", "--words", words, "--level", "A2")
    for option, value in (("--judge", "llama"), ("--max-new-tokens", "300")):  # its default too, as it was given
        name = option.strip("-").replace("-", "_")
        assert f"{name}: has no effect without a server; expected server too" in refuse(*usual, option, value)
    assert "expected an address" in refuse(*usual, "--server", "ftp://here")


def test_a_server_that_is_not_there_ends_the_call_with_its_address(tmp_path, monkeypatch, capsys):
    (tmp_path / "words.txt").write_text("dog\n")
    url = f"http://127.0.0.1:{closed_port()}/v1"
    arguments = ["cefr", "write", "--words", "words.txt", "--level", "A2", "--server", url, "--output", "out"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code and url in capsys.readouterr().err
