"""The bundled sentence bank is as its README describes it, over all five levels together."""

import calendar
import re
from statistics import median

import pytest

from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.data import banks
from cefr_helpers.data.bank_formats import read_rows
from cefr_helpers.text import tokens, vocabulary, word_match
from cefr_helpers.text.near_duplicates import near_duplicates
from tools import sample_corpus_page
from tools.sample_corpus_page import share_above

FILES = {level: banks.BUNDLED / f"{level}.json" for level in LEVELS}
ROWS = {level: read_rows(path) for level, path in FILES.items()}
# Days, months, forms of address, languages and similar words are not names of persons, firms or places.
NO_NAMES = {*calendar.day_name, *(f"{day}s" for day in calendar.day_name), *calendar.month_name, "English"}
NO_NAMES |= {"Mum", "Dad", "Grandma", "Grandpa"}


@pytest.mark.parametrize("level", LEVELS)
def test_enough_words_with_five_sentences_each(level):
    sentences = banks.read(FILES[level], level).sentences
    assert len(sentences) >= 200
    assert {len(own) for own in sentences.values()} == {5}


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_left_to_clean(level):
    assert banks.read(FILES[level], level).report == ()


@pytest.mark.parametrize("level", LEVELS)
def test_every_sentence_uses_its_word(level):
    assert [row for row in ROWS[level] if not word_match.matches(*row)] == []


@pytest.mark.parametrize("level", LEVELS)
def test_every_sentence_is_one_plain_sentence(level):
    one_sentence = re.compile(r"(?!.*[.?!] +[A-Z])[A-Z][ -~]*[.?!]")
    assert [sentence for _, sentence in ROWS[level] if not one_sentence.fullmatch(sentence)] == []


def test_no_duplicate_or_near_duplicate_anywhere():
    sentences = [one for rows in ROWS.values() for _, one in rows]
    words = [frozenset(tokens.words_of(one)) for one in sentences]
    assert [(sentences[i], sentences[j]) for i, j in near_duplicates(words)] == []


def test_median_length_rises_with_the_level():
    medians = [median(len(tokens.words_of(one)) for _, one in ROWS[level]) for level in LEVELS]
    assert all(lower < higher for lower, higher in zip(medians, medians[1:], strict=False)), medians


@pytest.mark.parametrize("level", LEVELS)
def test_nearly_all_target_words_are_of_the_level_and_hardly_any_more_than_one_off(level):
    words = {word for word, _ in ROWS[level]}
    off = {word: abs((vocabulary.content_level(word) or 0) - number(level)) for word in words}
    assert sum(one == 0 for one in off.values()) >= 0.98 * len(words)
    assert sum(one > 1 for one in off.values()) <= 0.01 * len(words)


def test_no_target_word_is_in_two_files():
    words = [word for rows in ROWS.values() for word in dict.fromkeys(word for word, _ in rows)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("level", LEVELS)
def test_few_content_words_above_the_level(level):
    words, sentences = zip(*ROWS[level], strict=True)
    assert share_above(sentences, level, words) < 0.08


@pytest.mark.parametrize("level", LEVELS)
def test_few_proper_names(level):
    inside = re.compile(r"(?<=[a-z,'] )[A-Z][a-z]+")
    named = [one for _, one in ROWS[level] if set(inside.findall(one)) - NO_NAMES]
    assert len(named) <= 0.01 * len(ROWS[level]), named


def test_the_readmes_figures_are_those_of_the_files():
    page = sample_corpus_page.PAGE.read_text(encoding="utf-8")
    assert sample_corpus_page.with_table(page) == page
    [said] = re.findall(r"(\d+) target\s+words per level, five sentences per word, ([\d,]+) sentences in all", page)
    assert {len(dict(rows)) for rows in ROWS.values()} == {int(said[0])}
    assert sum(map(len, ROWS.values())) == int(said[1].replace(",", ""))


def test_word_level_is_the_lowest_over_parts_of_speech():
    assert vocabulary.word_level("book") == vocabulary.word_level("books") == 1
    assert [vocabulary.word_level(word) for word in ("the", "can", "in")] == [vocabulary.FUNCTION_WORD] * 3
    assert vocabulary.word_level("went") == vocabulary.word_level("go") == 1
    assert vocabulary.word_level("conundrum") == 6
    assert vocabulary.word_level("zorblek") is None


def test_share_above_counts_content_words_but_the_target():
    sentence = "The conundrums in the book are a conundrum for the zorblek."
    assert share_above([sentence], "A1") == pytest.approx(2 / 3)  # "are" is grammar
    assert share_above([sentence], "A1", ["conundrum"]) == 0
    assert share_above(["In the can."], "A1") == 0
