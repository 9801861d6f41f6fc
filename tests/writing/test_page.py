"""The page on which a person decides, in Chromium: one key each, saved as one file; and that file made into forms."""

import csv
import json
import time
from pathlib import Path

import browser
import pytest
from refusals import Refusals
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cefr_helpers import cli
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rating import results
from cefr_helpers.rating import votes as readers_votes
from cefr_helpers.rating.keys import Key
from cefr_helpers.writing import decisions, output, page, writers

HOSTILE = 'A cat </script><b>said</b> "no" & left.'
CHOICE = {
    "name": "animals",
    "level": "A2",
    "model": "A2_model",
    "words": [
        {
            "word": word, "pos": "noun", "meaning": meaning, "topic": "",
            "chosen": [{"sentence": one, "people_level": 2.0, "score": -9.0} for one in chosen],
            "runners_up": [{"sentence": one, "people_level": 2.0, "score": -12.0} for one in others],
        }
        for word, meaning, chosen, others in (
            ("dog", "an animal", ["The dog sleeps.", "My dog barks."], ["One dog ran.", "Is it a dog?"]),
            ("cat", "", [HOSTILE, "The cat ran.", "Cats purr."], []),
        )
    ],
}  # fmt: skip
SAVE = """
const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return make(blob); };
"""


@pytest.fixture
def opened(chromium, tmp_path):
    browser.leave(chromium)
    # a browser keeps what was decided of a list, and pages from disk may share it
    chromium.get(page.write(CHOICE | {"name": tmp_path.name}, tmp_path / "choose.html").as_uri())
    yield chromium
    assert [one for one in chromium.get_log("browser") if one["level"] == "SEVERE"] == []


def progress_after_refresh(driver) -> str:
    time.sleep(1)  # Chromium takes a moment to keep what was decided, and longer on a busy machine
    driver.refresh()
    return driver.find_element(By.ID, "progress").text


def press(driver, *keys: str) -> None:
    for key in keys:
        driver.switch_to.active_element.send_keys(key)


def saved(driver) -> dict:
    driver.execute_script(SAVE)
    driver.find_element(By.ID, "save").click()
    return json.loads(driver.execute_async_script("setTimeout(() => arguments[0](window.saved), 300)"))


def test_one_key_decides_and_the_file_says_what(opened, tmp_path):
    assert HOSTILE in opened.find_element(By.ID, "places").text
    press(opened, "a", "s", "a", "2", "e")
    press(opened, Keys.CONTROL + "a", "The cat  never ran.", Keys.ENTER)
    assert "4 of 5 decided" in opened.find_element(By.ID, "progress").text
    browser.wait_for(lambda: progress_after_refresh(opened).startswith("4 of 5 decided"), 30, "Chromium to keep it")
    made = saved(opened)
    rows = [(one["word"], one["action"], one["sentence"]) for one in made["decisions"]]
    assert rows == [
        ("dog", "accept", "The dog sleeps."),
        ("dog", "swap", "One dog ran."),
        ("cat", "reject", HOSTILE),
        ("cat", "edit", "The cat never ran."),
    ]
    assert made["undecided"] == 1
    votes, key = made["votes"], made["key"]
    answers = {key["items"][one["item"]]["sentence"]: one for one in votes["answers"]}
    assert [answers[HOSTILE][question] for question in ("sense", "meaning", "level")] == [True, False, True]
    assert all(answers["The dog sleeps."][question] for question in ("sense", "meaning", "level"))
    [chosen] = votes["choices"]
    assert (
        key["items"][chosen["chosen"]]["sentence"] == "One dog ran." and chosen["left"] in key["pairs"][chosen["pair"]]
    )
    path = tmp_path / "decided.json"
    path.write_text(json.dumps(made))
    [statistics] = results.read(Workspace(tmp_path, tmp_path), [path])  # as `cefr rated` reads it
    [rating] = statistics.decisions
    counts = (rating.accepted, rating.swapped, rating.edited, rating.rejected, rating.undecided)
    assert counts == (1, 1, 1, 1, 1) and rating.rejected_for == {"meaning": 1} and rating.model == "A2_model"
    assert rating.unchanged.value == 0.25  # half of the dog's, none of the cat's
    read = readers_votes.Votes.model_validate(votes)
    readers_votes.check(read, path, Key.model_validate(key), path)
    assert [one.printable for one in read.answers] == [True, False]
    found = decisions.read(path)
    taken = decisions.collection(found)
    assert [one.text for one in taken.sentences] == [
        "The dog sleeps.",
        "One dog ran.",
        "The cat never ran.",
    ]
    assert decisions.lines(found, taken) == ["accept: 1, swap: 1, edit: 1, reject: 1", "Not decided, and left out: 1"]


def test_swapping_goes_round_the_candidates_that_are_free_and_undo_takes_it_back(opened):
    press(opened, "s", "s", "s")
    assert saved(opened)["decisions"][0]["action"] == "accept"  # round again
    press(opened, "s", "u")
    assert saved(opened)["decisions"] == []
    press(opened, Keys.ARROW_DOWN, Keys.ARROW_DOWN, "s")
    assert "no other candidate" in opened.find_element(By.ID, "progress").text


def decided(tmp_path: Path, **changes) -> Path:
    one = {"word": "dog", "action": "accept", "sentence": "The dog sleeps.", "was": "The dog sleeps.", "meaning": "x"}
    whole = {
        "schema": 1,
        "name": "a/../animals",
        "level": "A2",
        "decisions": [one],
        "undecided": 0,
        "votes": {},
        "key": {},
    }
    path = tmp_path / "decided.json"
    path.write_text(json.dumps(whole | changes))
    return path


def given_out(tmp_path: Path, monkeypatch, *arguments: str) -> Path:
    """The folder of the forms that the command makes of decisions."""
    path, place = tmp_path / "decided.json", ("--output-root", tmp_path, "--output", tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["cefr", "write", "--decided", *map(str, (path, *arguments, *place))])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    return tmp_path / "out"


def test_the_command_makes_forms_of_what_was_decided(tmp_path, monkeypatch, capsys):
    decided(tmp_path)
    monkeypatch.setattr(writers, "load", lambda *_: pytest.fail("no form needs a model"))
    folder = given_out(tmp_path, monkeypatch, "--form", "csv apkg")
    assert "accept: 1" in capsys.readouterr().out
    [row] = csv.DictReader((folder / "sentences.csv").read_text().splitlines())
    assert (row["sentence"], row["meaning"]) == ("The dog sleeps.", "x") and (folder / "deck.apkg").is_file()


def test_the_default_folder_is_named_after_list_and_level(tmp_path, monkeypatch):
    path = decided(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["cefr", "write", "--decided", str(path), "--form", "csv", "--output-root", tmp_path]
    )
    with pytest.raises(SystemExit):
        cli.main()
    assert (tmp_path / "sentences" / "a_.._animals_A2" / "sentences.csv").is_file()


def test_a_worksheet_of_decisions_has_only_gaps_that_ask_for_their_word(tmp_path, monkeypatch, capsys):
    was = "The kitchen."
    kept = {"word": "kitchen", "was": was}
    decided(
        tmp_path,
        decisions=[
            {**kept, "action": "edit", "sentence": "She is cooking  dinner in the kitchen."},
            {**kept, "action": "swap", "sentence": "This is about the kitchen."},
            {**kept, "action": "edit", "sentence": "Nothing is cooked here."},
        ],
    )
    page_of_gaps = (given_out(tmp_path, monkeypatch, "--form", "html csv") / "worksheet.html").read_text()
    assert "cooking dinner in the" in page_of_gaps and "This is about" not in page_of_gaps
    assert "another word would fill the gap as well: 1." in page_of_gaps and "not checked" not in page_of_gaps
    assert len((tmp_path / "out" / "sentences.csv").read_text().splitlines()) == 4
    assert "does not contain its word, so it gets no gap: Nothing is cooked here." in capsys.readouterr().out


def test_what_forms_with_gaps_need_is_checked_before_a_model_is_loaded(tmp_path, monkeypatch, capsys):
    path = decided(tmp_path)
    monkeypatch.setattr(writers, "load", lambda *_: pytest.fail("loaded"))
    refuse = Refusals(tmp_path, monkeypatch, capsys)
    usual = ("write", "--decided", path, "--form", "html")
    assert "model: './gone' is neither a folder here" in refuse(*usual, "--model", "./gone")
    assert "gone: no such file or folder" in refuse(*usual, "--bank", "gone")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "worksheet.html").write_text("mine")
    assert "worksheet.html is there, and was not written" in refuse(*usual, "--output", "out")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("words", "words.txt"),
        ("level", "A2"),
        ("sentences", "2"),
        ("known", "known.txt"),
        ("candidates", "9"),
        ("seed", "1"),
        ("server", "http://name:password@127.0.0.1/v1"),
        ("judge", "llama"),
        ("max-new-tokens", "900"),
        ("model", "gone"),
        ("bank", "bundled"),
        ("recipe", "smoke"),
    ],
)
def test_an_option_that_decisions_leave_without_effect_is_refused_by_name(tmp_path, monkeypatch, capsys, option, value):
    refuse = Refusals(tmp_path, monkeypatch, capsys)
    told = refuse("write", "--decided", decided(tmp_path), "--form", "csv", f"--{option}", value)
    assert told.startswith(f"{option.replace('-', '_')}: has no effect beside decided: ") and "leave it out" in told
    assert "decided.json already contains words and level" in told and "password" not in told


def test_what_is_no_such_file_is_refused_with_its_place(tmp_path, monkeypatch, capsys):
    refuse = Refusals(tmp_path, monkeypatch, capsys)
    one = {"word": "dog", "action": "reject", "sentence": "The dog.", "was": "The dog."}
    for changes, told in (
        ({"level": "X"}, "decided.json: level: 'X'"),
        ({"decisions": [one]}, "no sentence is accepted"),
        ({"decisions": [{**one, "action": "keep"}]}, "decisions.0.action: 'keep'"),
    ):
        with pytest.raises(InputError, match=told):
            decisions.read(decided(tmp_path, **changes))
    assert "words, level: both are needed" in refuse("write", "--level", "A2")


def test_the_page_of_a_choice_needs_nothing_from_elsewhere(tmp_path):
    text = page.write(CHOICE, output.page_file(tmp_path)).read_text()
    assert "http://" not in text and "https://" not in text and "default-src 'none'" in text
    assert text.count("</script>") == 2
