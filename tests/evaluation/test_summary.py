import json
import random

import numpy as np
import pandas as pd
import pytest

from cefr_helpers.core import files, recipes
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import number
from cefr_helpers.core.schema import DatasetRecord
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.data import formatting, splitting
from cefr_helpers.evaluation import baselines, human_scale, intervals, level_scorers
from cefr_helpers.evaluation import summary as evaluation
from cefr_helpers.evaluation.baseline_cache import BaselineCache
from cefr_helpers.models import base_model, generation, prompts

SEED = 1
LEVEL = "B1"


@pytest.fixture(scope="module")
def banks():
    return sentence_bank.read_all(sentence_bank.find("bundled", LEVEL))


@pytest.fixture(scope="module")
def settings():
    """With more training words than the recipe leaves, of which the word order is learnt."""
    return recipes.load_recipe("cpu").model_copy(update={"held_out_share": 0.3})


@pytest.fixture(scope="module")
def split(banks, settings):
    return splitting.split_groups(banks, settings.split, settings.held_out_share, settings.dev_share, SEED)


@pytest.fixture(scope="module")
def known(banks, settings, split):
    return level_scorers.training_rows(banks, dataset_record(split), settings, SEED)


@pytest.fixture(scope="module")
def scorers(known):
    return level_scorers.train(known, SEED)


@pytest.fixture(scope="module")
def held_out(banks, split):
    """Of each level four prompts of ten held-out words, each word once."""
    return {level: formatting.draw_examples(banks[level], split, level, "eval", 4, SEED)[:] for level in banks}


def dataset_record(split) -> DatasetRecord:
    return DatasetRecord(level=LEVEL, results={"split": split.summary()})


def numbered(sentences) -> str:
    return "\n".join(f"{i}. {sentence}" for i, sentence in enumerate(sentences, 1))


GREEDY_ROWS = ("base", "base_three_examples", "base_one_word", "tuned", "gold", "trivial")


def told(example) -> list[str]:
    return [line.partition(". ")[2] for line in example["output"].split("\n")]


def answers_of(examples, base="", tuned="") -> list[dict]:
    """As `comparison.answers` makes them; "" and other fixed texts for all prompts, or one text each."""
    texts = [one if isinstance(one, list) else [one] * len(examples) for one in (base, tuned)]
    return [
        {"words": one["words"], "reference": one["output"], "base": before, "tuned": after}
        for one, before, after in zip(examples, *texts, strict=True)
    ]


def measured(examples, tuned, scorers, known, base="", level=LEVEL, one_word="") -> pd.DataFrame:
    one_word = one_word if isinstance(one_word, list) else [one_word] * len(examples)
    texts = baselines.rows_of_answers(answers_of(examples, base, tuned), [""] * len(examples), one_word)
    return evaluation.measure(texts, [one["words"] for one in examples], level, scorers, known.sentences)


def values(summary, row) -> dict:
    return {measure: numbers["value"] for measure, numbers in summary["measures"][row].items()}


# --- prompts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "at_most", "expected"),
    [
        ([["a", "b"], ["c", "a"], ["b", "d"], ["d", "c"], ["e", "f"]], 100, 3),
        ([["a", "b"], ["c", "a"], ["b", "d"]], 2, 2),
        ([["a", "b"]], 5, 1),
    ],
)
def test_prompts_end_when_each_word_has_come(words, at_most, expected):
    assert baselines.count_prompts([{"words": one} for one in words], at_most) == expected


def test_each_held_out_word_of_the_bundled_bank_comes_in_as_many_prompts_as_are_counted():
    settings = recipes.load_recipe("cpu")
    banks = sentence_bank.read_all(sentence_bank.find("bundled", "B2"))
    split = splitting.split_groups(banks, settings.split, settings.held_out_share, settings.dev_share, 3407)
    for level in banks:
        examples = formatting.draw_examples(banks[level], split, level, "eval", settings.eval_examples, 3407)
        count = baselines.count_prompts(examples, 100)
        assert {word for one in examples[:count] for word in one["words"]} == set(split.words(level, "eval"))


def test_shown_examples_stand_before_the_prompt_as_turns_of_the_chat(bundled, examples):
    tokenizer = base_model.load_tokenizer(bundled)
    plain, *shown = examples[:3]
    text = tokenizer.decode(prompts.prompt_ids(tokenizer, plain, shown))
    places = [text.index(part) for one in shown for part in (prompts.prompt_text(one), f"assistant\n{one['output']}")]
    assert places == sorted(places)
    assert text.count("<|im_start|>assistant") == 3 and text.count("<|im_start|>user") == 3
    # its own answer is not given away
    last = text[text.rindex("<|im_start|>user") :]
    assert prompts.prompt_text(plain) in last and plain["output"] not in text
    assert tokenizer.decode(prompts.prompt_ids(tokenizer, plain)).endswith(last)


def test_examples_in_the_prompt_are_answered_without_the_adapter(examples, tmp_path, monkeypatch):
    calls, kept = [], BaselineCache({"weights": "none"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    class Model:
        def disable_adapter(self):
            import contextlib

            calls.append("off")
            return contextlib.nullcontext()

    def answer(model, tokenizer, asked, max_new_tokens, shown):
        calls.append((len(asked), len(shown), max_new_tokens))
        return ["x"] * len(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation.generation, "answer", answer)
        found = baselines.few_shot_answers(Model(), None, examples[:2], examples[2:5], 7, kept)
    assert found == ["x", "x"] and calls == ["off", (2, 3, 7)]


# --- the scorers -----------------------------------------------------------------------------------------------------


def test_scorers_learn_from_training_words_alone(banks, split, known, scorers):
    held_out = {
        sentence for level in banks for word in split.words(level, "eval") for sentence in banks[level].sentences[word]
    }
    assert held_out and held_out.isdisjoint(known.sentences)
    described = level_scorers.describe(scorers)
    assert described["levels"] == ["A1", "A2", "B1", "B2", "C1"] and described["sentences"] == len(known.sentences)
    assert described["full"]["qwk"] > 0.85 and described["full"]["qwk"] > described["length_free"]["qwk"] > 0.5
    variants = {"full", "length_free", "length_only"}
    assert set(described) == {"levels", "sentences", "folds", "groups", "confusion", *variants}
    assert sum(map(sum, described["confusion"])) == described["sentences"]
    assert all(set(described[variant]) == set(level_scorers.QUALITIES) for variant in variants)


def test_scores_are_of_valid_slots_alone_and_mask_the_slots_own_word(scorers):
    sentence = "She put the magnanimity on the table."
    full, free = level_scorers.scores(
        scorers, [sentence, None, sentence], ["magnanimity", "x", "x"], [True, False, False]
    )
    assert np.isnan(full[1:]).all() and np.isnan(free[1:]).all()
    assert full[0] == scorers.full.score([sentence], ["magnanimity"])[0] != scorers.full.score([sentence])[0]
    assert free[0] == scorers.length_free.score([sentence], ["magnanimity"])[0] != full[0]


@pytest.mark.parametrize("change", ["seed", "bank", "share"])
def test_another_split_than_the_examples_is_refused(banks, settings, split, change):
    seed = SEED + 1 if change == "seed" else SEED
    other = {level: bank for level, bank in banks.items() if level != "A1"} if change == "bank" else banks
    changed = (
        settings.model_copy(update={"held_out_share": settings.held_out_share / 2}) if change == "share" else settings
    )
    with pytest.raises(InputError, match=f"{split.hash}; run 01_data_formatting"):
        level_scorers.training_rows(other, dataset_record(split), changed, seed)


# --- measures --------------------------------------------------------------------------------------------------------


def test_gold_stands_high_and_trivial_and_empty_answers_low(held_out, scorers, known):
    for level, examples in held_out.items():
        summary = evaluation.summarise(measured(examples, "", scorers, known, level=level), scorers, SEED, 60)
        gold, trivial, empty = (values(summary, row) for row in ("gold", "trivial", "tuned"))
        assert gold["joint_success"] >= 0.8 and gold["valid"] == gold["covered"] == gold["exact_ten"] == 1
        assert (
            trivial["valid"] == trivial["covered"] == 1 and trivial["not_repetitive"] == trivial["joint_success"] == 0
        )
        assert all(empty[rate] == 0 for rate in evaluation.RATES)
        assert empty["control_error"] == max(number(level) - 1, 5 - number(level)) ** 2 > gold["control_error"]
        assert empty["bias"] is empty["words_a_sentence"] is empty["distinct_2"] is None


def shuffled(sentence, rng) -> str:
    """The words in another order; capital and end mark as in a sentence."""
    words = sentence[:-1].lower().split()
    rng.shuffle(words)
    return " ".join([words[0].capitalize(), *words[1:]]).replace(" i ", " I ") + sentence[-1]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("shuffled words", "copies")]


@pytest.mark.parametrize("name", ["wrong order", "one sentence ten times", *SLOW, "another level"])
def test_degenerate_answers_fail(held_out, scorers, known, name):
    """The scorers themselves at work, all levels together."""
    rng, far = random.Random(7), {"A1": "B2", "A2": "C1", "B1": "C1", "B2": "A1", "C1": "A2"}
    tables = []
    for level, examples in held_out.items():
        training = [one for one, of in zip(known.sentences, known.levels, strict=True) if of == level]
        lines = {
            "wrong order": [told(one)[1:] + told(one)[:1] for one in examples],
            "one sentence ten times": [told(one)[:1] * 10 for one in examples],
            "shuffled words": [[shuffled(sentence, rng) for sentence in told(one)] for one in examples],
            "copies": [training[i * 10 : i * 10 + 10] for i in range(len(examples))],
            "another level": [told(one) for one in held_out[far[level]]],
        }[name]
        asked = held_out[far[level]] if name == "another level" else examples  # its own words are covered
        tables.append(measured(asked, [numbered(one) for one in lines], scorers, known, level=level))
    tuned = pd.concat(tables).query("row == 'tuned'")
    assert len(tuned) == 200 and tuned["joint_success"].mean() < 0.05
    assert name != "copies" or not tuned["not_copied"].any()
    assert name != "another level" or tuned["level_ok"].mean() < 0.05 < 0.9 < tuned["covered"].mean()


def test_level_gate_is_the_score_and_both_errors_count_invalid_slots_as_the_furthest(held_out, scorers, known):
    sentences = told(held_out["A1"][0])
    table = measured(held_out["A1"][:1], numbered(sentences[:9]), scorers, known, level="C1")
    tuned = table[table["row"] == "tuned"].reset_index(drop=True)
    assert tuned["level_score"][:9].between(1, 3).all() and not tuned["level_ok"].any()
    assert tuned["squared_error"][9] == tuned["squared_error_length_free"][9] == 16
    expected = (scorers.length_free.score(sentences[:9], list(tuned["word"][:9])) - 5) ** 2
    assert tuned["squared_error_length_free"][:9].tolist() == pytest.approx(expected.tolist())
    human = human_scale.load().score(sentences[:9])  # no word masked: whoever labelled saw all of them
    assert tuned["human_level"][:9].tolist() == pytest.approx(human.tolist()) and np.isnan(tuned["human_level"][9])
    assert tuned["human_within_one"].tolist() == [*(abs(human - 5) <= 1), False]
    found = values(evaluation.summarise(table, scorers, SEED, 60), "tuned")
    assert found["human_level"] == pytest.approx(human.mean())
    assert found["bank_level"] == pytest.approx(scorers.full.score(sentences[:9], list(tuned["word"][:9])).mean())
    assert found["control_error_length_free"] == pytest.approx((expected.sum() + 16) / 10)
    assert found["bias"] < -2 and found["exact_accuracy"] == 0


def test_mean_levels_of_both_scales_are_of_valid_slots_and_the_share_within_one_of_all():
    """Two prompts of two words; people's levels are 1.5, 2.5, none and 4, the bank's 2, 2, none and 3."""
    table = pd.DataFrame(
        {
            "prompt": [1, 1, 2, 2],
            "human_level": [1.5, 2.5, np.nan, 4.0],
            "human_level_length_free": [np.nan] * 4,
            "human_within_one": [True, True, False, False],
            "level_score": [2.0, 2.0, np.nan, 3.0],
        }
    )
    seen = {name: evaluation._mean_level(table, column) for name, column in evaluation.MEAN_LEVELS.items()}
    assert seen["human_level"]["value"] == pytest.approx(8 / 3) and seen["bank_level"]["value"] == pytest.approx(7 / 3)
    assert 1 <= seen["human_level"]["low"] < 8 / 3 < seen["human_level"]["high"] <= 5
    assert seen["human_level_length_free"] == {"value": None, "low": None, "high": None}
    assert evaluation._rate(table, "human_within_one")["value"] == 0.5
    alone = evaluation._mean_level(table[:2], "human_level")
    assert alone == {"value": 2.0, "low": None, "high": None}


@pytest.fixture(scope="module")
def four(banks, split):
    """Four prompts of the lowest level, each with three held-out words of its own."""
    words = split.words("A1", "eval")
    groups = [words[i : i + 3] for i in range(0, 12, 3)]
    return [formatting.make_example("A1", group, [0] * 3, banks["A1"].sentences) for group in groups]


def test_differences_are_paired_and_clustered_by_prompt(four, scorers, known):
    right = [one["output"] for one in four]
    same = evaluation.summarise(measured(four, right, scorers, known, base=right, level="A1"), scorers, SEED, 60)
    assert all(found["estimate"] == found["low"] == found["high"] == 0 for found in same["differences"].values())
    assert all(found["p"] == 1 for found in same["differences"].values())
    better = evaluation.summarise(measured(four, right, scorers, known, level="A1"), scorers, SEED, 60)
    covered = better["differences"]["covered"]
    assert (covered["estimate"], covered["low"], covered["high"]) == (1, 1, 1)
    assert covered["p"] == 2**-3  # all of four prompts' signs alike: 2 of 16 flips
    worse = evaluation.summarise(measured(four, "", scorers, known, base=right, level="A1"), scorers, SEED, 60)
    assert worse["differences"]["covered"]["estimate"] == -1
    # two of the four prompts answered: half of the slots, and an interval around it
    half = evaluation.summarise(measured(four, [*right[:2], "", ""], scorers, known, level="A1"), scorers, SEED, 60)
    valid = half["measures"]["tuned"]["valid"]
    assert valid["value"] == 0.5 and 0 <= valid["low"] < 0.5 < valid["high"] <= 1
    assert half["measures"]["tuned"]["exact_ten"] == {"value": 0.5, "low": None, "high": None}


def test_the_verdict_is_against_the_row_of_the_base_that_succeeds_most_often(four, scorers, known):
    right = [one["output"] for one in four]
    table = measured(four, right, scorers, known, base="", level="A1", one_word=[*right[:3], ""])
    found = evaluation.summarise(table, scorers, SEED, 60)
    assert found["strongest_untuned"] == "base_one_word"
    assert found["differences"]["valid"]["estimate"] == 1
    assert found["differences_from_strongest"]["valid"]["estimate"] == 0.25
    # of rows that never succeed the one that uses its words; of equal ones the one that is asked most gently
    none = evaluation.measure(
        baselines.rows_of_answers(answers_of(four, "1. Go!", right), [""] * 4, [""] * 4),
        [one["words"] for one in four],
        "A1",
        scorers,
        known.sentences,
    )
    rows = dict(iter(none.groupby("row")))
    assert evaluation.strongest_untuned(rows) == "base_one_word"
    used = rows["base"].assign(covered=True)
    assert evaluation.strongest_untuned({**rows, "base": used}) == "base"


def test_one_word_at_a_time_is_asked_after_four_words_and_put_together_again(examples, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen = []

    class Model:
        def disable_adapter(self):
            import contextlib

            return contextlib.nullcontext()

    def answer(model, tokenizer, asked, max_new_tokens, shown):
        seen.append((asked, shown, max_new_tokens))
        return [f"1. About {one['input'].split()[1]}.\n2. More." for one in asked]

    monkeypatch.setattr(generation, "answer", answer)
    prompts_, training = [examples[0], {**examples[1], "words": examples[0]["words"][::-1]}], examples[2:8]
    found = baselines.one_word_answers(Model(), None, prompts_, training, "B1", 400, BaselineCache({}))
    words = examples[0]["words"]
    assert found == [numbered(f"About {word}." for word in one) for one in (words, words[::-1])]
    ((asked, shown, most),) = seen
    assert most == baselines.ONE_WORD_TOKENS and asked == [
        formatting.make_prompt("B1", [word]) for word in words
    ]  # each once
    assert [one["input"].split()[1] for one in shown] == [one["words"][0] for one in training[:4]]
    assert [one["output"] for one in shown] == [f"1. {told(one)[0]}" for one in training[:4]]
    beside = baselines.with_one_word([{"words": words}, {"words": ["a"]}], found[:1])
    assert beside == [{"words": words, "base_one_word": found[0]}, {"words": ["a"]}]


def test_the_record_is_complete_and_plain_json(four, scorers, known):
    right = [one["output"] for one in four]
    broken = f"1. {told(four[0])[0]}\n\n3. I like the moon."
    table = measured(four, [broken, *right[1:]], scorers, known, level="A1")
    found = evaluation.summarise(table, scorers, SEED, 60)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["prompts"], found["slots"], found["words"]) == (4, 12, 12)
    assert (found["decoding"], found["max_new_tokens"], found["file"]) == ("greedy", 60, "generations.csv")
    assert tuple(found["measures"]) == GREEDY_ROWS and (found["samples"], found["temperature"]) == (0, None)
    assert all(tuple(row) == evaluation.MEASURES for row in found["measures"].values())
    assert tuple(found["differences"]) == tuple(found["differences_from_strongest"]) == evaluation.RATES
    assert len(found["slots_shown"]) == 10 and set(found["slots_shown"][0]) == {
        *("prompt", "slot", "word", "sentence", "score", "human_level", "failed")
    }
    first, second, third = found["slots_shown"][:3]
    assert (first["prompt"], first["slot"], first["word"]) == (1, 1, four[0]["words"][0])
    assert second["failed"] == ["valid"] and second["sentence"] is second["score"] is second["human_level"] is None
    assert "covered" in third["failed"] and "valid" not in third["failed"]
    assert set(found["scores"]) == {"base", "base_one_word", "tuned", "gold"} and not found["scores"]["base"]
    assert len(found["scores"]["tuned"]) == 11 and all(1 <= score <= 5 for score in found["scores"]["gold"])
    assert set(found["human_scores"]) == set(found["scores"]) and len(found["human_scores"]["tuned"]) == 11
    tuned = table[(table["row"] == "tuned") & table["valid"]]
    asks = [one.endswith("?") for one in tuned["sentence"]]
    by_prompt = intervals.rate_interval(asks, list(tuned["prompt"]))
    assert found["measures"]["tuned"]["questions"] == {
        "value": by_prompt["estimate"],
        "low": by_prompt["low"],
        "high": by_prompt["high"],
    }
    assert found["measures"]["tuned"]["target_place"]["high"] > found["measures"]["tuned"]["target_place"]["low"]
    assert found["openings"]["tuned"]["share"]["high"] > found["openings"]["tuned"]["share"]["value"]
    # base is empty: it has no diversity, and does not keep the others from theirs
    assert found["sentences_compared"] == 11
    assert values(found, "base")["distinct_2"] is None and values(found, "gold")["distinct_2"] > 0.5
    assert values(found, "trivial")["gzip_ratio"] > values(found, "gold")["gzip_ratio"]


def test_one_prompt_has_no_interval(held_out, scorers, known):
    example = held_out[LEVEL][:1]
    found = evaluation.summarise(measured(example, example[0]["output"], scorers, known), scorers, SEED, 60)
    assert found["prompts"] == 1
    assert found["measures"]["gold"]["valid"] == {"value": 1.0, "low": None, "high": None}
    assert found["measures"]["gold"]["questions"]["low"] is None
    assert found["differences"]["valid"] == {"estimate": 1.0, "low": None, "high": None, "p": None}
    assert "[" not in evaluation.measures_table(found["measures"]).loc["valid", "gold"]


def test_samples_are_rows_of_their_own_and_repeat_nothing_of_each_other(four, scorers, known):
    right = [one["output"] for one in four]
    texts = baselines.rows_of_answers(answers_of(four, "", right), [""] * len(four), [""] * len(four))
    sampled = {"base_sampled": [[""] * 4, [""] * 4], "tuned_sampled": [right, ["", *right[1:]]]}
    words = [one["words"] for one in four]
    table = evaluation.measure(texts, words, "A1", scorers, known.sentences, sampled)
    found = evaluation.summarise(table, scorers, SEED, 60)
    assert (found["slots"], found["prompts"]) == (12, 4)
    assert (found["samples"], found["temperature"]) == (2, generation.TEMPERATURE)
    assert tuple(found["measures"]) == evaluation.ROWS
    # the same answers twice are no repetition, and the empty one costs one prompt in eight
    assert values(found, "tuned_sampled")["not_repetitive"] == pytest.approx(7 / 8)
    assert values(found, "tuned_sampled")["exact_ten"] == values(found, "tuned")["exact_ten"] * 7 / 8
    assert values(found, "base_sampled")["valid"] == 0


def test_samples_differ_between_seeds_and_come_back_with_theirs(bundled, four):
    model, tokenizer = base_model.load_model(bundled, "fp32"), base_model.load_tokenizer(bundled)
    drawn = [generation.answer(model, tokenizer, four[:1], 8, sample_seed=seed) for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]
    assert baselines.sampled_answers(model, tokenizer, four, 0, 8, 1, BaselineCache({})) == {}


def test_a_bank_of_one_level_leaves_the_level_out(banks, settings, four):
    alone = {"A1": banks["A1"]}
    split = splitting.split_groups(alone, settings.split, settings.held_out_share, settings.dev_share, SEED)
    known = level_scorers.training_rows(alone, dataset_record(split), settings, SEED)
    assert level_scorers.train(known, SEED) is None and level_scorers.describe(None) is None
    kept = set(split.words("A1", "train"))
    assert kept.isdisjoint(split.words("A1", "eval")) and {*known.target_words} == kept
    fresh = [
        formatting.make_example("A1", split.words("A1", "eval")[i : i + 3], [0] * 3, banks["A1"].sentences)
        for i in (0, 3)
    ]
    table = measured(fresh, fresh[0]["output"], None, known, level="A1")
    found = evaluation.summarise(table, None, SEED, 60)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    gold = values(found, "gold")
    leveled = ("level_ok", "control_error", "bias", "exact_accuracy", "control_error_length_free")
    assert [gold[measure] for measure in leveled] == [None] * 5
    assert gold["joint_success"] > 0.6 and gold["valid"] == 1
    assert found["scorer"] is None and not any(found["scores"].values())
    assert found["differences"]["level_ok"] == {"estimate": None, "low": None, "high": None, "p": None}
    assert found["differences"]["valid"]["estimate"] == 1
    assert all(slot["score"] is None and "level_ok" not in slot["failed"] for slot in found["slots_shown"])
    # people's scale needs no other level: all that the bank cannot say of the level it says
    assert gold["bank_level"] is None and 1 <= gold["human_level"] < 2.5 and gold["human_within_one"] >= 0.5
    assert 0 < found["measures"]["gold"]["human_level"]["low"] < gold["human_level"]
    assert len(found["human_scores"]["gold"]) == found["slots"] and found["slots_shown"][0]["human_level"] > 0
    assert evaluation.measures_table(found["measures"]).loc["level_ok", "gold"] == "–"


def test_the_table_of_slots_reads_back(tmp_path, four, scorers, known):
    right = [one["output"] for one in four]
    table = measured(four, right, scorers, known, base='1. She said, "no".', level="A1")
    path = evaluation.write_csv(tmp_path / "runs" / evaluation.FILE, table)
    assert list(path.parent.iterdir()) == [path]
    read = pd.read_csv(path)
    assert len(read) == 12 * 6 and read["row"].unique().tolist() == list(GREEDY_ROWS)
    assert (
        read.groupby("row")["joint_success"].mean().to_dict() == table.groupby("row")["joint_success"].mean().to_dict()
    )
    gold, tuned = (read[read["row"] == row].drop(columns="row").reset_index(drop=True) for row in ("gold", "tuned"))
    assert gold.equals(tuned)
    assert read["sentence"][0] == 'She said, "no".' and read["sentence"].isna().sum() == 8 + 2 * 12
    assert read["level_score"].isna().sum() == read["level_score_length_free"].isna().sum() == 8 + 2 * 12
    assert read["human_level"].isna().sum() == read["human_level_length_free"].isna().sum() == 8 + 2 * 12
    assert read["human_within_one"].equals((read["human_level"] - number("A1")).abs() <= 1)


def test_an_answer_is_no_formula_in_a_spreadsheet_and_reads_back(tmp_path, four, scorers, known):
    """A target word may begin like a formula, and an untuned model may answer anything."""
    table = measured(four, [one["output"] for one in four], scorers, known, base="", level="A1")
    texts = [
        "=HYPERLINK(1)",
        "+1+cmd",
        "-2+3",
        "@SUM(A1)",
        "\tx",
        "\r=x",
        "＝1",
        "'=1",
        "''+1",
        "-5",
        "'tis",
        "plain = 1",
    ]
    table.loc[: len(texts) - 1, "sentence"] = texts
    table.loc[0, "word"] = "=word"
    written = pd.read_csv(evaluation.write_csv(tmp_path / evaluation.FILE, table), dtype=str, keep_default_na=False)
    cells = written["sentence"][: len(texts)].tolist()
    assert [cell for cell in cells if cell[0] in "=+@\t\r＝" or (cell[0] == "-" and cell != "-5")] == []
    assert cells[-3:] == texts[-3:] and written["word"][0] == "'=word"
    assert [files.from_spreadsheet(cell) for cell in cells] == texts
