"""The gap asks for the word: what is put in it, and the rank that comes of the base's probabilities."""

import contextlib

import pandas as pd
import pytest

from cefr_helpers.data import banks
from cefr_helpers.evaluation import cloze
from cefr_helpers.evaluation.baseline_cache import BaselineCache

VERBS = ("abandon", "borrow", "carry", "defend", "enjoy", "follow", "greet", "hate", "imply", "judge", "kick", "laugh")
VERBS += ("marry", "need", "obey", "punish", "refuse", "search", "threaten", "unite", "vary")


def test_each_choice_is_the_sentence_with_another_word_of_the_same_inflection():
    own, *others = cloze.choices("abandon", "She abandoned the plan.", VERBS)
    assert own == "She abandoned the plan." and len(others) == len(set(others)) == cloze.OTHERS
    put = {one.removeprefix("She ").removesuffix(" the plan.") for one in others}
    assert put < {"borrowed", "carried", "defended", "enjoyed", "followed", "greeted", "hated", "implied"} | {
        *("judged", "kicked", "laughed", "married", "needed", "obeyed", "punished", "refused", "searched"),
        *("threatened", "united", "varied"),
    }
    # the word alone decides which come: the same for another row's sentence
    again = cloze.choices("abandon", "They abandoned us.", VERBS)[1:]
    assert [one.split()[1] for one in again] == [one.split()[1] for one in others]


def test_a_capital_and_the_article_go_with_the_word():
    nouns = ("apple", "book", "cat", "dog", "egg", "fish", "goat", "hat", "island", "jar", "king", "lamp", "moon")
    nouns += ("nest", "owl", "pen", "queen", "river", "star", "tent", "uncle", "van")
    texts = cloze.choices("book", "She has a book.", nouns)
    assert "She has an apple." in texts or "She has an egg." in texts
    assert not any(
        f" a {vowel}" in text or f" an {other}" in text for text in texts for vowel in "aeiou" for other in "bcdfg"
    )
    assert all(text[0].isupper() for text in cloze.choices("book", "Books are here.", nouns))


@pytest.mark.parametrize(
    ("word", "sentence", "words"),
    [
        ("abandon", "She left.", VERBS),
        ("abandon", "She abandoned it.", VERBS[:15]),
        ("look up", "She looked it up.", VERBS),
    ],
)
def test_without_a_gap_or_enough_others_there_are_no_choices(word, sentence, words):
    assert cloze.choices(word, sentence, words) == []


def test_nineteen_words_in_twenty_of_the_bundled_bank_have_choices():
    bank = banks.read_all(banks.find("bundled", "B2"))["B2"].sentences
    made = [cloze.choices(word, own[0], sorted(bank)) for word, own in list(bank.items())[:100]]
    assert sum(map(bool, made)) >= 90 and all(len(texts) in (0, 1 + cloze.OTHERS) for texts in made)


@pytest.fixture
def slots() -> pd.DataFrame:
    rows = [("tuned", 0, "abandon", "She abandoned it.", True), ("tuned", 0, "borrow", "She left.", False)]
    rows += [("gold", 0, "carry", "He carries it.", True), ("trivial", 0, "carry", "I like the carry.", True)]
    rows += [("tuned_sampled", 1, "carry", "He carries it.", True)]
    return pd.DataFrame(rows, columns=["row", "sample", "word", "sentence", "covered"]).assign(valid=True)


class Model:
    def disable_adapter(self):
        return contextlib.nullcontext()


def test_the_rank_is_the_place_of_the_right_word_and_the_banks_is_kept(slots, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def score(model, tokenizer, groups):
        asked.append(len(groups))
        return [[-5.0, -4.0, -5.0, *[-9.0] * 17] for _ in groups]  # one other word is likelier

    monkeypatch.setattr(cloze.likelihood, "score_choices", score)
    kept = BaselineCache({})
    found = cloze.ranks(Model(), None, slots, VERBS, kept)
    assert found[cloze.COLUMN].fillna(0).tolist() == [2, 0, 2, 0, 0] and asked == [1, 1]
    again = cloze.ranks(Model(), None, slots.assign(sentence=slots["sentence"].str.replace("She", "Ann")), VERBS, kept)
    assert again[cloze.COLUMN].fillna(0).tolist() == [2, 0, 2, 0, 0]
    assert asked == [1, 1, 1] and kept.reused == ["gaps"]  # the bank's sentence was not scored again


def test_the_measures_are_shares_of_the_sentences_with_a_rank():
    row = pd.DataFrame({cloze.COLUMN: [1, 1, 3, 4, float("nan")]})
    assert cloze.measure(row) == {"cloze_first": 0.5, "cloze_first_three": 0.75}
    nothing = {"cloze_first": None, "cloze_first_three": None}
    assert cloze.measure(row[4:]) == cloze.measure(pd.DataFrame({"word": ["a"]})) == nothing
