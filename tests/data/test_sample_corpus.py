"""The bundled bank is what its README says."""

import re

import pytest

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.data import banks
from cefr_helpers.text import near_duplicates, sentences, tokens
from tools import sample_corpus_page


@pytest.fixture(scope="module")
def bundled() -> dict[str, banks.Bank]:
    return banks.read_all(banks.find("bundled", LEVELS[0]))


def test_each_level_has_its_words_with_five_sentences_and_nothing_is_dropped(bundled):
    page = sample_corpus_page.PAGE.read_text(encoding="utf-8")
    said = re.search(r"(\d+) target\s+words per level, five sentences per word, ([\d,]+) sentences in all", page)
    assert list(bundled) == list(LEVELS)
    for bank in bundled.values():
        assert {len(own) for own in bank.sentences.values()} == {5}
        assert list(bank.sentences) == sorted(bank.sentences) and not bank.report
    assert {len(bank.sentences) for bank in bundled.values()} == {int(said[1])}
    assert sum(len(all_of(bank)) for bank in bundled.values()) == int(said[2].replace(",", ""))


def test_no_target_word_is_in_two_files(bundled):
    words = [word for bank in bundled.values() for word in bank.sentences]
    assert len(set(words)) == len(words)


def test_each_entry_is_one_sentence_in_plain_ascii(bundled):
    for sentence in (one for bank in bundled.values() for one in all_of(bank)):
        assert sentence.isascii() and sentence[0].isupper() and sentence[-1] in ".?!", sentence
        assert not sentences.holds_several(sentence), sentence


def test_no_two_sentences_of_any_level_are_near_duplicates(bundled):
    every = [one for bank in bundled.values() for one in all_of(bank)]
    found = near_duplicates.near_duplicates([frozenset(tokens.words_of(one)) for one in every])
    assert not [(every[i], every[j]) for i, j in found]


def test_the_readme_has_the_figures_of_the_files():
    page = sample_corpus_page.PAGE.read_text(encoding="utf-8")
    assert sample_corpus_page.with_table(page) == page


def all_of(bank: banks.Bank) -> list[str]:
    return [sentence for own in bank.sentences.values() for sentence in own]
