"""Levels of words, and words that are not for a classroom."""

import pytest

from cefr_helpers.text import unsuitable, vocabulary


@pytest.mark.parametrize("word", ["old", "day", "goalkeeper", "oven", "astonished", "neighbour"])
def test_content_words_that_the_word_list_has_as_prepositions_or_numerals_have_a_level(word):
    assert vocabulary.word_level(word) == vocabulary.FUNCTION_WORD < vocabulary.content_level(word)


@pytest.mark.parametrize("word", ["the", "of", "don't", "would", "not", "themselves", "twelve"])
def test_function_words_have_none(word):
    assert vocabulary.content_level(word) == vocabulary.FUNCTION_WORD


def test_levels_of_content_words_leave_the_target_and_names_out():
    assert vocabulary.content_level("apple") == 1 and vocabulary.content_level("qwertish") is None
    (found,) = vocabulary.content_levels(["The old goalkeeper ate an apple with Qwertish."], ["apple"])
    assert len(found) == 3 and found[0] == vocabulary.content_level("old")


def test_listed_words_are_found_in_all_their_forms_and_not_where_they_were_asked_for():
    assert unsuitable.found_in("He MURDERED two prostitutes.") == ["murdered", "prostitutes"]
    assert unsuitable.found_in("He was murdered.", except_word="murder") == []
    assert unsuitable.found_in("She sat in the classroom, and the class passed the assessment.") == []
