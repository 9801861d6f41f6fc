"""The rules of Harper that are left out do misfire: they report mistakes in correct sentences."""

import harper
import pytest

from cefr_helpers.text import grammar


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        ("CompoundNouns", ["Her school bag is full of books.", "What a beautiful blue bird!"]),
        ("MissingPreposition", ["Horses are strong animals.", "The hospital is open day and night."]),
        (
            "MassNouns",
            ["From the leaves came a rustling that might have been a bird or simply the breeze."],
        ),
        ("SingleBe", ["He has short black hair, but his sister's is brown."]),
        ("Everyone", ["She has attended every one of her son's football matches since he joined the team in March."]),
        ("DoubleModal", ["It holds more water than most cooks would dare to use."]),
    ],
)
def test_a_rule_that_stops_right_sentences_is_left_out(rule, sentences):
    linter = harper.Linter(dialect=harper.Dialect.BRITISH)
    assert rule in grammar.MISFIRING
    assert all(linter.organized_lints(sentence, language="plaintext")[rule] for sentence in sentences)
    assert grammar.clean(sentences) == [True] * len(sentences)


def test_every_rule_that_is_left_out_is_one_of_harper():
    assert set(harper.get_default_lint_config()) >= grammar.MISFIRING
