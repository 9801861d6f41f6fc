"""A model as judge, through `cefr judge` and a stand-in server: requests, saved votes, resuming, results shown."""

import sys
from pathlib import Path

import made_votes
import pytest
from hand_made_notes import note
from made_answers import HOSTILE
from readers_window import votes_in
from stand_in_server import MODEL, Raw, closed_port, running

from cefr_helpers import cli
from cefr_helpers.core import level_records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rating import judge, page, results, votes

SECRET = "sk-PlantedForTheJudgeAndFoundNowhere42"


@pytest.fixture
def key(workspace):
    return page.build(workspace, "B2", "en", 16, 4, 1).key


def answer(prompt: str) -> str:
    """No sense in the tuned model's sentences, all well with the others'."""
    return "1. no\n2. Yes.\n3: yes" if "The committee" in prompt or HOSTILE in prompt else "1. yes\n2. yes\n3. yes"


def run(workspace: Workspace, server: str, *options: str) -> int:
    arguments = ["cefr", "judge", "--level", "b2", "--server", server, "--output-root", str(workspace.output_root)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", [*arguments, *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return ended.value.code or 0


def made(workspace: Workspace) -> Path:
    return workspace.rating("B2") / f"judge_{MODEL}.json"


def test_the_pages_questions_are_asked_of_each_sentence_and_nothing_tells_who_wrote_it(workspace, key):
    with running(answer) as server:
        assert run(workspace, server.url) == 0
    asked = [one["prompt"] for one in server.asked]
    assert len(asked) == len(set(asked)) == len(key.items) == 16
    assert all(one["temperature"] == 0 and one["model"] == MODEL for one in server.asked)
    for item in key.items.values():
        [of] = [prompt for prompt in asked if item.sentence in prompt and f'"{item.word}"' in prompt]
        assert "3. Is it right for learners at B2?" in of and "B2 (Vantage)" in of
        assert not any(row in of for row in ("tuned", "gold", "base_three"))
    found = votes_in(made(workspace))
    assert (found.rater.name, found.rater.kind, found.choices) == (MODEL, "judge", [])
    assert {key.items[one.item].row for one in found.answers if not one.sense} == {"tuned"}
    votes.check(found, made(workspace), key, workspace.rating_key("B2"))


def test_a_call_that_was_cut_short_goes_on_and_asks_nothing_twice(workspace, key, capsys):
    asked = []

    def short(prompt: str) -> str | Raw:
        asked.append(prompt)
        return answer(prompt) if len(asked) <= 6 else Raw(status=402, body={"error": {"message": "no credit"}})

    with running(short) as server:
        assert run(workspace, server.url) == 2
    assert "no credit left" in capsys.readouterr().err and not made(workspace).exists()
    log = workspace.rating("B2") / f"judge_{MODEL}.jsonl"
    with open(log, "ab") as file:
        file.write(b'{"word": "half')  # of a process that was killed
    with running(answer) as server:
        assert run(workspace, server.url) == 0 and len(server.asked) == 10
        assert run(workspace, server.url) == 0 and len(server.asked) == 10
    assert len(votes_in(made(workspace)).answers) == 16


def test_a_longer_page_asks_about_its_new_sentences_alone(workspace, key):
    with running(answer) as server:
        run(workspace, server.url)
        longer = page.build(workspace, "B2", "en", 20, 4, 1).key
        run(workspace, server.url)
        assert len(server.asked) == len(longer.items) == 20
    assert votes_in(made(workspace)).page == longer.page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. yes\n2. no\n3. yes", (True, False, True)),
        ("**1.** Yes\n**2:** No, it does not.\n3) YES", (True, False, True)),
        ("<think>1. no\n2. no\n3. no</think>1. yes\n2. yes\n3. yes", (True, True, True)),
        ("1. Answer: yes\n2. Answer: no\n3. Answer: no", (True, False, False)),
        ("1. yes\n2. no", None),
        ("1. yes\n1. no\n2. no\n3. no", None),
        ("yes no yes", None),
        ("1. yes\n2. maybe\n3. no", None),
        ("", None),
    ],
)
def test_what_counts_as_an_answer(text, expected):
    assert judge.parse(text) == expected


def test_answers_that_cannot_be_read_are_left_out_and_five_in_a_row_stop_the_call(workspace, key, capsys):
    with running(lambda prompt: "I would say so." if "The committee" in prompt else answer(prompt)) as server:
        run(workspace, server.url)
    said = capsys.readouterr().out
    assert "left out" in said or "Stopped" in said
    assert all(key.items[one.item].row != "tuned" or one.sense is False for one in votes_in(made(workspace)).answers)
    made(workspace).unlink()
    (workspace.rating("B2") / f"judge_{MODEL}.jsonl").unlink()
    with running(lambda prompt: "Hello!") as server:
        assert run(workspace, server.url) == 2 and len(server.asked) == 5
    assert "no answer says yes or no" in capsys.readouterr().err and not made(workspace).exists()


def test_without_a_page_or_a_server_it_is_refused(workspace, capsys):
    assert run(workspace, f"http://127.0.0.1:{closed_port()}/v1") == 2
    assert "`make rate LEVELS=B2` makes the page" in capsys.readouterr().err
    page.build(workspace, "B2", "en", 16, 4, 1)
    assert run(workspace, f"http://127.0.0.1:{closed_port()}/v1") == 2
    assert "nobody answers there" in capsys.readouterr().err
    assert {path.name for path in workspace.rating("B2").iterdir()} == {"key.json", "rate_B2.html"}


def test_the_key_is_sent_and_found_nowhere(workspace, key, capsys, monkeypatch):
    monkeypatch.setenv("BANK_API_KEY", SECRET)
    with running(answer) as server:
        assert run(workspace, server.url) == 0
    assert {one["authorization"] for one in server.asked} == {f"Bearer {SECRET}"}
    printed = "".join(capsys.readouterr())
    assert SECRET not in printed and all(
        SECRET not in path.read_text() for path in workspace.rating("B2").iterdir() if path.is_file()
    )


def test_its_votes_stand_beside_peoples_and_never_among_them(workspace, key, tmp_path):
    with running(answer) as server:
        run(workspace, server.url)
    person = made_votes.write(tmp_path / "a.json", key, lambda item: (item.row == "gold", True, True))
    [given] = results.read(workspace, [person, made(workspace)])
    found = results.compute(workspace, given)
    # people print the bank's 4 of 16; the judge those and the base's 4
    assert [reader.name for reader in found.readers] == ["A"]
    [one] = found.judges
    assert (one.sentences, one.true_positive_rate, one.true_negative_rate) == (16, 1.0, 8 / 12)
    assert one.kappa == pytest.approx((12 / 16 - 0.5) / 0.5)  # by chance (4 * 8 + 12 * 8) / 16^2
    results.write(workspace, given, found)
    shown = note(level_records.read_level(workspace, "B2"))
    assert f"| {MODEL} | 0.50 | 100.0% | 66.7% |" in shown and "not checked" not in shown
    [alone] = results.read(workspace, [made(workspace)])
    results.write(workspace, alone, results.compute(workspace, alone))
    shown = note(level_records.read_level(workspace, "B2"))
    assert f"| {MODEL} | not checked against people |" in shown and "Not rated yet" in shown


def test_a_broken_log_is_named_by_line(workspace, key):
    (workspace.rating("B2") / f"judge_{MODEL}.jsonl").write_text("{}\n")
    with running(answer) as server, pytest.raises(InputError, match=rf"judge_{MODEL}.jsonl, line 1"):
        from cefr_helpers.bank_making import chat_client

        judge.judge(workspace, "B2", chat_client.ChatClient(server.url), None, 300, lambda said: None)
    assert not server.asked
