"""The choice among judged candidates, by hand: gates, score, variety, and the report on words that lack sentences."""

import json

import pytest

from cefr_helpers.writing import curve, judging, output, plans, selection, sense
from cefr_helpers.writing.judging import Candidate
from cefr_helpers.writing.writing import Outcome


def candidate(word: str, text: str, score: float, order: int = 0, reason: str | None = None, people: float = 3.0):
    return Candidate(word, text, order, reason, "", 4.0, people, sense.probability(score), score)


def test_the_best_that_passes_is_chosen_and_the_others_wait():
    some = [
        candidate("dog", "A dog barked at me.", -3.0),
        candidate("dog", "My dog ran away.", -2.0),
        candidate("dog", "Dog.", -0.1, reason="not_one_sentence"),
        candidate("dog", "Their neighbour walks the dog.", -4.0),
    ]
    choice = selection.choose(["dog"], some, 1)
    assert [one.text for one in choice.chosen["dog"]] == ["My dog ran away."]
    assert [one.text for one in choice.runners_up["dog"]] == ["A dog barked at me.", "Their neighbour walks the dog."]
    assert [one.reason for one in choice.rejected] == ["not_one_sentence"] and not choice.lacking(1)
    assert choice.lacking(3) == {"dog": 2}


def test_the_sentences_of_a_word_differ_in_opening_place_and_kind():
    some = [
        candidate("dog", "The dog barked at my sister.", 0.5),
        candidate("dog", "The dog slept on her bed.", 0.4),
        candidate("dog", "Have you fed that hungry dog?", 0.1),
    ]
    chosen = selection.choose(["dog"], some, 2).chosen["dog"]
    assert [one.text for one in chosen] == [some[0].text, some[2].text]


def test_no_opening_takes_more_than_its_share_while_there_is_another():
    words = [f"word{n}" for n in range(20)]
    some = [candidate(word, f"The {word} number {n} is here and {word}.", 1.0) for n, word in enumerate(words)]
    some += [candidate(word, f"{chr(65 + n)}nna has number {n} with a {word}.", -7.0) for n, word in enumerate(words)]
    chosen = [own[0].text for own in selection.choose(words, some, 1).chosen.values()]
    assert sum(text.startswith("The ") for text in chosen) == 3  # 15 % of 20
    only = [one for one in some if one.text.startswith("The ")]
    assert sum(map(len, selection.choose(words, only, 1).chosen.values())) == 20


def test_what_says_the_same_of_another_word_is_never_chosen():
    some = [candidate("apple", "I really like this apple.", 0.1), candidate("pear", "I really like this pear.", 0.2)]
    choice = selection.choose(["apple", "pear"], some, 1)
    assert not choice.chosen["pear"] and [one.reason for one in choice.rejected] == ["repeats"]


def test_best_of_n_by_hand():
    some = [
        candidate("dog", "The dog.", 2.0, 0, "level", people=1.0),
        candidate("dog", "Is the dog here?", -1.0, 1, people=3.2),
        candidate("cat", "The cat is here.", 0.0, 0, people=2.9),
        candidate("cat", "Cats, in short.", 1.0, 1, "mistake"),
    ]
    table = curve.best_of(some, "B2").set_index("n")
    assert list(table.index) == [1, 2]
    assert table["passes"].tolist() == [0.5, 1.0] and table["questions"].tolist() == [0.0, 0.5]
    assert table["within_one"].tolist() == [0.0, 0.5] and table["most_common_opening"].tolist() == [1.0, 0.5]
    assert table["printable"].tolist() == pytest.approx([(0.8808 + 0.5) / 2, (0.2689 + 0.5) / 2], abs=1e-4)


def outcome(some: list[Candidate], words: tuple[str, ...], sentences: int) -> Outcome:
    plan = plans.Plan("animals", words, "B2", sentences, {"dog": {"meaning": "an animal"}})
    return Outcome(plan, "model", "The base model writes.", tuple(some), selection.choose(words, some, sentences))


def test_words_that_lack_sentences_are_named_with_what_became_of_their_candidates(tmp_path):
    some = [
        candidate("dog", "My dog ran away.", 1.0),
        candidate("cat", "The cat.", -9, reason="level"),
        candidate("cat", "=Cat.", -9, reason="mistake"),
    ]
    made = outcome(some, ("dog", "cat", "emu"), 1)
    choice = output.write(made, tmp_path)
    assert choice == json.loads(output.choice_file(tmp_path).read_text())
    told = "\n".join(output.summary(choice, tmp_path))
    assert "Sentences: 1, for 3 words at B2, chosen from 3 candidates of model" in told
    assert "  cat: 1 missing (1 not of the level, 1 with a mistake)" in told
    assert "  emu: 1 missing (no candidate came)" in told and told.startswith("The base model writes.")
    assert output.rejected_file(tmp_path).read_text().splitlines()[1:] == ["cat,The cat.,level,", "cat,'=Cat.,mistake,"]
    first = choice["words"][0]
    assert first["meaning"] == "an animal" and first["chosen"][0]["sentence"] == "My dog ran away."
    assert first["chosen"][0]["printable"] == 0.73 and "would print about 73% of them" in told
    assert [one.meaning for one in made.collection().sentences] == ["an animal"]


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("The old dog barked.", []),
        ("The dog saw Anna and a bicycle.", []),
        ("Scientists dissected the dog in laboratories.", ["dissected", "laboratories"]),
    ],
)
def test_words_that_a_class_does_not_know_are_named(text, strange):
    assert judging.unknown_words("dog", text, "A2", frozenset({"barked", "bicycle"})) == strange
