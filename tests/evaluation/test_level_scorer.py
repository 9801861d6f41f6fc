import json
import math
import random
import time
from pathlib import Path

import numpy as np
import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.data import splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.evaluation import level_features, level_scorer, level_scorers

REAL_BANKS = Path(__file__).parents[3] / "shared" / "data"
needs_real_banks = pytest.mark.skipif(not REAL_BANKS.is_dir(), reason="needs the real sentence banks")


def features(sentence: str, target: str | None = None) -> dict[str, float]:
    row = level_features.matrix([sentence], target and [target])[0]
    return dict(zip(level_features.FEATURES, row.tolist(), strict=True))


def trained(sentences, target_words, levels, length_free) -> level_scorer.LevelScorer:
    names = level_features.FREE_FEATURES if length_free else level_features.FEATURES
    return level_scorer.fit(level_features.matrix(sentences, target_words), levels, names)


@pytest.fixture(scope="module")
def rows():
    """The bundled corpus, as (training rows, held-out rows) of a split by words."""
    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B2"))
    split = splitting.split_groups(banks, "words", 0.2, 0.1, 1)
    train, everything = level_scorers.sentences_of(banks, split), level_scorers.sentences_of(banks)
    known = set(zip(train.levels, train.target_words, strict=True))
    held_out = [
        row
        for row in zip(everything.sentences, everything.target_words, everything.levels, everything.groups, strict=True)
        if (row[2], row[1]) not in known
    ]
    return train, level_scorers.Sentences(*zip(*held_out, strict=True))


@pytest.fixture(scope="module")
def scorers(rows):
    """Length-free or not -> scorer."""
    train = rows[0]
    return {
        free: trained(train.sentences, train.target_words, train.levels, length_free=free) for free in (False, True)
    }


# --- features


def test_exact_features_of_a_small_sentence():
    found = features("The dogs eat fish, and she plays.")
    assert found["words"] == 7
    assert found["log_words"] == math.log(7)
    assert found["characters"] == 25
    assert found["syllables"] == 7
    assert found["flesch_kincaid"] == pytest.approx(0.39 * 7 + 11.8 * 1 - 15.59)
    assert found["automated_readability"] == pytest.approx(4.71 * 25 / 7 + 0.5 * 7 - 21.43)
    assert (found["commas"], found["clause_marks"], found["prepositions"]) == (1, 1, 0)
    assert found["share_a1"] == 1 and found["mean_level"] == 1
    assert found["article_rate"] == pytest.approx(1 / 7) == found["other_pronoun_rate"]
    assert found["share_function"] == pytest.approx(3 / 7)  # the, and, she


@pytest.mark.parametrize(
    ("name", "sentence", "words"),
    [
        ("passive_rate", "The song was never sung.", 5),
        ("perfect_rate", "They have already gone.", 4),
        ("infinitive_rate", "I want to swim.", 4),
        ("negative_rate", "I don't swim.", 3),
        ("clitic_rate", "I don't swim.", 3),
        ("relative_rate", "The man who swims.", 4),
        ("modal_rate", "You should swim.", 3),
        ("ing_form_rate", "Swimming is fun.", 3),
        ("past_form_rate", "They went home.", 3),
        ("nominal_rate", "Her happiness grew.", 3),
        ("formal_preposition_rate", "Rest amid chaos.", 3),
    ],
)
def test_grammar_is_counted_once_a_word(name, sentence, words):
    assert features(sentence)[name] == pytest.approx(1 / words)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("passive_rate", "She has sung the song."),
        ("passive_rate", "She is singing."),
        ("perfect_rate", "They have three dogs."),
        ("infinitive_rate", "I walk to the park."),
        ("ing_form_rate", "Everything in the morning."),
        ("inverted_start", "She had never seen it."),
        ("past_form_rate", "They go home."),
    ],
)
def test_grammar_that_is_not_there_is_not_counted(name, sentence):
    assert features(sentence)[name] == 0


def test_how_a_sentence_begins():
    assert features("Never had she seen it.")["inverted_start"] == 1
    assert features("Although it rained, we left.")["subordinate_start"] == 1
    assert features("Opening the box, he smiled.")["participle_start"] == 1
    assert features("He smiled.")["pronoun_start"] == 1


def test_the_target_word_is_masked_in_all_its_forms():
    cats = features("The two cats slept.", "cat")
    assert features("The two dogs slept.", "dog") == cats
    assert features("The two abolished slept.", "abolish") == cats
    assert features("The two well-known slept.", "well-known") == cats
    assert features("The two abolished slept.") != features("The two cats slept.")


def test_a_masked_grammar_word_is_not_counted_and_keeps_its_place():
    masked = features("We left because it rained.", "because")
    assert masked["words"] == 5
    assert masked["clause_marks"] == 0 and features("We left because it rained.")["clause_marks"] == 1


def test_names_and_non_words_are_not_taken_for_rare_words():
    assert features("We met Zebulonia there.")["rarest_zipf"] == features("We met Tom's there.")["rarest_zipf"]
    assert features("We met qzxvkj there.")["share_unlisted"] == 0


def test_length_free_features_are_those_that_a_repetition_leaves_alone():
    once, twice = "green birds sing songs about rain", "green birds sing songs about rain, " * 2
    one, two = features(once + ","), features(twice)
    for name in level_features.FREE_FEATURES:
        assert two[name] == pytest.approx(one[name]), name
    for name in ("words", "log_words", "characters", "syllables", "flesch_kincaid", "automated_readability", "commas"):
        assert two[name] > one[name] and level_features.depends_on_length(name), name


def test_as_many_target_words_as_sentences():
    with pytest.raises(InputError, match="1 for 2 sentences"):
        level_features.matrix(["One.", "Two."], ["one"])


# --- scorer


def toy(levels: list[str]):
    """Sentences whose number of words is their level's number, times three."""
    words = {level: 3 * i for i, level in enumerate(("A1", "A2", "B1", "B2", "C1"), 1)}
    rows = [(" ".join(["rain"] * words[level]) + ".", "sun", level) for level in levels for _ in range(20)]
    return zip(*rows, strict=True)


def test_the_scale_is_that_of_all_levels_also_where_a_bank_has_only_some():
    sentences, targets, levels = toy(["A2", "B1", "C1"])
    scorer = trained(sentences, targets, levels, length_free=False)
    assert scorer.levels == ("A2", "B1", "C1") and scorer.counts == (20, 20, 20)
    scores = scorer.score(sentences, targets)
    assert scores[[0, 20, 40]] == pytest.approx([2, 3, 5], abs=0.15)
    assert scorer.nearest(np.array([1.0, 2.4, 2.5, 3.9, 4.0, 5.0])).tolist() == [2, 2, 3, 3, 5, 5]


class ByHand:
    """Classifiers of "above A1" and "above B1" that use only the number of words."""

    def predict_proba(self, words):
        logits = (words[:, 0] - 4) / 2, words[:, 0] - 5
        return [np.stack([1 / (1 + np.exp(one)), 1 / (1 + np.exp(-one))], axis=1) for one in logits]


def test_a_scorer_by_hand_gives_the_expectation_over_levels():
    scorer = level_scorer.LevelScorer(("A1", "B1", "C1"), (1, 1, 1), ("words",), ByHand())
    scores = scorer.score(["Six words are in this sentence.", "Four words are here."])
    above = [(1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-1))), (0.5, 1 / (1 + math.exp(1)))]
    assert scores == pytest.approx([1 + 2 * low + 2 * high for low, high in above], abs=1e-12)


def test_a_feature_counts_by_its_distance_from_the_mean_and_beyond_four_deviations_no_more():
    sentences, targets, levels = toy(["A1", "A2", "B1", "B2", "C1"])
    scorer = trained(sentences, targets, levels, length_free=False)
    words = level_features.FEATURES.index("words")
    known = level_features.matrix(sentences, targets)
    rows = np.repeat(known[40:41], 4, axis=0)
    rows[:, words] = known[:, words].mean() + known[:, words].std() * np.array([0, 3.9, 4.0, 400])
    middle, near, at, beyond = scorer.score_features(rows)
    assert middle < near < at == beyond


def test_far_outside_of_training_a_score_stays_on_the_scale(scorers):
    texts = ["word " * 500, "Antidisestablishmentarianism!", "12 13.", "?!?", "Привет, мир."]
    for scorer in scorers.values():
        scores = scorer.score(texts)
        has_words = np.array([True, True, True, False, True])
        assert np.isnan(scores[~has_words]).all() and np.isnan(scorer.nearest(scores)[3])
        assert (scores[has_words] >= 1).all() and (scores[has_words] <= 5).all()


def test_no_sentence_gives_no_score(scorers):
    assert scorers[False].score([]).shape == (0,)


def test_training_refuses_what_it_cannot_learn_from():
    with pytest.raises(InputError, match="at least two"):
        trained(["One.", "Two."], None, ["A1", "A1"], length_free=False)
    with pytest.raises(InputError, match="1 for 2"):
        trained(["One.", "Two."], None, ["A1"], length_free=False)
    with pytest.raises(InputError, match="'A9'"):
        trained(["One.", "Two."], None, ["A1", "A9"], length_free=False)


def test_held_out_words_of_the_bundled_corpus_rise_with_their_level(scorers, rows):
    held_out = rows[1]
    levels = np.array(held_out.levels)
    for free, step in ((False, 0.7), (True, 0.3)):
        scores = scorers[free].score(held_out.sentences, held_out.target_words)
        means = [scores[levels == level].mean() for level in ("A1", "A2", "B1", "B2", "C1")]
        assert (np.diff(means) > step).all(), means


def test_only_the_full_scorer_follows_length_inside_a_level(scorers, rows):
    held_out = rows[1]
    levels, words = np.array(held_out.levels), np.array([len(one.split()) for one in held_out.sentences])

    def correlation(scores):
        inside = [levels == level for level in sorted(set(levels))]
        return np.mean([np.corrcoef(scores[one], words[one])[0, 1] for one in inside])

    scores = {free: scorer.score(held_out.sentences, held_out.target_words) for free, scorer in scorers.items()}
    assert correlation(scores[False]) > 0.4
    assert abs(correlation(scores[True])) < 0.15


def test_word_salad_scores_like_its_sentence_so_a_grammar_gate_is_needed(scorers, rows):
    held_out, generator = rows[1], random.Random(0)
    salad = [" ".join(generator.sample(words := one[:-1].split(), len(words))) + one[-1] for one in held_out.sentences]
    for free, limit in ((False, 0.15), (True, 0.3)):
        scores = scorers[free].score(held_out.sentences, held_out.target_words)
        assert np.mean(abs(scorers[free].score(salad, held_out.target_words) - scores)) < limit


def test_speed(rows, scorers):
    train, held_out = rows
    chosen = slice(0, None, max(len(train.sentences) // 4800, 1))
    start = time.process_time()
    trained(train.sentences[chosen], train.target_words[chosen], train.levels[chosen], length_free=False)
    assert time.process_time() - start < 20
    start = time.process_time()
    scorers[False].score(held_out.sentences, held_out.target_words)
    assert len(held_out.sentences) / (time.process_time() - start) > 1000


# --- card


def test_quality_of_hand_made_predictions():
    true, predicted = [1, 1, 2, 2, 4, 4], [1, 2, 2, 2, 4, 1]
    found = level_scorers.quality(true, [1, 2, 2, 2, 4, 1], predicted, ["A1", "A2", "B2"])
    # squared distances: 0 1 0 0 0 9; expected under independence: mean over all pairs of true and predicted
    expected = np.mean([(a - b) ** 2 for a in true for b in predicted])
    assert found["qwk"] == pytest.approx(1 - (10 / 6) / expected)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["within_one"] == pytest.approx(5 / 6)
    assert found["rmse"] == pytest.approx(math.sqrt(10 / 6))
    assert found["mean_score"] == {"A1": 1.5, "A2": 2.0, "B2": 2.5}
    assert found["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]


def small_banks() -> dict[str, Bank]:
    """Of each level, every twenty-fifth word of the bundled corpus."""
    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B2"))
    chosen = {
        level: {word: bank.sentences[word] for word in list(bank.sentences)[::25]} for level, bank in banks.items()
    }
    return {level: Bank("small", sentences, (), 0, 0) for level, sentences in chosen.items()}


def test_no_group_of_words_lies_in_two_folds():
    rows = level_scorers.sentences_of(small_banks())
    tested = []
    for train, test in level_scorers._folds(rows, 5, 0):
        assert {rows.groups[i] for i in train}.isdisjoint(rows.groups[i] for i in test)
        assert {rows.target_words[i] for i in train}.isdisjoint(rows.target_words[i] for i in test)
        tested += test.tolist()
    assert sorted(tested) == list(range(len(rows.sentences)))


def test_rows_of_a_split_are_those_of_its_training_words():
    banks = small_banks()
    split = splitting.split_groups(banks, "words", 0.25, 0.1, 3)
    found = level_scorers.sentences_of(banks, split)
    expected = {(level, word) for level in banks for word in split.words(level, "train")}
    assert set(zip(found.levels, found.target_words, strict=True)) == expected
    assert len(expected) < sum(len(bank.sentences) for bank in banks.values())


def test_the_card_knows_nothing_where_levels_are_dealt_at_random():
    rows = level_scorers.sentences_of(small_banks())
    dealt = random.Random(0).choices(["A2", "B1", "B2"], k=len(rows.levels))
    found = level_scorers.quality_report(
        level_scorers.Sentences(rows.sentences, rows.target_words, tuple(dealt), rows.groups)
    )
    assert all(abs(variant["qwk"]) < 0.15 for variant in found["variants"].values())


def test_the_card_of_a_small_bank():
    rows = level_scorers.sentences_of(small_banks())
    found = level_scorers.quality_report(rows, folds=4)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == level_scorers.quality_report(rows, folds=4)
    assert found["counts"] == {level: 120 for level in ("A1", "A2", "B1", "B2", "C1")}
    assert list(found["variants"]) == ["full", "length_free", "length_only"]
    for variant in found["variants"].values():
        assert [sum(row) for row in variant["confusion"]] == [120] * 5
    assert found["variants"]["full"]["qwk"] > 0.85
    assert 0.6 < found["variants"]["length_free"]["qwk"] < 0.9


def test_the_card_refuses_what_cannot_be_cross_validated():
    with pytest.raises(InputError, match="at least two"):
        level_scorers.quality_report(level_scorers.Sentences(("One.",), ("one",), ("A1",), (0,)))
    with pytest.raises(InputError, match="5 for 2 groups"):
        level_scorers.quality_report(level_scorers.Sentences(("One.", "Two."), ("one", "two"), ("A1", "A2"), (0, 1)))


@pytest.fixture(scope="module")
def real_card():
    return level_scorers.quality_report(
        level_scorers.sentences_of(sentence_bank.read_all(sentence_bank.find(REAL_BANKS, "B2")))
    )


@needs_real_banks
def test_real_banks_word_disjoint(real_card):
    full, free, length = (real_card["variants"][name] for name in ("full", "length_free", "length_only"))
    assert full["qwk"] > 0.86 and full["accuracy"] > 0.82 and full["within_one"] > 0.995
    assert full["qwk"] - length["qwk"] > 0.015
    assert 0.7 < free["qwk"] < length["qwk"]


@needs_real_banks
@pytest.mark.xfail(strict=True, reason="three neighbouring levels, .83 right: kappa .87; word n-grams reach .88")
def test_real_banks_reach_the_goal(real_card):
    assert real_card["variants"]["full"]["qwk"] >= 0.93
