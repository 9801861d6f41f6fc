"""Splitting, drawing, auditing and writing of examples, and the memoriser's floor."""

import json
import math
import random
import subprocess
import sys
import time
from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import formatting, leak_audit, splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.text.near_duplicates import near_duplicates


def _bank(sentences, name="made"):
    sentences = {word: tuple(own) for word, own in sentences.items()}
    return Bank(name, sentences, (), len(sentences), sum(map(len, sentences.values())))


def _made_words(count, seed=1):
    syllables = [consonant + vowel for consonant in "bdfgklmnprtvz" for vowel in "aeiou"]
    rng = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(rng.choices(syllables, k=rng.randint(3, 4))) + "x"] = None
    return list(words)


def _made_bank(count, per_word=5, seed=1):
    rng = random.Random(seed)
    vocabulary = _made_words(3 * count, seed)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    bank = {}
    for word in vocabulary[:count]:
        others = [rng.choices(vocabulary, cum_weights=weights, k=rng.randint(8, 18)) for _ in range(per_word)]
        bank[word] = [f"{' '.join([word, *rest])}.".capitalize() for rest in others]
    return _bank(bank)


BANK = _made_bank(120)


def _split(bank=BANK, policy="words", share=0.2, dev=0.1, seed=3):
    return splitting.split_groups({"B2": bank}, policy, share, dev, seed)


def test_an_example_to_the_letter():
    sentences = {"lamp": ("A lamp.", "The lamps."), "swim": ("We swam.",)}
    assert formatting.make_example("A1", ["swim", "lamp"], [0, 1], sentences) == {
        "instruction": "Generate A1-level English sentences for these 2 words:",
        "input": "1. swim\n2. lamp\n\nWrite one sentence for each word, numbered 1 to 2.",
        "output": "1. We swam.\n2. The lamps.",
        "words": ["swim", "lamp"],
        "sentence_ids": ["A1/swim/0", "A1/lamp/1"],
    }


def test_the_shares_are_kept_and_nothing_is_in_two_parts():
    banks = {"A2": _made_bank(100, seed=5), "B2": BANK}
    split = splitting.split_groups(banks, "words", 0.2, 0.1, 3)
    sizes = {part: [len(split.words(level, part)) for level in banks] for part in splitting.PARTS}
    assert sizes == {"train": [70, 84], "dev": [10, 12], "eval": [20, 24]}
    for level, bank in banks.items():
        assert sorted(word for part in splitting.PARTS for word in split.words(level, part)) == sorted(bank.sentences)


def test_test_words_do_not_depend_on_how_many_are_for_development():
    few, many = _split(dev=0.1), _split(dev=0.3)
    assert few.parts["eval"] == many.parts["eval"] and few.hash != many.hash
    assert set(few.words("B2", "dev")) < set(many.words("B2", "dev"))


@pytest.mark.parametrize(
    ("words", "share", "dev", "expected"),
    [
        (240, 0.5, 0.1, (96, 24, 120)),
        (1000, 0.1, 0.05, (850, 50, 100)),
        (40, 0.2, 0.1, (20, 10, 10)),  # no part has fewer than an example's words
        (34, 0.5, 0.1, (10, 10, 14)),  # nor have the training words
        (30, 0.9, 0.05, (10, 10, 10)),
        (29, 0.2, 0.1, (20, 3, 6)),  # too few for all: the shares as they are, so that the check can say so
    ],
)
def test_a_small_bank_gives_each_part_words_for_an_example(words, share, dev, expected):
    wanted = splitting.targets(words, share, dev)
    assert (words - sum(wanted.values()), wanted["dev"], wanted["eval"]) == expected


@given(st.integers(30, 3000), st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_a_bank_of_thirty_words_can_always_be_split(words, share, dev):
    wanted = splitting.targets(words, share, min(dev, 0.99 - share) if share < 0.98 else 0.005)
    assert min(*wanted.values(), words - sum(wanted.values())) >= 10


def test_what_holds_words_together():
    banks = {
        "A2": _bank(
            {
                "child": ["The child slept all day."],
                "go": ["They go home."],
                "colour": ["What colour is it?"],
                "window": ["Please close the window at night in winter, dear old friend."],
                "alone": ["Nothing else is like this one left alone."],
            }
        ),
        "B2": _bank(
            {
                "children": ["Few children came."],
                "home": ["THEY GO HOME!"],
                "color": ["Red is a color."],
                "winter": ["Please close the window at night in winter, my dear old friend."],
                "friend": ["A friend in need."],
            }
        ),
    }
    found = splitting.group_words(banks)
    assert [group[0] for group in found] == sorted(min(group) for group in found)  # the scorer's folds go by the order
    groups = {frozenset(group) for group in found}
    assert groups == {
        frozenset({("A2", "child"), ("B2", "children")}),
        frozenset({("A2", "go"), ("B2", "home")}),
        frozenset({("A2", "colour"), ("B2", "color")}),
        frozenset({("A2", "window"), ("B2", "winter")}),
        frozenset({("A2", "alone")}),
        frozenset({("B2", "friend")}),
    }
    for seed in range(20):
        split = splitting.split_groups(banks, "words", 0.4, 0.3, seed)
        for group in groups:
            parts = {part for level, word in group for part in splitting.PARTS if word in split.words(level, part)}
            assert len(parts) == 1


def test_a_split_does_not_depend_on_order_and_its_hash_tells_changes():
    turned = _bank(dict(reversed(BANK.sentences.items())))
    assert _split(turned) == _split()
    other = _bank({**BANK.sentences, "lamp": ["A lamp."]})
    splits = [_split(), _split(seed=4), _split(share=0.3), _split(dev=0.2), _split(other), _split(policy="examples")]
    assert len({split.hash for split in splits}) == 6 and all(len(split.hash) == 16 for split in splits)


def test_a_word_more_moves_few_others():
    before, after = _split(), _split(_bank({**BANK.sentences, "lamp": ["A lamp."]}))
    assert len(set(before.words("B2", "eval")) ^ set(after.words("B2", "eval"))) <= 3
    assert len(set(before.words("B2", "train")) ^ set(after.words("B2", "train"))) <= 5


@pytest.mark.parametrize(("policy", "share"), [("random", 0.2), ("words", 0), ("words", 1), ("words", 1.5)])
def test_a_wrong_setting_is_refused(policy, share):
    with pytest.raises(InputError, match="random" if policy == "random" else f"held_out_share: {share}"):
        _split(policy=policy, share=share)
    with pytest.raises(InputError, match="dev_share: 0"):
        _split(dev=0)
    with pytest.raises(InputError, match="held_out_share and dev_share: 0.6 and 0.4; expected less than 1 together"):
        _split(share=0.6, dev=0.4)


def test_words_and_sentences_are_used_evenly():
    split = _split()
    train = formatting.draw_examples(BANK, split, "B2", "train", 100, 1)
    assert len(train) == 100 and len(split.words("B2", "train")) == 84
    words = Counter(word for example in train for word in example["words"])
    assert set(words) == set(split.words("B2", "train")) and set(words.values()) == {11, 12}
    sentences = Counter(one for example in train for one in example["sentence_ids"])
    assert len(sentences) == 420 and set(sentences.values()) <= {2, 3}


def test_every_held_out_word_comes_before_one_comes_again():
    split = _split()
    held_out = formatting.draw_examples(BANK, split, "B2", "eval", 3, 1)
    words = [word for example in held_out for word in example["words"]]
    assert set(words[:24]) == set(split.words("B2", "eval")) and all(len(set(one["words"])) == 10 for one in held_out)


def test_examples_are_those_of_their_seed():
    split = _split()
    first, same, other = (formatting.draw_examples(BANK, split, "B2", "train", 5, seed) for seed in (1, 1, 2))
    assert list(first) == list(same) != list(other)
    assert first[-1] == list(first)[4] and first[1:3] == list(first)[1:3]
    with pytest.raises(IndexError):
        first[5]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10), st.integers(1, 30), st.integers(0, 9))
def test_dealing_is_even_for_any_size(hand, more, count, seed):
    sizes = [1 + number % 3 for number in range(hand + more)]
    hands = formatting._dealt(sizes, hand, random.Random(seed))
    dealt = [next(hands) for _ in range(count)]
    assert all(len({word for word, _ in one}) == hand for one in dealt)
    used = Counter(word for one in dealt for word, _ in one)
    assert max(used.values()) - min(used.get(word, 0) for word in range(len(sizes))) <= 1


def test_too_few_words_says_how_many_are_needed():
    small = _bank(dict(list(BANK.sentences.items())[:29]))
    with pytest.raises(InputError, match=r"level B2 has 6 test words; an example needs 10"):
        formatting.draw_examples(small, _split(small), "B2", "eval", 1, 1)
    with pytest.raises(InputError, match="eval_examples: 0"):
        formatting.draw_examples(BANK, _split(), "B2", "eval", 0, 1)


def test_sentence_ids_lead_back_to_the_sentences():
    for example in formatting.draw_examples(BANK, _split(), "B2", "train", 20, 1):
        for number, (word, identity) in enumerate(zip(example["words"], example["sentence_ids"], strict=True), 1):
            level, id_word, place = identity.split("/")
            assert (level, id_word) == ("B2", word)
            assert f"{number}. {BANK.sentences[word][int(place)]}" in example["output"].split("\n")


def test_the_audit_is_zero_for_words_and_shows_the_old_protocol():
    audits = {}
    for policy in splitting.POLICIES:
        split = _split(policy=policy)
        counts = {"train": 200, "dev": 10, "eval": 20}
        drawn = {part: formatting.draw_examples(BANK, split, "B2", part, n, 1) for part, n in counts.items()}
        assert drawn["dev"][0] != drawn["eval"][0]
        audits[policy] = leak_audit.audit_parts(drawn, policy)
    nothing = {"count": 0, "share": 0.0}
    for found in audits["words"].values():
        assert [found[name] for name in ("word_overlap", "sentence_overlap", "near_duplicates")] == [nothing] * 3
    assert set(audits["words"]) == {("train", "eval"), ("train", "dev"), ("dev", "eval")}
    old = audits["examples"]
    assert old["train", "eval"]["word_overlap"]["share"] == old["train", "dev"]["word_overlap"]["share"] == 1
    assert old["train", "eval"]["sentence_overlap"]["share"] > 0.9 > old["dev", "eval"]["sentence_overlap"]["share"] > 0


def _one(words, sentences):
    return [{"words": words, "output": "\n".join(f"{n}. {one}" for n, one in enumerate(sentences, 1))}]


def test_the_audit_counts_by_hand():
    train = _one(["child", "lamp"], ["The child saw a bird in the big old tree today.", "A lamp is on."])
    held_out = _one(
        ["children", "bird", "tree", "ice"],
        ["Children, run!", "the child saw a bird in the old tree today", "a lamp IS on!", "Ice is cold."],
    )
    assert leak_audit.leak_audit(train, held_out, "examples") == {
        "word_overlap": {"count": 1, "share": 0.25},
        "sentence_overlap": {"count": 1, "share": 0.25},
        "near_duplicates": {"count": 1, "share": 0.25},
        "held_out_words_in_training_sentences": {"count": 3, "share": 0.75},
    }
    with pytest.raises(RuntimeError, match="word_overlap of train and eval is 1, such as 'children'"):
        leak_audit.leak_audit(train, held_out, "words")


@pytest.mark.parametrize(("seen", "of"), leak_audit.PAIRS)
@pytest.mark.parametrize(
    ("word", "sentence", "kind"),
    [
        ("lamps", "Two lamps are broken in here.", "word_overlap"),
        ("red", "a lamp IS on!", "sentence_overlap"),
        ("red", "On is a bright lamp again.", "near_duplicates"),
    ],
)
def test_the_audit_stops_at_a_leak_between_any_two_parts(seen, of, word, sentence, kind):
    own = {
        "train": (["ice", "tree"], ["Ice is cold.", "Trees grow here."]),
        "dev": (["bird", "door"], ["Birds can fly.", "Close the door."]),
        "eval": (["stone", "rain"], ["Stones are hard.", "It rains today."]),
    }
    own[seen] = (
        ["lamp", "frog"],
        ["A lamp is on." if kind != "near_duplicates" else "A bright lamp is on.", "Frogs jump."],
    )
    own[of] = ([word, "moon"], [sentence, "The moon rose."])
    with pytest.raises(RuntimeError, match=f"{kind} of {seen} and {of} is 1"):
        leak_audit.audit_parts({part: _one(*one) for part, one in own.items()}, "words")


_WORD_SETS = st.lists(st.frozensets(st.sampled_from("abcdefghijkl"), min_size=1), max_size=14)


def _jaccard(one, other):
    return len(one & other) / len(one | other)


@given(_WORD_SETS, _WORD_SETS)
def test_near_duplicates_are_all_and_only_those(left, right):
    inside = {(i, j) for j in range(len(left)) for i in range(j) if _jaccard(left[i], left[j]) >= 0.8}
    assert set(near_duplicates(left)) == inside
    across = {(i, j) for i, one in enumerate(left) for j, other in enumerate(right) if _jaccard(one, other) >= 0.8}
    assert set(near_duplicates(left, right)) == across


def test_memoriser_floor():
    examples = formatting.draw_examples(BANK, _split(), "B2", "train", 7, 1)
    floor = formatting.memoriser_floor(examples, BANK.sentences, 84, completion_tokens=200, full_text_tokens=320)
    nats = 10 * math.log(5)
    full_text = nats + math.lgamma(85) - math.lgamma(75)
    assert floor["sentences_per_word"] == 5
    assert floor["completion"] == pytest.approx({"nats_per_example": 16.0943791, "nats_per_token": nats / 200})
    assert floor["full_text"] == pytest.approx({"nats_per_example": full_text, "nats_per_token": full_text / 320})


def test_token_statistics():
    falling = formatting.token_statistics(range(100, 0, -1), 97)
    assert falling == {"counted": 100, "mean": 50.5, "p95": 95, "longest": 100, "truncated": 3}
    assert formatting.token_statistics([7], 7) == {"counted": 1, "mean": 7, "p95": 7, "longest": 7, "truncated": 0}


def test_sentence_words():
    assert formatting.sentence_words(["It's a well-known song.", "No!", "Yes."]) == {"mean": 7 / 3, "median": 1}


def test_examples_are_written_as_readable_json_and_whole(tmp_path):
    sentences = {"naïve": ('A "naïve" idea.',), "lamp": ("A lamp.",)}
    examples = [formatting.make_example("B1", list(sentences), [0, 0], sentences)] * 2
    path = formatting.write_examples(tmp_path / "deep" / "train.json", examples)
    assert json.loads(path.read_text(encoding="utf-8")) == examples
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2 + len(examples)

    broken = examples[0] | {"words": [object()]}  # found when the first line is written
    with pytest.raises(TypeError):
        formatting.write_examples(path, [examples[0], broken])
    assert json.loads(path.read_text(encoding="utf-8")) == examples
    assert [one.name for one in path.parent.iterdir()] == ["train.json"]


def test_two_thousand_examples_take_a_second(tmp_path):
    bank = _made_bank(800)
    split = _split(bank)
    start = time.perf_counter()
    for part, count in (("train", 1800), ("eval", 200)):
        examples = formatting.draw_examples(bank, split, "B2", part, count, 1)
        formatting.write_examples(tmp_path / f"{part}.json", examples)
    assert time.perf_counter() - start < 1
    assert len(json.loads((tmp_path / "train.json").read_text())) == 1800


_LARGE = """
import json, sys
from pathlib import Path
from benchmarks.peers.common import peak_memory_bytes
from cefr_helpers.data import banks, formatting, leak_audit, splitting
folder = Path(sys.argv[1])
bank = banks.read(folder / "B2.json", "B2")
assert sum(map(len, bank.sentences.values())) >= 99_900
split = splitting.split_groups({"B2": bank}, "words", 0.1, 0.05, 1)
counts = {"train": 180_000, "dev": 10_000, "eval": 20_000}
draw = {p: formatting.draw_examples(bank, split, "B2", p, n, 1) for p, n in counts.items()}
leak_audit.audit_parts(draw, "words")
formatting.memoriser_floor(draw["eval"], bank.sentences, len(split.words("B2", "eval")), 200, 300)
for part, examples in draw.items():
    formatting.write_examples(folder / f"{part}.json", examples)
print(peak_memory_bytes())
"""


@pytest.mark.slow
def test_two_hundred_thousand_examples_take_a_minute_and_a_gigabyte(tmp_path):
    """Reading, cleaning, splitting, drawing, auditing and writing; made-up words are slower than a dictionary's."""
    (tmp_path / "B2.json").write_text(json.dumps(_made_bank(20_000).sentences))
    start = time.perf_counter()
    command = [sys.executable, "-c", _LARGE, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project_root())
    assert time.perf_counter() - start < 60
    assert int(done.stdout) < 1e9
