"""Which sentences of a model's answer enter a bank, and each reason to reject one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cefr_helpers.bank_making import checks, prompts
from cefr_helpers.bank_making.checks import ReferenceBanks, SentenceFilter
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.text.near_duplicates import IncrementalIndex, near_duplicates

OTHERS = {"mine": ("The old bridge was closed because of the heavy storm.",)}


@pytest.fixture(scope="module")
def teachers() -> ReferenceBanks:
    """Thirty words of each bundled level."""
    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B1"))
    few = {}
    for level, bank in banks.items():
        words = list(bank.sentences)[:30]
        few[level] = sentence_bank.Bank(level, {word: bank.sentences[word] for word in words}, (), 30, 150)
    return ReferenceBanks(few, OTHERS, ())


@pytest.fixture(scope="module")
def trained(teachers) -> SentenceFilter:
    return SentenceFilter("A2", teachers)


@pytest.fixture
def judge(teachers, trained, monkeypatch) -> SentenceFilter:
    """One that has accepted nothing yet."""
    monkeypatch.setattr(checks.level_scorers, "train", lambda *_, **__: trained.scorers)
    return SentenceFilter("A2", teachers)


def test_a_good_sentence_is_taken_once(judge):
    assert judge.judge("dog", "Our dog was very tired after the long walk.").reason is None
    again = judge.judge("dog", "Our dog was very tired after the long walk!")
    assert (again.reason, again.detail) == ("repeats", "Our dog was very tired after the long walk.")


@pytest.mark.parametrize(
    ("word", "sentence", "reason", "detail"),
    [
        ("dog", "Our dog was very tired", "not_one_sentence", ""),
        ("dog", "Our dog was tired. It slept all day.", "not_one_sentence", ""),
        ("dog", "Our dog\u200b was very tired after the long walk.", "not_one_sentence", ""),
        ("dog", "The dog was " + "very " * 120 + "tired.", "not_one_sentence", ""),
        ("cat", "Our dog was very tired after the long walk.", "word_not_used", ""),
        ("quick", "She walked home quickly after school.", "word_not_used", ""),
        # the same frame with another word, as a weak model writes it
        ("film", "We talked about the film with our teacher on Monday.", None, ""),
        ("song", "We talked about the song with our teacher on Monday.", "repeats", "We talked about the film"),
        ("storm", "The old bridge was closed because of a heavy storm.", "in_another_bank", "mine: The old bridge was"),
        ("storm", "The storm destroied many houses last winter.", "mistake", "destroied"),
        (
            "storm",
            "The storm had been so devastating that the authorities were compelled to reconsider the assumptions "
            "underlying their entire policy.",
            "level",
            "reads as C1 (level score",
        ),
    ],
)
def test_each_reason_to_reject(judge, word, sentence, reason, detail):
    judge.judge("film", "We talked about the film with our teacher on Monday.") if word == "song" else None
    found = judge.judge(word, sentence)
    assert found.reason == reason and detail in found.detail


def test_a_rejected_sentence_does_not_block_another(judge):
    assert judge.judge("storm", "The storm destroied many houses last winter.").reason == "mistake"
    assert judge.judge("storm", "The storm destroyed many houses last winter.").reason is None


def test_the_model_learns_why_but_nothing_of_other_banks(judge):
    level = checks.Verdict("level", "reads as C1 (level score 4.9)")
    assert checks.remark(level) == "is not of the level: reads as C1 (level score 4.9)"
    other = judge.judge("storm", "The old bridge was closed because of a heavy storm.")
    assert checks.remark(other) == "stands in another bank, or nearly so"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from(list("abcdefghijkl"))), max_size=25))
def test_one_at_a_time_finds_what_all_at_once_does(sentences):
    known, found = IncrementalIndex(), []
    for number, words in enumerate(sentences):
        found.append(known.find(words))
        known.add(words)
        assert found[-1] is None or found[-1] < number
    first = {}
    for i, j in near_duplicates(sentences):
        first[j] = min(i, first.get(j, i))
    assert found == [first.get(number) for number in range(len(sentences))]


# Which banks


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "user_data")


def write(path, *sentences):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"dog": list(sentences)}))
    return path


def test_the_bundled_bank_teaches_and_is_compared_with(workspace, tmp_path):
    found = checks.read_reference_banks("bundled", "B1", tmp_path / "B1.json", workspace)
    assert list(found.banks) == ["A1", "A2", "B1", "B2", "C1"] and len(found.others) == 5
    assert sum(map(len, found.others.values())) == 15_000 and found.lengths("A1") == (5, 10)


def test_banks_beside_and_favourites_are_compared_with_and_word_lists_passed_over(workspace, tmp_path):
    bank = write(tmp_path / "mine" / "b1.json", "My dog is big.")
    write(tmp_path / "made" / "a2.json", "His dog is red.")
    (tmp_path / "made" / "words_b2.csv").write_text("word\ndog\n")
    write(workspace.favourites("C1"), "Her dog is old.")
    output = write(tmp_path / "made" / "b1.json", "This one is under making, dog.")
    found = checks.read_reference_banks(str(bank), "B1", output, workspace)
    assert len(found.banks) == 5  # one level is not enough for a scale
    own = {name: sentences for name, sentences in found.others.items() if not name.startswith("bundled")}
    assert own == {
        "b1.json (B1)": ("My dog is big.",),
        "a2.json": ("His dog is red.",),
        "favourites C1": ("Her dog is old.",),
    }
    [passed_over] = found.passed_over
    assert "words_b2.csv, line 1: header 'word'" in passed_over


def test_a_bank_of_several_levels_teaches_by_itself(workspace, tmp_path):
    write(tmp_path / "mine" / "b1.json", "My dog is big.")
    write(tmp_path / "mine" / "c1.json", "His dog is red.")
    found = checks.read_reference_banks(str(tmp_path / "mine"), "B1", tmp_path / "out" / "x.json", workspace)
    assert list(found.banks) == ["B1", "C1"] and len(found.others) == 2
    # the bank that is being made does not teach its own level
    found = checks.read_reference_banks(str(tmp_path / "mine"), "B1", tmp_path / "mine" / "b1.json", workspace)
    assert len(found.banks) == 5 and "c1.json (C1)" in found.others and "b1.json (B1)" not in found.others


def test_a_broken_bank_is_named_before_anything_is_asked(workspace, tmp_path):
    (tmp_path / "b1.json").write_text("{")
    with pytest.raises(InputError, match="b1.json, line 1, column 2: not valid JSON"):
        checks.read_reference_banks(str(tmp_path / "b1.json"), "B1", tmp_path / "out" / "x.json", workspace)


# Prompts and answers


def test_the_prompt_says_what_is_wanted_and_what_was_wrong():
    first = prompts.prompt("bass1", "B1", 7, (9, 19))
    assert first.startswith("Write 7 example sentences in English for learners at CEFR level B1 (Threshold).")
    assert 'uses "bass",' in first and "of 9 to 19 words" in first and "written before" not in first
    before = [(f"Sentence {number // 2} {{x}}.", "does not use the word") for number in range(24)]
    again = prompts.prompt("bass", "B1", 2, (9, 19), before)
    assert "- Sentence 11 {x}. (does not use the word)\n" in again and again.count("does not use the word") == 8
    assert again.endswith("Answer with the 2 sentences alone, one a line, numbered 1 to 2.")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1. One dog ran.\n2) **Two** dogs ran.", ["One dog ran.", "Two dogs ran."]),
        ('Sure! Here they are:\n\n1. "One dog ran."\n\nHope it helps.', ["One dog ran."]),
        ("- One dog ran.\n\n* Two dogs ran.", ["One dog ran.", "Two dogs ran."]),
        ("<think>1. No dog.</think>\n1. One dog ran.", ["One dog ran."]),
        ("1. No dog.</think>\n1. One dog ran.", ["One dog ran."]),
        ("<think>1. No dog ran, or", []),
        ("1. Dog: One dog ran.\n2. dog", ["One dog ran."]),
        ("", []),
        ("\x00\ud83d", ["\x00\ud83d"]),
    ],
)
def test_sentences_are_taken_out_of_an_answer(answer, expected):
    assert prompts.sentences(answer, "dog") == expected
