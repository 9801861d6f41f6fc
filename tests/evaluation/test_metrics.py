import math
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.schema import RATES
from cefr_helpers.evaluation import cloze, metrics, parsing, summary, variety
from cefr_helpers.text import grammar, ngrams, word_match
from tools import made_mistakes

WORDS = ["apple", "bridge", "candle"]


def slots_of(text, words=WORDS) -> pd.DataFrame:
    return parsing.parse_answers([text], [words])


def filled(text, words=WORDS) -> list:
    return slots_of(text, words)["sentence"].tolist()


# --- slots -----------------------------------------------------------------------------------------------------------


def test_a_right_answer_fills_its_slots():
    table = slots_of("1. She ate an apple.\n2. They crossed two bridges!\n3) Is this a candle?")
    assert table["sentence"].tolist() == ["She ate an apple.", "They crossed two bridges!", "Is this a candle?"]
    assert table["slot"].tolist() == [1, 2, 3] and set(table["prompt"]) == {0}
    assert table[["valid", "covered", "exact_ten"]].all(axis=None) and not table["repeated"].any()
    assert tuple(table.columns) == parsing.COLUMNS


@pytest.mark.parametrize(
    ("text", "sentences", "exact"),
    [
        ("", [None, None, None], False),
        (None, [None, None, None], False),
        ("She ate an apple.", [None, None, None], False),
        ("2. B is here.\n1. A is here.\n3. C is here.", [None, "B is here.", "C is here."], False),
        ("1. A is here.\n3. C is here.", ["A is here.", None, "C is here."], False),
        ("1. A is here.\n1. B is here.\n2. C is here.", ["A is here.", "C is here.", None], False),
        ("0. A is here.\n1. B is here.\n99. C is here.", ["B is here.", None, None], False),
        ("So:\n\n1. A is in.\n\n2. B is here.\n3. C is here.\n\nBye!", ["A is in.", "B is here.", "C is here."], True),
        ("1. apple\n2. bridge\n3. candle\n\n1. A is here.\n2. B is here.", ["A is here.", "B is here.", None], False),
        ("**1.** A is **in**.\n  2. “B is here.”\r\n3. C is\nhere.", ["A is in.", "B is here.", "C is here."], True),
        ("1.\n2. B is here.", [None, "B is here.", None], False),
        ("1. apple\n2. Bridge.\n3. candle:", [None, None, None], False),
        ("1. **Apple**: It is red.\n2. bridge - B is here.", ["It is red.", "B is here.", None], False),
        ("1. Apples are red.\n2. Bridge-like things.", ["Apples are red.", "Bridge-like things.", None], False),
    ],
)  # fmt: skip
def test_lines_find_their_slots(text, sentences, exact):
    table = slots_of(text)
    assert table["sentence"].tolist() == sentences
    assert set(table["exact_ten"]) == {exact}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She ate an apple.", True),
        ("Dr. Lee met Mr. Bell at 5 p.m. on Monday.", True),
        ('"Where are you going?" I asked.', True),
        ('"Stop! Don\'t move," she said.', True),
        ("Well... maybe it is.", True),
        ("It costs 3.50 pounds!", True),
        ("He said, “It is late.”", True),
        ("She ate an apple", False),
        ("She ate an apple. It was red.", False),
        ("She ate an apple. it was red.", False),
        ("Really? Yes, it is.", False),
        ("Component: 1. Component.", False),
        ("Apple.", False),
        ("...", False),
        ("", False),
    ],
)
def test_one_sentence(text, expected):
    assert parsing.is_one_sentence(text) is expected


def test_coverage_is_ordered_and_needs_a_valid_slot():
    table = slots_of("1. They crossed the bridge.\n2. She ate the apple on the bridge.\n3. A candle burned")
    assert table["valid"].tolist() == [True, True, False]
    assert table["covered"].tolist() == [False, True, False]


def test_repetition_inside_an_answer_marks_all_copies_and_later_answers_only_theirs():
    same = "1. I like the apple.\n2. I like the bridge.\n3. We lit a candle for her."
    table = parsing.parse_answers(
        [same, "1. He eats an apple.\n2. We lit a candle for him.\n3. I like the candle."], [WORDS] * 2
    )
    # masked, the first two are one sentence; the third comes back, nearly, but with another word masked
    assert table["repeated"].tolist() == [True, True, False, False, False, True]  # fmt: skip
    near = ["We walked home slowly over the very old bridge.", "We walked home slowly over that very old bridge."]
    assert parsing.repeated([0, 1], ["bridge"] * 2, near) == [False, True]
    assert parsing.repeated([0, 1], ["bridge"] * 2, [near[0], None]) == [False, False]


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["1. ", "2.", "3) ", "A b. ", "\n", "**", '"', "99. "])).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_rubbish_never_breaks_the_slots(text):
    table = slots_of(text)
    assert len(table) == 3 and not (table["covered"] & ~table["valid"]).any()
    assert not (table["valid"] & table["sentence"].isna()).any()


def test_a_long_answer_is_read_in_no_time():
    text = "1. " + "ha! " * 50_000 + "\n" * 50_000 + " " * 100_000 + '"' * 10_000 + "1." * 50_000
    assert len(slots_of(text)) == 3


def test_answers_and_words_must_fit():
    with pytest.raises(InputError, match="2 texts for 1 prompts"):
        parsing.parse_answers(["a", "b"], [WORDS])


# --- grammar, copies, diversity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("My neighbour has a grey coat.", True),
        ("My neighbor has a gray coat.", True),
        ("My neighbour likes the color of the harbor.", False),  # British and American in one
        ("He go to school every day.", False),
        ("I like like the apple.", False),
        ("This is an bridge.", False),
        ("She recieved a letter.", False),
        (None, False),
    ],
)
def test_grammar(sentence, expected):
    assert grammar.clean([sentence]) == [expected]


def test_copies_are_told_without_case_and_marks():
    seen = ngrams.index_training(["The old man walked slowly over the long bridge again."])
    copy, longer = (
        "the old man walked slowly, over the long bridge again!",
        "The old man walked slowly over the long road.",
    )
    assert ngrams.is_copy(seen, [copy, longer, None]) == [True, False, False]
    # ten words have three 8-grams; nine have two, of which only the one without the last word is in training
    assert ngrams.gram_counts(seen, [copy, longer, "Too short.", None]) == [(3, 3), (2, 1), (0, 0), (0, 0)]
    assert ngrams.gram_counts(seen, ["An old man walked slowly over the long bridge."]) == [(2, 1)]


def test_diversity_on_hand_made_sentences():
    assert ngrams.distinct_2(["a b c", "a b d"]) == 3 / 4
    assert ngrams.distinct_2(["one"]) == 0
    assert ngrams.self_bleu(["a b c d e"] * 3) == pytest.approx(1)
    # precisions of each: 3/4, 2/3, 1/2 and none (0.1 of 1)
    assert ngrams.self_bleu(["a b c d", "a b c e"]) == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** 0.25)
    # the shorter one: 2/2, 1/1 by its two orders, brevity exp(1 - 4/2); the longer: 2/4, 1/3, 0.1/2, 0.1/1
    expected = (math.exp(-1) + (2 / 4 * 1 / 3 * 0.1 / 2 * 0.1) ** 0.25) / 2
    assert ngrams.self_bleu(["a b", "a b c d"]) == pytest.approx(expected)
    assert ngrams.gzip_ratio(["She ate an apple."] * 50) > 5 * ngrams.gzip_ratio(["She ate an apple."])


def test_diversity_takes_the_same_number_of_any_set():
    many = [f"We saw {a} {b} there." for a in ("one", "two", "six") for b in ("cats", "dogs", "hens")]
    assert ngrams.measure(many, 4, seed=1) == ngrams.measure(many, 4, seed=1)
    assert ngrams.measure(many[:4], 4, seed=1)["distinct_2"] == ngrams.distinct_2(many[:4])
    with pytest.raises(InputError, match="expected 2 to 9"):
        ngrams.measure(many, 10, seed=1)


# --- all together, on held-out words of the bundled bank -------------------------------------------------------------


@pytest.fixture(scope="module")
def held_out():
    """level -> words and sentences of held-out prompts (6 a level), and the training sentences of all levels."""
    from cefr_helpers.data import banks as sentence_bank
    from cefr_helpers.data import formatting, splitting

    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B1"))
    split = splitting.split_groups(banks, "words", held_out_share=0.2, dev_share=0.1, seed=1)
    training = [
        s for level, bank in banks.items() for word in split.words(level, "train") for s in bank.sentences[word]
    ]
    prompts = {}
    for level, bank in banks.items():
        examples = formatting.draw_examples(bank, split, level, "eval", 6, seed=1)
        prompts[level] = [
            (one["words"], [line.split(" ", 1)[1] for line in one["output"].split("\n")]) for one in examples
        ]
    return prompts, training


def measured(prompts, training, level, score) -> pd.DataFrame:
    """Answers made of (words, sentences), every sentence being given the level `score`."""
    answers = ["\n".join(f"{i}. {sentence}" for i, sentence in enumerate(told, 1)) for _, told in prompts]
    table = parsing.parse_answers(answers, [words for words, _ in prompts])
    return metrics.score_slots(table, level, np.full(len(table), float(score)), training)


def joint(*arguments) -> float:
    return measured(*arguments)["joint_success"].mean()


@pytest.mark.parametrize(("level", "least"), [("A1", 0.93), ("B1", 0.93), ("C1", 0.88)])
def test_gold_succeeds(held_out, level, least):
    prompts, training = held_out
    assert joint(prompts[level], training, level, "ABC".index(level[0]) * 2 + 1) >= least


def test_shuffled_words_fail(held_out):
    prompts, training = held_out
    rng = random.Random(2)
    tables = []
    for score, level in enumerate(("A1", "B1", "C1"), 1):
        shuffled = [
            (words, [made_mistakes.shuffled(sentence, rng) for sentence in told]) for words, told in prompts[level]
        ]
        tables.append(measured(shuffled, training, level, 2 * score - 1))
    table = pd.concat(tables)
    # nothing but the grammar gate stops them, and the checker alone would not
    assert table[["covered", "level_ok"]].mean().min() > 0.99 and table["repetitive"].mean() < 0.01
    assert table["harper_clean"].mean() > 0.4
    assert table["joint_success"].mean() < 0.05


def test_degenerate_answers_fail(held_out):
    prompts, training = held_out
    gold = prompts["B1"]
    turned = [(words, told[1:] + told[:1]) for words, told in gold]
    ten_times = [(words, [told[0]] * 10) for words, told in gold]
    empty = [(words, []) for words, _ in gold]
    others = [(words, told) for (words, _), (_, told) in zip(gold, prompts["B2"], strict=True)]
    assert joint(turned, training, "B1", 3) < 0.05
    assert joint(ten_times, training, "B1", 3) < 0.05
    assert joint(empty, training, "B1", 3) == 0
    # another level's gold: the neighbour's sentences for our words; and words and sentences of one two levels off
    assert joint(others, training, "B1", 4) < 0.05
    assert joint(prompts["C1"], training, "B1", 5) == 0


def test_copies_of_training_sentences_fail_even_where_they_use_the_word(held_out):
    prompts, training = held_out
    words = [word for asked, _ in prompts["B1"][:4] for word in asked]
    copies = [next((s for s in training if word_match.matches(word, s)), training[i]) for i, word in enumerate(words)]
    copied = [(words[i : i + 10], copies[i : i + 10]) for i in range(0, len(words), 10)]
    table = measured(copied, training, "B1", 3)
    assert table["covered"].mean() > 0.1 and table["copied"].all()
    assert not table["joint_success"].any()
    assert metrics.summarise(table)["ngrams_in_training"] == 1
    assert metrics.summarise(measured(prompts["B1"], training, "B1", 3))["ngrams_in_training"] < 0.05


def test_summary_of_a_hand_made_answer(held_out):
    _, training = held_out
    text = "1. She ate an apple after dinner.\n2. We saw the old bridge there.\n3. He light the candle"
    table = metrics.score_slots(slots_of(text), "A2", [2.5, 3.5, np.nan], training)
    assert table["squared_error"].tolist() == [0.25, 2.25, 9.0]
    assert table["level_ok"].tolist() == [True, False, False]
    assert table["words"].tolist() == [6, 6, 0]
    assert table["joint_success"].tolist() == [True, False, False]
    found = metrics.summarise(table)
    assert found["exact_ten"] == 1  # three numbered lines for three words, though one is no sentence
    assert found["control_error"] == pytest.approx(11.5 / 3) and found["bias"] == 1.0
    assert found["exact_accuracy"] == pytest.approx(1 / 3)
    assert found["words_a_sentence"] == 6 and found["above_level_share"] == 0
    assert found["within_next_level"] == 1 and found["unsuitable"] == 0
    assert 0 < found["distinct_2"] <= 1 and found["self_bleu"] is not None
    assert metrics.summarise(table, sentences_compared=3)["distinct_2"] is None  # two are valid


def test_words_above_the_next_level_and_words_not_for_a_class_are_counted_but_not_the_target_itself(held_out):
    _, training = held_out
    told = ["The murder of the king was an atrocity.", "He was murdered in the kitchen.", "She ate an apple."]
    table = slots_of("\n".join(f"{i}. {one}" for i, one in enumerate(told, 1))).assign(word=["king", "murder", "apple"])
    scored = metrics.score_slots(table, "A1", [1.0] * 3, training)
    assert scored["unsuitable_words"].tolist() == [1, 0, 0]
    assert (scored["far_above_words"] > 0).tolist() == [True, False, False]
    found = metrics.summarise(scored)
    assert found["unsuitable"] == 1 and found["within_next_level"] == pytest.approx(2 / 3)


def test_an_empty_answer_has_the_worst_of_everything_that_counts_and_no_number_elsewhere(held_out):
    _, training = held_out
    found = metrics.summarise(metrics.score_slots(slots_of(""), "A1", [np.nan] * 3, training))
    assert found["control_error"] == 16 and found["exact_ten"] == found["exact_accuracy"] == 0
    assert found["bias"] is found["words_a_sentence"] is found["ngrams_in_training"] is found["distinct_2"] is None


def test_nothing_is_computed_that_no_record_keeps(held_out):
    _, training = held_out
    table = metrics.score_slots(slots_of("1. The apple is red."), "A1", [1, 1, 1], training)
    assert tuple(metrics.summarise(table)) == metrics.MEANS
    assert set(summary.MEASURES) == {
        *metrics.MEANS,
        *RATES,
        *("control_error_length_free", *variety.MEASURES, *cloze.MEASURES, "human_within_one", *summary.MEAN_LEVELS),
    }


def test_what_does_not_fit_is_refused():
    table = slots_of("1. The apple is red.")
    with pytest.raises(InputError, match="one per slot"):
        metrics.score_slots(table, "A1", [1, 1], [])
    with pytest.raises(InputError, match="nan at a valid slot"):
        metrics.score_slots(table, "A1", [np.nan] * 3, [])
    with pytest.raises(InputError, match="no column covered"):
        metrics.score_slots(table.drop(columns="covered"), "A1", [1, 1, 1], [])
