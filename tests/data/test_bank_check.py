"""`cefr check` shows what a run would read, before any run; a run makes the same check first."""

import json
import subprocess
import sys

import pytest
from refusals import Refusals, listing

from cefr_helpers import cli
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import bank_check, banks
from cefr_helpers.evaluation import human_scale

CASES = project_root().parent / "shared" / "cases"
NAMES = [f"{first}{second}ton" for first in ("bar", "cor", "del", "fen", "gil", "har", "kin") for second in "abcdefghi"]


def rows(count: int, each: int = 2) -> str:
    lines = [
        f"{name},Sentence {n} of {at} is about {name}." for at, name in enumerate(NAMES[:count]) for n in range(each)
    ]
    return "\n".join(["word,sentence", *lines, ""])


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments) -> str:
        monkeypatch.setattr(sys, "argv", ["cefr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert not ended.value.code, out + err
        return out

    return call


def write(folder, name: str, content: str):
    (folder / name).write_text(content)
    return folder / name


MIXED = (
    "word,sentence\n"
    "lamp,The <b>lamp</b> is red.\n"
    "lamp,The lamp is red.\n"
    "swim,1. We swam far. 2. We swim here.\n"
    "swim,to swim far\n"
    "swim,We swam away\n"
    "tree,It is tall.\n"
    "tree,\n"
    "go,I lost my ____ and go.\n"
    "run (v.),He ran.\n"
)


def test_the_counts_by_hand(tmp_path, command):
    path = write(tmp_path, "b.csv", MIXED)
    before = listing(tmp_path)
    found = json.loads(command("check", path, "--level", "B1", "--json"))
    assert listing(tmp_path) == before
    # markup, cell and numbers, headword; duplicate, fragment, without its word, empty, gap; no end mark, entered twice
    expected = {"words": 3, "sentences": 5, "changed": 4, "dropped": 5, "doubtful": 2}
    assert {key: found[key] for key in expected} == expected
    level = found["levels"]["B1"]
    assert {key: level[key] for key in expected} == expected
    assert level["sentences_per_word"] == {"fewest": 1, "mean": 5 / 3, "most": 3} and level["can_run"] is False
    assert {row["reason"]: row["count"] for row in level["report"]} == {
        "markup_removed": 1,
        "cell_split": 1,
        "numbering_removed": 1,
        "headword_made_plain": 1,
        "duplicate_sentence": 1,
        "fragment": 1,
        "sentence_without_target_word": 1,
        "empty_sentence": 1,
        "gap_in_sentence": 1,
        "word_without_sentences": 2,
        "no_end_mark": 1,
        "word_entered_twice": 1,
    }


def test_each_level_is_placed_on_the_human_scale_with_the_sentences_furthest_from_their_label(tmp_path, command):
    easy, hard = (
        "I like my dog.",
        "The unprecedented intervention necessitated a reappraisal of constitutional doctrine.",
    )
    path = write(tmp_path, "b.csv", f"word,sentence,level\ndog,{easy},A1\nintervention,{hard},B1\n")
    [low], [high] = ([score] for score in human_scale.load().score([easy, hard]).tolist())
    found = json.loads(command("check", path, "--json"))["levels"]
    assert found["A1"]["placement"] == {
        "reads_like": "A1",
        "sentences": 1,
        "of": 1,
        "mean": low,
        "sd": 0.0,
        "within_one": 1.0,
        "furthest": [{"sentence": easy, "score": round(low, 4)}],
    }
    assert found["B1"]["placement"]["mean"] == high and found["B1"]["placement"]["within_one"] == 0
    told = command("check", path).splitlines()
    at = told.index(
        f"  Your B1 sentences read like {human_scale.in_words(high)}; 0% are within one level of B1. Furthest from it:"
    )
    assert told[at + 1] == f"    {human_scale.in_words(high)}  {hard}"
    assert (
        "  Your A1 sentences read like A1 (1.0), as they are labelled; 100% are within one level of A1."
        in "\n".join(told)
    )
    alone = write(tmp_path, "file.csv", f"word,sentence\ndog,{easy}\n")
    assert "  Your sentences read like A1 (1.0)." in command("check", alone)
    assert json.loads(command("check", alone, "--json"))["levels"]["any"]["placement"]["within_one"] is None


def test_a_bank_without_an_english_word_is_checked_and_not_placed(tmp_path, command):
    path = write(tmp_path, "b.csv", "word,sentence\nмир,Это мир.\n")
    assert "No sentence has an English word" in command("check", path, "--level", "A1")
    assert json.loads(command("check", path, "--level", "A1", "--json"))["levels"]["A1"]["placement"] is None


def test_the_text_shows_reasons_with_examples(tmp_path, command):
    told = command("check", write(tmp_path, "b.csv", MIXED), "--level", "B1")
    assert told.startswith("b.csv, level B1: UTF-8, separated by commas; words: 'word'; sentences: 'sentence'\n")
    assert "  Words: 3; sentences: 5, 1 to 3 per word, 1.7 on average\n" in told
    assert "  Changed: 4\n" in told and "  Dropped: 5\n" in told and "  Doubtful: 2\n" in told
    assert "    markup removed: 1\n      lamp: The <b>lamp</b> is red. -> The lamp is red.\n" in told
    assert "Too few words for a run: training, dev and test words need 10 each." in told


def test_what_each_held_out_share_leaves(tmp_path):
    recipe = load_recipe("cpu").model_copy(update={"held_out_share": 0.4, "dev_share": 0.2})
    [one] = bank_check.check(write(tmp_path, "b.csv", rows(60)), ["B1"], recipe, 1)
    shares = {share.held_out_share: share for share in one.shares}
    assert list(shares) == [0.4, 0.1, 0.2, 0.3, 0.5] and one.can_run
    assert shares[0.4].words == {"train": 24, "dev": 12, "eval": 24}
    assert shares[0.4].examples == {"train": 4, "dev": 2, "eval": 4}
    assert shares[0.1].words == {"train": 38, "dev": 12, "eval": 10}  # a tenth is six: too few for a prompt
    assert shares[0.5].words == {"train": 18, "dev": 12, "eval": 30}


@pytest.mark.parametrize("recipe", ["cpu", "smoke", "reference"])
@pytest.mark.parametrize("words", [30, 34, 40, 50])
def test_the_recipes_run_on_small_banks(tmp_path, recipe, words):
    checks = bank_check.check(write(tmp_path, "b.csv", rows(words)), ["B1"], load_recipe(recipe), 1)
    bank_check.refuse_too_few(checks)
    assert checks[0].can_run and sum(checks[0].shares[0].words.values()) == words


def test_the_text_says_what_fits(tmp_path, command):
    told = command("check", write(tmp_path, "b.csv", rows(40)), "--level", "B1", "--recipe", "smoke")
    assert "  shares: test + dev            words: train     dev    test  examples: train     dev    test\n" in told
    assert "  0.2 + 0.1 (recipe smoke)                20      10      10                4       2       2\n" in told
    assert "Enough words for a run." in told


def test_a_folder_a_table_and_a_file_without_level(tmp_path, command):
    (tmp_path / "banks").mkdir()
    write(tmp_path / "banks", "a2.csv", rows(40))
    write(tmp_path / "banks", "._a2.csv", "x")
    write(tmp_path / "banks", "b1.csv", rows(20))
    found = json.loads(command("check", tmp_path / "banks", "--json"))
    assert (found["words"], found["sentences"]) == (60, 120)
    assert {level: one["words"] for level, one in found["levels"].items()} == {"A2": 40, "B1": 20}
    assert [one.split(":")[0] for one in found["passed_over"]] == ["._a2.csv"]
    table = write(tmp_path, "t.csv", "word,sentence,level\nlamp,A lamp.,A1\nswim,Swim!,B2\nswim,I swim.,B2\n")
    assert {k: v["sentences"] for k, v in json.loads(command("check", table, "--json"))["levels"].items()} == {
        "A1": 1,
        "B2": 2,
    }
    assert json.loads(command("check", table, "--level", "B2", "--json"))["sentences"] == 2
    assert json.loads(command("check", write(tmp_path, "f.csv", rows(3)), "--json"))["levels"].keys() == {"any"}


def test_what_cannot_be_read_is_refused(tmp_path, monkeypatch, capsys):
    refused = Refusals(tmp_path, monkeypatch, capsys)
    assert "b.csv, line 1: header 'page'" in refused("check", write(tmp_path, "b.csv", "page\n"))
    assert "no such file or folder" in refused("check", tmp_path / "nowhere.csv")
    assert "no row of level C1 in it: 1 of level A1" in refused(
        "check", write(tmp_path, "t.csv", "word,sentence,level\nlamp,A lamp.,A1\n"), "--level", "C1"
    )
    assert "no file whose name says a level" in refused("check", tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (rows(1), "has 0 development words of 1; each part needs 10, so a level needs 30"),
        (rows(20), "has 2 development words of 20; each part needs 10, so a level needs 30"),
        ("word,sentence,level\nlamp,A lamp.,A1\n", "no row of level B1"),
    ],
)
def test_a_run_stops_before_it_touches_an_earlier_one(tmp_path, monkeypatch, capsys, content, told):
    """`refused` checks that nothing is written or removed; here Snakemake is not started either."""
    refused = Refusals(tmp_path, monkeypatch, capsys)
    earlier = tmp_path / "out" / "runs" / "B1"
    earlier.mkdir(parents=True)
    (earlier / "dataset.json").write_text("{}")
    bank = write(tmp_path, "b.csv", content)
    assert told in refused("run", "--levels", "B1", "--bank", bank, "--output-root", tmp_path / "out")
    assert (earlier / "dataset.json").read_text() == "{}"


@pytest.mark.parametrize("levels", ["A2 B1", "A1 A2 B1 B2 C1"])
def test_one_file_for_several_levels_is_refused(tmp_path, monkeypatch, capsys, levels):
    refused = Refusals(tmp_path, monkeypatch, capsys)
    bank = write(tmp_path, "b.csv", rows(60))
    told = refused("run", "--levels", levels, "--bank", bank, "--output-root", tmp_path / "out")
    assert f"one file for the levels {', '.join(levels.split())}, and its rows name no level" in told
    table = write(tmp_path, "t.csv", "word,sentence,level\nlamp,A lamp.,A2\n")
    told = refused("run", "--levels", levels, "--bank", table, "--output-root", tmp_path / "out")
    assert "its rows name A2 and not " in told


def test_a_table_that_names_all_levels_serves_them(tmp_path):
    lines = [line for level in ("A2", "B1") for line in (f"{row},{level}" for row in rows(60).splitlines()[1:])]
    path = write(tmp_path, "t.csv", "\n".join(["word,sentence,level", *lines]))
    checked = bank_check.check(path, ["A2", "B1"], load_recipe("cpu"), 1, more=())
    assert [(one.level, one.counts()["sentences"], one.can_run) for one in checked] == [
        ("A2", 120, True),
        ("B1", 120, True),
    ]
    banks.check_serves(path, ["A2", "B1"])
    with pytest.raises(InputError, match="not C1"):
        banks.check_serves(path, ["A2", "C1"])


def test_make_check_is_the_command():
    line = ["make", "--dry-run", "check", "BANK=my bank.csv", "LEVEL=B1"]
    done = subprocess.run(line, cwd=project_root(), capture_output=True, text=True)
    assert 'cefr check "my bank.csv" --level "B1"' in done.stdout


@pytest.mark.skipif(not CASES.is_dir(), reason="no case files beside the checkout")
def test_the_case_of_one_file_for_many_levels(tmp_path, monkeypatch, capsys, command):
    path = CASES / "one_file_many_levels.csv"
    assert json.loads(command("check", path, "--level", "B1", "--json"))["sentences"] == 80
    refused = Refusals(tmp_path, monkeypatch, capsys)
    assert "one file for the levels A2, B1, B2" in refused("run", "--bank", path, "--output-root", tmp_path / "out")
