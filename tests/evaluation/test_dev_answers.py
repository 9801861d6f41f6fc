"""Prompts of development words, and their answers judged as the comparison judges its answers."""

import json

import pytest
from tiny_models import HARD, SENTENCES, WORDS, make_example

from cefr_helpers.data import formatting
from cefr_helpers.evaluation import dev_answers, level_scorers, summary


def test_each_word_is_requested_once_in_whole_prompts():
    examples = [
        {"words": ["a", "b", "c"]},
        {"words": ["d", "a", "e"]},
        {"words": ["f", "g", "b"]},
        {"words": ["h", "i", "c"]},
        {"words": ["j", "k", "a"]},
    ]
    prompts = dev_answers.make_prompts("B1", examples, 100)
    assert [one["words"] for one in prompts] == [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]
    assert prompts[1] == {**formatting.make_prompt("B1", ["d", "e", "f"]), "words": ["d", "e", "f"]}
    assert dev_answers.make_prompts("B1", examples, 2) == prompts[:2]


@pytest.mark.slow
def test_answers_are_judged_as_the_comparison_judges_them():
    """In a separate process; the third sentence is a copy, the fourth lacks its word, the sixth is far too hard."""
    said = [*SENTENCES[:3], "The sand is hot and dry.", *SENTENCES[4:]]
    said[5] = (
        "Notwithstanding their reluctance, forest authorities relinquished jurisdiction over deteriorating plantations."
    )
    answer = "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(said, 1))
    words, levels = (*WORDS, *HARD), ("A2",) * len(WORDS) + ("C1",) * len(HARD)
    rows = level_scorers.Sentences((*SENTENCES, *HARD.values()), words, levels, tuple(range(len(words))))
    scorers = level_scorers.train(rows, 1, with_quality=False)
    prompts = dev_answers.make_prompts("A2", [make_example(0)], 1)
    of = dev_answers.DevAnswers("A2", prompts, scorers, (SENTENCES[2],), 0.0)
    found = of.passed([answer])
    slots = summary.measure({"tuned": [answer]}, [WORDS], "A2", scorers, of.training_sentences)
    assert found == [bool(one) for one in slots["joint_success"]]
    assert [found[place] for place in (2, 3, 5)] == [False] * 3 and sum(found) >= 4
    json.dumps(found)  # plain values, which other processes can be sent


def test_a_judge_that_was_killed_is_named(monkeypatch):
    of = dev_answers.DevAnswers("A2", [], None, (), 0.0)
    monkeypatch.setattr(dev_answers, "judge", _die)
    with pytest.raises(MemoryError, match="judging the development answers was killed"):
        of.passed([])


def _die(of, answers):
    import os

    os.kill(os.getpid(), 9)
