"""Steering, with a random model that writes no word by itself: words are used, sentences end, no two begin alike."""

import pytest

from cefr_helpers.data.formatting import make_prompt
from cefr_helpers.models import base_model, generation
from cefr_helpers.text import word_match
from cefr_helpers.writing import steering

WORDS = ["abandon", "look forward to", "film/movie", "pick sb up", "English", "well-known", "one's own"]


@pytest.fixture(scope="module")
def tiny(tiny_folder):
    base = base_model.resolve(str(tiny_folder))
    return base_model.load_model(base, "fp32"), base_model.load_tokenizer(base)


def answers(tiny, words: list[str], **how) -> list[str]:
    model, tokenizer = tiny
    steered = steering.processor(tokenizer, words, **how) if how else None
    prompts = [make_prompt("B2", [word]) for word in words]
    return generation.answer(model, tokenizer, prompts, 40, len(words), (), 5, 1.0, "1.", steered)


def test_forms_are_written_as_sentences_have_them():
    assert {"abandon", "abandoned", "abandoning", "abandons"} <= set(steering.written_forms("abandon"))
    assert {"look forward to", "looked forward to"} <= set(steering.written_forms("look forward to"))
    assert {"film", "films", "movie", "movies"} <= set(steering.written_forms("film/movie"))
    assert "picked him up" in steering.written_forms("pick sb up") and "his own" in steering.written_forms("one's own")
    assert "English" in steering.written_forms("English") and "english" not in steering.written_forms("English")
    assert all(word_match.matches(word, form) for word in WORDS for form in steering.written_forms(word))


def test_each_word_comes_that_would_not_come_by_itself(tiny):
    words = [word for word in WORDS for _ in range(3)]
    steered = answers(tiny, words, bonus=4.0, latest=6, seed=1)
    assert [word for word, text in zip(words, steered, strict=True) if not word_match.matches(word, text)] == []
    free = answers(tiny, words)
    assert sum(word_match.matches(word, text) for word, text in zip(words, free, strict=True)) <= 1


def test_no_two_candidates_of_a_word_begin_alike_and_each_begins_with_a_capital(tiny):
    words = ["abandon"] * 8 + ["English"] * 4
    found = answers(tiny, words, bonus=4.0, latest=6, seed=1)
    tokenizer = tiny[1]
    first = [tokenizer.encode(f" {text}", add_special_tokens=False)[0] for text in found]
    assert len(set(first[:8])) == 8 and len(set(first[8:])) == 4
    assert all(text[0].isupper() for text in found)
    assert found == answers(tiny, words, bonus=4.0, latest=6, seed=1)
    assert found != answers(tiny, words, bonus=4.0, latest=6, seed=2)


def test_nothing_ends_the_sentence_before_its_word(tiny):
    for text in answers(tiny, ["abandon"] * 6, bonus=0.0, latest=12, seed=3):
        before = text[: word_match.place("abandon", text)[0]]
        assert not set(before) & set(".!?\n")
