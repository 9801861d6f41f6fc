"""Banks made by the `cefr` command with a stand-in server: files written, resuming, refusals, key never shown."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from refusals import Refusals
from stand_in_server import MODEL, Raw, closed_port, count_of, numbered, running, word_of

from cefr_helpers import cli
from cefr_helpers.bank_making import checks, generator, storage
from cefr_helpers.bank_making.checks import SentenceFilter
from cefr_helpers.bank_making.storage import ResponseLog
from cefr_helpers.core import files as core_files
from cefr_helpers.core import records
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.data import banks, formatting
from cefr_helpers.pipeline import configuration

PLANTED = "sk-PlantedForThisTestAndFoundNowhere42"
LEVELS = ("A1", "B1", "C1")


@pytest.fixture(scope="module")
def bank_folder(tmp_path_factory):
    """A bank of three levels with twenty words each, which teaches the level and must not be repeated."""
    folder = tmp_path_factory.mktemp("bank")
    for level, path in banks.find("bundled", "B1").items():
        if level in LEVELS:
            words = json.loads(path.read_text())
            (folder / f"{level}.json").write_text(json.dumps({word: words[word] for word in list(words)[:20]}))
    return folder


@pytest.fixture(scope="module")
def teachers(bank_folder, tmp_path_factory):
    nowhere = tmp_path_factory.mktemp("nowhere")
    return checks.read_reference_banks(str(bank_folder), "B1", nowhere / "B1.json", Workspace(nowhere, nowhere))


@pytest.fixture(scope="module")
def good(teachers) -> dict[str, list[str]]:
    """Word -> five sentences that a bank of level B1 accepts, as a good model writes them."""
    judge = SentenceFilter("B1", teachers)
    words = json.loads(banks.find("bundled", "B1")["B1"].read_text())
    found = {}
    for word in list(words)[20:]:
        if all(judge.judge(word, sentence).reason is None for sentence in words[word]):
            found[word] = words[word]
        if len(found) == 12:
            return found
    raise AssertionError("the bundled bank has too few good words")


@pytest.fixture
def server(good):
    """A server that answers well, with the requested number of sentences as far as it has them."""
    with running(lambda prompt: numbered(good[word_of(prompt)][: count_of(prompt)])) as stand_in:
        yield stand_in


class Command:
    """`cefr bank` in a folder, inside the test's process."""

    def __init__(self, folder, bank_folder, capsys, monkeypatch):
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch
        self.output = folder / "out" / "b1.json"
        self.made = folder / "out" / "b1.made"
        self.options = ["--level", "B1", "--output", str(self.output), "--bank", str(bank_folder)]
        self.options += ["--user-data", str(folder / "user_data"), "--words", str(folder / "words.csv")]

    def words(self, *words):
        (self.folder / "words.csv").write_text("word\n" + "\n".join(words) + "\n")

    def __call__(self, *more) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        self.monkeypatch.setattr(sys, "argv", ["cefr", "bank", *self.options, *map(str, more)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, "".join(self.capsys.readouterr())

    def start(self, *more, **environment) -> subprocess.Popen:
        """The command in a process of its own."""
        line = [sys.executable, "-m", "cefr_helpers.cli", "bank", *self.options, *map(str, more)]
        here = os.environ | {"PYTHONPATH": str(project_root())} | environment
        return subprocess.Popen(
            line,
            env=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # tests that a shell runs in the background ignore Ctrl-C, and so would this
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def bank(self):
        return json.loads(self.output.read_text())

    def record(self):
        return json.loads((self.made / "record.json").read_text())

    def rejects(self):
        return list(csv.DictReader((self.made / "rejects.csv").read_text().splitlines()))


@pytest.fixture
def command(tmp_path, bank_folder, capsys, monkeypatch) -> Command:
    return Command(tmp_path, bank_folder, capsys, monkeypatch)


# What is made


def test_a_bank_is_written_reported_and_read_as_any_other(command, server, good):
    three = list(good)[:3]
    command.words(*three)
    code, printed = command("--server", server.url, "--sentences", 3)
    assert code == 0 and server.words() == three
    assert command.bank() == {word: good[word][:3] for word in three}
    bank = banks.read(command.output, "B1")
    assert bank.report == () and bank.sentences[three[0]] == tuple(good[three[0]][:3])
    assert "3 words, 3 sentences each at B1: 3 words to request" in printed
    assert f"Asking {MODEL} at {server.url} (llama.cpp)" in printed and f"2/3 {three[1]}: 3 of 3, 0 rejected" in printed
    # five were requested, two more than needed
    assert "Sentences offered: 15; kept: 9; not needed: 6; rejected: 0" in printed
    assert "tokens: 300 in prompts, 120 in answers" in printed and f"Bank: {command.output}" in printed


def test_the_record_says_what_it_was_made_with(command, server, good, teachers):
    command.words(*list(good)[:2])
    command("--server", server.url, "--sentences", 3)
    record = command.record()
    assert record["model"] == MODEL and record["level"] == "B1" and record["temperature"] == 0.8
    assert record["server"] == {"url": server.url, "kind": "llama.cpp"}
    assert "{word}" in record["prompts"]["template"] and record["created"][:2] == "20"
    assert record["bank"]["sha256"] == core_files.sha256(command.output) and record["bank"]["sentences"] == 6
    assert record["word_list"]["sha256"] == core_files.sha256(command.folder / "words.csv")
    assert record["compared_with"] == list(teachers.others) and record["level_scorer"]["levels"] == list(LEVELS)
    assert record["results"]["lacking"] == {} and record["results"]["answers"] == 2
    journal = ResponseLog(command.made / "answers.jsonl")
    assert [one["prompt"] for one in journal.answers] == [one["prompt"] for one in server.asked]


def test_a_table_for_people_is_the_same_bank(command, server, good):
    command.words(*list(good)[:2])
    command.options[3] = str(command.folder / "out" / "b1.csv")
    assert command("--server", server.url, "--sentences", 2)[0] == 0
    found = banks.read(command.folder / "out" / "b1.csv", "B1")
    assert {word: list(own) for word, own in found.sentences.items()} == {w: good[w][:2] for w in list(good)[:2]}


# Models that this suite tuned


def asked_words(prompt: str) -> list[str]:
    return re.findall(r"^\d+\. (.+)$", prompt, flags=re.MULTILINE)


@pytest.fixture
def tuned_server(good):
    """A server that writes one sentence per word, a new one each time; its name is a model's of this suite for B1."""
    times: dict[str, int] = {}

    def answer(prompt: str) -> str:
        said = []
        for word in asked_words(prompt):
            sentences = good.get(word, ["Nothing of use"])
            said.append(sentences[times.get(word, 0) % len(sentences)])
            times[word] = times.get(word, 0) + 1
        return numbered(said)

    with running(answer) as stand_in:
        stand_in.models = [{"id": "/models/tiny-b1-unsloth-v1-F16.gguf", "owned_by": "llamacpp"}]
        yield stand_in


def exported(command, level: str) -> None:
    """Write the files by which an exported model is known by its name."""
    record = {"level": level, "file": "tiny-b1-unsloth-v1-F16.gguf"}
    path = command.folder / "user_data" / "gguf" / "tiny-b1-unsloth-v1_f16" / "export.json"
    core_files.write_atomically(path, json.dumps(record))


def test_a_model_tuned_here_is_asked_in_the_words_it_was_taught(command, tuned_server, good):
    exported(command, "B1")
    command.words(*good)  # twelve, so that the second request has two and eight others
    code, printed = command("--server", tuned_server.url, "--sentences", 2)
    assert code == 0 and "gets its training prompt: 10 words at once" in printed
    first = asked_words(tuned_server.asked[0]["prompt"])
    assert first == list(good)[:10]
    expected = formatting.make_prompt("B1", first)
    assert tuned_server.asked[0]["prompt"] == f"{expected['instruction']}\n{expected['input']}"
    assert all(len(set(asked_words(one["prompt"]))) == 10 for one in tuned_server.asked)
    assert command.bank() == {word: good[word][:2] for word in good} and len(tuned_server.asked) <= 4
    assert command.record()["prompts"]["template"].startswith("Generate B1-level English sentences for these 10 words:")
    assert command("--server", tuned_server.url, "--sentences", 2)[0] == 0 and len(tuned_server.asked) <= 4


def test_fewer_than_ten_words_are_filled_up(command, tuned_server, good):
    exported(command, "B1")
    command.words(*list(good)[:2])
    assert command("--server", tuned_server.url, "--sentences", 1)[0] == 0
    asked = asked_words(tuned_server.asked[0]["prompt"])
    assert len(set(asked)) == 10 and asked[:2] == list(good)[:2] and set(command.bank()) == set(list(good)[:2])


def test_another_level_than_it_was_tuned_for_is_refused(command, tuned_server, good):
    exported(command, "C1")
    command.words(*list(good)[:2])
    code, printed = command("--server", tuned_server.url)
    assert code == 2 and "was tuned for C1, and sentences of B1 are requested" in printed and not tuned_server.asked


@pytest.mark.parametrize(("prompt", "begins"), [("plain", "Write "), ("tuned", "Generate B1-level")])
def test_how_it_is_asked_can_be_said(command, tuned_server, good, prompt, begins):
    if prompt == "plain":
        exported(command, "B1")  # else its name is not known, as one that was given in Ollama
    command.words(*list(good)[:2])
    command("--server", tuned_server.url, "--sentences", 1, "--prompt", prompt, "--tries", 1)
    assert tuned_server.asked and all(one["prompt"].startswith(begins) for one in tuned_server.asked)
    other = {"plain": "tuned", "tuned": "plain"}[prompt]
    code, printed = command("--server", tuned_server.url, "--prompt", other)
    assert code == 2 and f"the saved answers are for prompt '{prompt}', and now it is '{other}'" in printed


def test_a_tuned_model_that_says_nothing_of_use_is_not_asked_on_and_on(command, good):
    with running(lambda prompt: "I can't do that.") as server:
        command.words(*good)
        code, printed = command("--server", server.url, "--prompt", "tuned")
    assert code == 1 and len(server.asked) == 1
    assert "10 words in a row got no sentence, each because no sentence was in the answer" in printed


@pytest.mark.slow
def test_stage_01_takes_the_bank_as_it_is(command, good, tmp_path):
    """Its own process and notebook, on a bank as large as an example and a held-out one need."""
    words = json.loads(banks.find("bundled", "B1")["B1"].read_text())
    asked = list(words)[20:90]
    with running(lambda prompt: numbered(words[word_of(prompt)])) as server:
        command.words(*asked)
        assert command("--server", server.url, "--sentences", 2, "--tries", 1)[0] == 0
    assert len(command.bank()) >= 50
    settings = configuration.read(
        {
            "levels": ["B1"],
            "recipe": "smoke",
            "sentence_bank": str(command.output),
            "output_root": str(tmp_path / "run"),
            "user_data": str(tmp_path / "run" / "user_data"),
        }
    )
    line = [sys.executable, "-m", "cefr_helpers.pipeline.stages", Stage.FORMAT, "B1", settings.model_dump_json()]
    here = os.environ | {"PYTHONPATH": str(project_root())}
    done = subprocess.run(line, cwd=project_root(), env=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = records.read(settings.workspace, "B1", "dataset").results.sentence_bank
    assert found.words == len(command.bank()) and found.dropped == []


# Bad answers


def test_a_word_is_asked_for_again_with_what_was_wrong_until_it_has_enough(command, good, teachers):
    word = next(iter(good))
    [(other, stands), *_] = [(name, own[0]) for name, own in teachers.others.items() if "B1" in name]
    elsewhere = next(w for w, own in teachers.banks["B1"].sentences.items() if stands in own)
    first = numbered([good[word][0], "It is not there.", f"The {word} are", good[word][0]])

    def answer(prompt):
        if word_of(prompt) == elsewhere:
            return numbered([stands])
        return first if len(server.words()) == 1 else numbered(good[word][1:])

    with running(answer) as server:
        command.words(word, elsewhere)
        code, printed = command("--server", server.url, "--sentences", 3, "--tries", 2)
        again = server.asked[1]["prompt"]
    assert code == 0 and command.bank() == {word: good[word][:3]}
    assert count_of(again) == 2 + generator.SPARE
    assert "- It is not there. (does not use the word)" in again
    assert f"- {good[word][0]} (is taken)" in again and f"- The {word} are (is not one whole sentence)" in again
    assert f"1 words lack sentences: {elsewhere} (3)" in printed
    reasons = [(row["reason"], row["detail"]) for row in command.rejects()]
    assert reasons[:3] == [("word_not_used", ""), ("not_one_sentence", ""), ("repeats", good[word][0])]
    assert reasons[3][0] == "in_another_bank" and other in reasons[3][1] and stands in reasons[3][1]
    assert command.record()["results"]["rejected"]["in_another_bank"] == 2


@pytest.mark.parametrize(
    "answer",
    ["", "I can not.", "1. Component: 1. Component", "<think>Let me see.", "1. \x1b[2J\ud83d\n2. " + "x" * 5000],
    ids=["nothing", "no", "rubbish", "thought", "signs"],
)
def test_a_weak_model_comes_to_an_end_and_its_words_are_named(command, answer):
    with running(lambda _: answer) as server:
        command.words("dog", "market")
        code, printed = command("--server", server.url, "--tries", 2)
        assert server.words() == ["dog", "dog", "market", "market"]
    assert code == 1 and "2 words lack sentences: dog (5), market (5)" in printed
    assert "Bank: not written, since no sentence was good enough" in printed and not command.output.exists()
    assert (command.made / "rejects.csv").is_file() and "\x1b" not in printed


@pytest.mark.parametrize(
    "message",
    [
        {"content": "", "reasoning": "The user wants five sentences."},
        {"content": None, "reasoning_content": "The user wants five sentences."},
        {"content": "<think>The user wants five sentences."},
    ],
)
def test_a_model_that_reasons_past_the_limit_uses_up_no_try_and_the_limit_is_named(command, good, message):
    two = list(good)[:2]

    def answer(prompt):
        if server.asked[-1]["max_tokens"] == 4000:
            return numbered(good[word_of(prompt)])
        cut = {"message": message, "finish_reason": "length"}
        return Raw(body={"choices": [cut], "usage": {"prompt_tokens": 10, "completion_tokens": 1000}})

    with running(answer) as server:
        command.words(*two)
        code, printed = command("--server", server.url, "--sentences", 3, "--tries", 1)
        assert code == 1 and server.words() == two
        told = f"{two[0]}: the answer was cut at 1000 tokens; a model that reasons before it answers needs a larger"
        assert told in printed and printed.count("was cut at") == 1 and "tokens: 20 in prompts, 2,000 in" in printed
        code, printed = command("--server", server.url, "--sentences", 3, "--tries", 1, "--max-new-tokens", 4000)
        assert code == 0 and server.words() == two * 2 and "was cut" not in printed
    assert command.bank() == {word: good[word][:3] for word in two}


FINE = "1. The weather was fine on that day."


@pytest.mark.parametrize(
    ("third", "asked"), [(FINE, 5), ("", 7), ("good", 7)], ids=["one fault", "another fault", "a good word"]
)
def test_words_in_a_row_that_fail_for_one_reason_end_the_call_and_the_next_goes_on(command, good, third, asked):
    seven = list(good)[:7]

    def answer(prompt):
        if word_of(prompt) == seven[2]:
            return numbered(good[seven[2]]) if third == "good" else third
        return FINE

    with running(answer) as server:
        command.words(*seven)
        code, printed = command("--server", server.url, "--tries", 1)
        assert server.words() == seven[:asked]
        stopped = "Stopped: 5 words in a row got no sentence, each because what came does not use the word."
        assert (stopped in printed) == (asked == 5)
        lacking = 6 if third == "good" else 7
        assert code == (0 if third == "good" else 1) and f"{lacking} words lack sentences: {seven[0]} (5)" in printed
        command("--server", server.url, "--tries", 1)
        assert server.words() == seven
    assert len(command.rejects()) == (7 if third == FINE else 6)


def test_a_call_that_stopped_writes_what_it_has_and_says_so(command, good):
    seven = list(good)[:7]
    with running(lambda prompt: numbered(good[seven[0]]) if word_of(prompt) == seven[0] else FINE) as server:
        command.words(*seven)
        code, printed = command("--server", server.url, "--tries", 1)
        assert code == 1 and server.words() == seven[:6] and f"Bank: {command.output}" in printed
        assert command.record()["results"]["stopped"].startswith("5 words in a row got no sentence")
        command("--server", server.url, "--tries", 1)
    assert list(command.bank()) == seven[:1] and command.record()["results"]["stopped"] is None


# Resuming


def lines(path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def wait_for(condition, process) -> None:
    started = time.monotonic()
    while not condition():
        assert process.poll() is None and time.monotonic() - started < 120, process.stdout.read()
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_call_that_is_stopped_goes_on_and_asks_nothing_twice(command, good, how):
    six, gate = list(good)[:6], threading.Event()

    def answer(prompt):
        text = numbered(good[word_of(prompt)])
        body = {"choices": [{"message": {"content": text}}]}
        return Raw(body=body, wait=None if gate.is_set() or len(server.asked) < 4 else gate)

    with running(answer) as server:
        command.words(*six)
        process = command.start("--server", server.url, "--sentences", 3)
        wait_for(lambda: len(server.asked) == 4, process)  # three are answered, the fourth hangs
        process.send_signal(how)
        printed = process.communicate(timeout=120)[0]
        assert process.returncode == (-9 if how == signal.SIGKILL else 130), printed
        assert how == signal.SIGKILL or "the same command continues from there" in printed
        assert not command.output.exists() and len(lines(command.made / "answers.jsonl")) == 4
        gate.set()
        with open(command.made / "answers.jsonl", "ab") as journal:
            journal.write(b'{"word": "half a li')  # as a kill in the midst of a write leaves it
        code, printed = command("--server", server.url, "--sentences", 3)
        assert code == 0 and server.words()[4:] == six[3:] and "3 words to request" in printed
    assert command.bank() == {word: good[word][:3] for word in six}
    assert [json.loads(line)["word"] for line in lines(command.made / "answers.jsonl")[1:]] == six
    assert "tokens: not told by the server" in printed


def test_a_server_that_fails_on_the_way_costs_nothing_that_was_paid_for(command, good, monkeypatch):
    two = list(good)[:2]
    fails = Raw(429, {"error": {"code": "insufficient_quota", "message": "pay"}})
    with running(lambda p: fails if word_of(p) == two[1] else numbered(good[two[0]])) as server:
        command.words(*two)
        code, printed = command("--server", server.url)
        assert code == 2 and "no credit left" in printed and len(lines(command.made / "answers.jsonl")) == 2
        server.answer = lambda _: Raw(503, b"", {"retry-after": "900"})
        code, printed = command("--server", server.url)
        assert code == 1 and "a pause of 15:00" in printed and "the same command continues" in printed
        server.answer = lambda _: numbered(good[two[1]])
        assert command("--server", server.url)[0] == 0
        assert server.words() == [two[0], two[1], two[1], two[1]]
    assert list(command.bank()) == two


def test_what_is_done_needs_no_server_and_new_words_alone_are_asked_for(command, server, good):
    words = list(good)[:3]
    command.words(*words[:2])
    command("--server", server.url, "--sentences", 2)
    before = command.output.stat()
    code, printed = command("--server", f"http://127.0.0.1:{closed_port()}", "--sentences", 2)
    assert code == 0 and "0 words to request" in printed
    assert (
        command.output.stat().st_mtime_ns == before.st_mtime_ns
    )  # otherwise all that was made from it would be redone
    command.words(words[2], words[1])
    assert command("--server", server.url, "--sentences", 2)[0] == 0
    assert server.words() == words and list(command.bank()) == [words[2], words[1]]
    # more sentences per word: spare ones are used before new ones are requested
    assert command("--server", server.url, "--sentences", 4)[0] == 0
    assert len(server.asked) == 3 and command.bank()[words[1]] == good[words[1]][:4]


def test_two_calls_do_not_work_on_one_bank(command, server, good):
    command.words(next(iter(good)))
    with storage.BankOutput(command.output).only_one():
        code, printed = command("--server", server.url)
    assert code == 1 and "another call is already running here" in printed and server.asked == []


# What is refused


def test_a_bank_that_a_person_worked_on_is_left_alone(command, server, good):
    command.words(next(iter(good)))
    command.output.parent.mkdir()
    command.output.write_text("{}")
    code, printed = command("--server", server.url)
    assert code == 2 and "was not made by this; give another OUTPUT" in printed and command.output.read_text() == "{}"
    command.output.unlink()
    command("--server", server.url)
    command.output.write_text(command.output.read_text() + "\n")
    code, printed = command("--server", server.url)
    assert code == 2 and "was changed since it was made" in printed
    command.output.unlink()
    assert command("--server", server.url)[0] == 0 and len(server.asked) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--level", "C1"], "the saved answers are for level 'B1', and now it is 'C1'"),
        (["--model", "another"], f"the saved answers are for model '{MODEL}', and now it is 'another'"),
        (["--temperature", "0"], "the saved answers are for temperature 0.8, and now it is 0.0"),
    ],
)
def test_answers_to_another_question_are_not_mixed_in(command, server, good, options, told):
    command.words(next(iter(good)))
    command("--server", server.url)
    code, printed = command("--server", server.url, *options)
    assert code == 2 and told in printed and len(server.asked) == 1


def test_a_model_that_there_is_not_spoils_nothing(command, server, good):
    command.words(next(iter(good)))
    answer, server.answer = server.answer, lambda _: Raw(404, {"error": "no such model"})
    assert "no such model" in command("--server", server.url, "--model", "mistyped")[1]
    server.answer = answer
    assert command("--server", server.url)[0] == 0 and command.record()["model"] == MODEL


@pytest.fixture
def refused(command, monkeypatch, capsys, good):
    command.words(next(iter(good)))
    return Refusals(command.folder, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--words", "none.csv"], "none.csv: cannot be read"),
        (["--words", "double.csv"], "double.csv, line 3: word 'Dog\\x07'; expected a word"),
        (["--level", "B3"], "level: 'B3' is not a CEFR level"),
        (["--output", "bank.txt"], "bank.txt: expected the name of a file that ends in .json or .csv"),
        (["--output", "double.csv/b1.json"], "double.csv is a file; expected a folder"),
        (["--bank", "none"], "none: no such file or folder"),
        (["--server", "there"], "server: 'there'; expected an address such as"),
        (["--server", "https://me:mine@there/v1"], "has a name, password or query"),
        (["--server", f"https://there/{PLANTED}/v1"], "parameter server holds a secret"),
        (["--model", PLANTED], "parameter model holds a secret"),
        (["--server", "http://there/v1"], "http://there/v1 is not encrypted, and BANK_API_KEY is set"),
        (["--sentences", "0"], "sentences"),
        (["--tries", "0"], "tries"),
        (["--temperature", "hot"], "temperature"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked_or_written(refused, command, monkeypatch, options, told):
    (command.folder / "double.csv").write_text("word\ndog\nDog\a\n")
    monkeypatch.setenv("BANK_API_KEY", PLANTED)
    message = refused("bank", *command.options, *options)
    assert told in message and PLANTED not in message


def test_where_nobody_answers_nothing_is_written(refused, command):
    url = f"http://127.0.0.1:{closed_port()}/v1"
    assert f"{url}: nobody answers there" in refused("bank", *command.options, "--server", url)


def test_a_dry_run_shows_the_first_prompt_and_asks_nothing(command, server, good):
    command.words(*list(good)[:2])
    code, printed = command("--server", server.url, "--dry-run")
    assert code == 0 and "2 words, 2 to do: 2 to 6 requests" in printed
    assert word_of(printed) == next(iter(good)) and not command.made.exists() and server.asked == []


# The key


def test_a_planted_key_is_sent_and_in_nothing_that_is_written_or_printed(command, good, monkeypatch):
    two = list(good)[:2]

    def answer(prompt):
        if len(server.asked) == 1:
            return Raw(429, {"error": {"message": f"slow down, {PLANTED}"}}, {"retry-after": "0"})
        return numbered([f"The {word_of(prompt)} is {PLANTED}.", *good[word_of(prompt)]])

    with running(answer) as server:
        server.models = [{"id": MODEL, "owned_by": PLANTED}]
        command.words(*two)
        process = command.start("--server", server.url, BANK_API_KEY=PLANTED)
        printed = process.communicate(timeout=120)[0]
        assert process.returncode == 0, printed
        assert {one["authorization"] for one in server.asked} == {f"Bearer {PLANTED}"}
        server.answer = lambda _: Raw(401, {"error": {"message": f"Incorrect API key provided: {PLANTED}"}})
        command.words(*two, list(good)[2])
        monkeypatch.setenv("BANK_API_KEY", PLANTED)
        code, more = command("--server", server.url)
        assert code == 2 and "check BANK_API_KEY" in more
        printed += more
    assert PLANTED not in printed and printed.count("[key]") == 2
    files = [path for path in command.folder.rglob("*") if path.is_file()]
    assert len(files) >= 5 and [path for path in files if PLANTED.encode() in path.read_bytes()] == []
    assert "[key]" in (command.made / "answers.jsonl").read_text()
