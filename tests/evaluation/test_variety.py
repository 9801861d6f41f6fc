"""Measures of variety: values by hand, a made-up template that is found, and rows that are like the bank."""

import pandas as pd
import pytest

from cefr_helpers.data import banks
from cefr_helpers.evaluation import variety
from cefr_helpers.text.function_words import is_function_word

VARIED = (
    "Did she abandon the plan?",
    "We all benefit from sleep.",
    "My uncle copes with noise.",
    "In parliament they debate for hours.",
    "Salt enhances the taste.",
    "Nobody saw the flaw in it.",
    "It took him years to grasp this.",
    "Why do you hesitate?",
    "His smile implies consent.",
    "How can he justify that?",
)
WORDS = ("abandon", "benefit", "cope", "debate", "enhance", "flaw", "grasp", "hesitate", "imply", "justify")


def slots(sentences, words=WORDS, sample: int = 0) -> pd.DataFrame:
    """One prompt's slots; None is no valid sentence."""
    return pd.DataFrame(
        {
            "prompt": 1,
            "sample": sample,
            "slot": range(1, len(words) + 1),
            "word": words,
            "sentence": sentences,
            "valid": [one is not None for one in sentences],
            "covered": [one is not None for one in sentences],
        }
    )


def thirty(make) -> pd.DataFrame:
    """Three words of each of ten letters' names, with a made-up sentence each."""
    words = [f"{one}{ending}" for one in WORDS for ending in ("", "s", "er")]
    return slots([make(word, place) for place, word in enumerate(words)], words)


# --- values by hand --------------------------------------------------------------------------------------------------


def test_the_measures_of_ten_sentences_by_hand():
    bank = slots(VARIED)
    found = variety.measure(bank, bank, 10, seed=1)
    # ten different first words; the target comes first or second in "Salt enhances" only; three questions
    assert (found["first_words"], found["target_place"], found["questions"]) == (1.0, 0.1, 0.3)
    assert found["frames"] == 0.0 and found["told_from_bank"] == 0.5
    row = slots(["The abandon was so old that it fell."] * 4 + ["The new flaw was so big, they left."] * 3 + [None] * 3)
    assert variety.measure(row, bank, 7, seed=1) == dict.fromkeys(variety.MEASURES)  # too few to say anything
    row = slots([f"The {word} was here." for word in WORDS[:8]] + ["A flaw!", "So be it."])
    found = variety.measure(row, bank, 10, seed=1)
    assert (found["first_words"], found["target_place"], found["questions"]) == (0.3, 0.8, 0.0)
    assert found["frames"] == 0.8
    assert variety.measure(row, bank, 0, seed=1)["first_words"] is None


def test_shares_are_of_the_sentences_that_they_are_about_by_slot():
    row = slots(VARIED).assign(covered=[place != 4 for place in range(10)])  # "Salt enhances" is left out
    found = variety.shares(row)
    assert list(found["questions"].index[found["questions"]]) == [0, 7, 9] and len(found["questions"]) == 10
    assert list(found["target_place"].index) == [0, 1, 2, 3, 5, 6, 7, 8, 9] and not found["target_place"].any()


def test_words_that_are_not_used_have_no_place():
    row = slots(VARIED).assign(covered=False)
    assert variety.measure(row, slots(VARIED), 10, seed=1)["target_place"] is None


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The old red car was so slow that we walked.", ("the", "_", "was", "so")),
        ("My sister's car, of course.", ("my", "_", ",", "of")),
        ("Don't you know?", ("don't", "you", "_", "?")),
        ("Go!", ("_", "!")),
    ],
)
def test_a_frame_is_the_beginning_without_content_words(sentence, expected):
    assert variety.frame(sentence) == expected


def test_function_words_are_those_of_closed_classes():
    assert all(map(is_function_word, ("the", "don't", "it's", "i'm", "would", "themselves", "under", "couldn't")))
    assert not any(map(is_function_word, ("car", "teacher's", "go", "photosynthesis", "well-known", "time", "day")))


# --- a template ------------------------------------------------------------------------------------------------------


def test_a_template_of_thirty_sentences_is_found_beside_the_banks_share():
    bank = thirty(lambda word, place: f"{VARIED[place % 10].split()[0]} {word} it is.")
    row = thirty(lambda word, place: f"The {word} was so good that we stayed." if place < 20 else f"{word} is it.")
    found = variety.opening(row, bank)
    # one prompt gives no interval
    assert found.pop("share") == {"value": pytest.approx(2 / 3), "low": None, "high": None}
    assert found == {"words": "The", "sentences": 20, "of": 30, "bank": 0}
    several = variety.opening(row.assign(prompt=row["slot"] // 6), bank.assign(prompt=row["slot"] // 6))["share"]
    assert 0.3 < several["low"] < several["value"] < several["high"] < 1
    assert variety.is_template(found["sentences"], found["of"], found["bank"])
    measured = variety.measure(row, bank, 30, seed=1)
    assert measured["frames"] > 0.6 and measured["told_from_bank"] > 0.9


@pytest.mark.parametrize(
    ("sentences", "of", "bank", "expected"),
    [(10, 30, 0, True), (9, 30, 0, False), (20, 30, 10, True), (20, 30, 11, False), (30, 30, 30, False)],
)
def test_a_template_fills_a_third_and_is_twice_as_frequent_as_in_the_bank(sentences, of, bank, expected):
    assert variety.is_template(sentences, of, bank) is expected


def test_two_words_are_named_where_a_third_of_all_sentences_share_both():
    row = thirty(lambda word, place: f"I like the {word}." if place < 10 else f"I see{place} a {word}.")
    found = variety.opening(row, row)
    assert found.pop("share")["value"] == pytest.approx(1 / 3)
    assert found == {"words": "I like", "sentences": 10, "of": 30, "bank": 10}
    row = thirty(lambda word, place: f"I like the {word}." if place < 9 else f"I see{place} a {word}.")
    found = variety.opening(row, row)
    assert found.pop("share")["value"] == 1
    assert found == {"words": "I", "sentences": 30, "of": 30, "bank": 30}


# --- distinguished from the bank -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs():
    """Seventy words of the bundled bank with two of their sentences."""
    bank = banks.read_all(banks.find("bundled", "B1"))["B1"]
    words = [word for word, own in bank.sentences.items() if len(own) > 1][:70]
    return words, [bank.sentences[word][0] for word in words], [bank.sentences[word][1] for word in words]


def test_the_banks_own_sentences_cannot_be_told_from_it(pairs):
    words, first, second = pairs
    assert variety.told_apart(first, first, words) == 0.5
    assert 0.4 < variety.told_apart(first, second, words) < 0.6


def test_the_target_words_themselves_give_nothing_away(pairs):
    """Each side has words of its own, which would show if unmasked, or if a word's sentences were in two folds."""
    words = [f"w{place}x" for place in range(40)]
    same = [f"The {word} is here." for word in words]
    assert variety.told_apart(same, same[:], words) == 0.5


def test_a_style_is_told_from_the_bank_and_which_side_it_is_on_does_not_matter(pairs):
    words, first, _ = pairs
    style = [f"The {word} was so good that it was gone." for word in words]
    assert variety.told_apart(style, first, words) > 0.95 < variety.told_apart(first, style, words)


def test_of_a_row_with_samples_each_is_compared_with_the_bank():
    bank, twenty = slots(VARIED), [f"The {word} was so good." for word in WORDS]
    row = pd.concat([slots(twenty, sample=1), slots(VARIED, sample=2)])
    alone = variety.measure(slots(twenty), bank, 10, seed=1)["told_from_bank"]
    assert variety.measure(row, bank, 10, seed=1)["told_from_bank"] == pytest.approx((alone + 0.5) / 2)
