"""Pairs from what `cefr write` leaves, the reward with real sentences, refused input, and short trainings."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tiny_models import HARD, smoke_adapter, tiny_recipe

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks
from cefr_helpers.evaluation import level_scorers, metrics, summary
from cefr_helpers.writing import output, plans, selection
from cefr_helpers.writing.judging import Candidate
from cefr_helpers.writing.writing import Outcome
from tools import preference_pairs, sentence_rewards, train_on_preferences
from tools.preference_pairs import Pair

SEED = 3407
SCRIPT = project_root() / "tests" / "support" / "train_tiny_on_preferences.py"


@cache
def training_words() -> tuple[str, ...]:
    return preference_pairs.split_of("smoke", "bundled", "B2", SEED)[1].words("B2", "train")


def candidate(word: str, text: str, reason: str | None = None) -> Candidate:
    return Candidate(word, text, 0, reason, "", 4.0, 3.0, 0.5, 0.0)


def written(folder: Path, candidates: list[Candidate], level: str = "B2") -> Path:
    """An output folder of `cefr write`, made by its own code."""
    words = tuple(dict.fromkeys(one.word for one in candidates))
    choice = selection.choose(words, candidates, 1)
    output.write(Outcome(plans.Plan("list", words, level, 1), "model", "", tuple(candidates), choice), folder)
    return folder


def test_a_pair_is_of_one_training_word_and_of_nearly_equal_length(tmp_path):
    some = [
        candidate("dog", "The dog barked."),
        candidate("dog", "A hungry dog that nobody had fed for days followed us home."),
        candidate("dog", "Dogs is animals.", "mistake"),
        candidate("dog", "=Because the dog which was so very hungry had followed us", "not_one_sentence"),
        candidate("dog", "A hungry dog that nobody had fed for days followed us.", "repeats"),
        candidate("dog", "An axolotl saw the dog.", "unknown_words"),
        candidate("cat", "The cat slept on the sofa."),
        candidate("cat", "It cat.", "mistake"),
        candidate("emu", "It emu.", "mistake"),
    ]
    folder = written(tmp_path, some)
    assert preference_pairs.read(folder, "B2", {"dog", "emu", "bird"}) == [
        Pair("dog", some[0].text, some[2].text),
        Pair("dog", some[1].text, some[3].text),
    ]


def test_a_folder_without_pairs_is_refused(tmp_path):
    folder = written(tmp_path / "made", [candidate("dog", "The dog barked."), candidate("cat", "Cat.", "mistake")])
    for level, words, told in (
        ("B2", {"dog", "cat"}, "2 training words; write more"),
        ("B2", {"bird"}, "its 0 training words"),
        ("B1", {"dog"}, "level 'B2'; expected B1"),
    ):
        with pytest.raises(InputError, match=told):
            preference_pairs.read(folder, level, words)
    with pytest.raises(InputError, match=r"choice\.json.*cefr write"):
        preference_pairs.read(tmp_path, "B2", {"dog"})
    output.choice_file(folder).write_text('{"level": "B2", "words": [{}]}')
    with pytest.raises(InputError, match="not a choice of sentences"):
        preference_pairs.read(folder, "B2", {"dog"})
    shutil.copy(output.page_file(folder), output.rejected_file(folder))
    output.choice_file(folder).write_text('{"level": "B2", "words": []}')
    with pytest.raises(InputError, match="no table of rejected"):
        preference_pairs.read(folder, "B2", {"dog"})


COPY = "My uncle keeps an old hammer under his bed."
EASY = {
    "apple": "She ate a red apple.",
    "bridge": "They walked over the bridge.",
    "candle": "He lit one candle.",
    "desert": "The desert is hot and dry.",
    "engine": "The engine is very loud.",
    "forest": "We got lost in the forest.",
    "garden": "Her garden has many roses.",
    "island": "The island has two beaches.",
    "jacket": "I left my jacket on the bus.",
    "hammer": COPY,
}


@pytest.fixture(scope="module")
def rewards() -> sentence_rewards.Rewards:
    """Of level A2, by a scorer of easy and hard sentences."""
    words, levels = (*EASY, *HARD), ("A2",) * len(EASY) + ("C1",) * len(HARD)
    rows = level_scorers.Sentences((*EASY.values(), *HARD.values()), words, levels, tuple(range(len(words))))
    return sentence_rewards.Rewards("A2", level_scorers.train(rows, 1, with_quality=False), rows.sentences)


ANSWERS = {
    "good": "1. She gave me a small hammer for the door.",
    "mistake": "1. She have gave me a small hammer for the door.",
    "hard": "1. Although the negotiators were reluctant, the hammer inevitably reinforced their disagreement.",
    "without the word": "1. She gave me a small knife for the door.",
    "copied": f"1. {COPY}",
    "two sentences": "1. She gave me a hammer. It was small.",
    "a second line": "1. She gave me a small hammer for the door.\n2. She gave me another one.",
    "no number": "She gave me a small hammer for the door.",
    "no end": "1. She gave me a small hammer for the",
    "nothing": "",
}


def test_the_reward_tells_sentences_apart(rewards):
    found = dict(zip(ANSWERS, rewards.of(["hammer"] * len(ANSWERS), list(ANSWERS.values())), strict=True))
    assert 0.8 < found["good"] <= 1
    assert found["mistake"] <= found["good"] - 0.24
    assert 0 < found["hard"] <= found["good"] - 0.1
    assert [name for name, value in found.items() if value == 0] == list(ANSWERS)[3:]


def test_the_reward_of_an_answer_does_not_depend_on_others(rewards):
    together = rewards.of(["hammer"] * 3, [ANSWERS["hard"], ANSWERS["good"], ANSWERS["good"]])
    assert together[1] == together[2] == pytest.approx(rewards.of(["hammer"], [ANSWERS["good"]])[0], abs=1e-6)


def test_the_reward_by_hand(rewards):
    table = summary.measure(
        {"tuned": [ANSWERS["good"]]}, [["hammer"]], "A2", rewards.scorers, rewards.training_sentences
    )
    slot = table.to_dict("records")[0] | {"harper_clean": True, "fluent": True, "level_score": 2.0}
    reward = sentence_rewards.reward
    assert slot["target"] == 2 and reward(slot) == 1.0
    assert reward(slot | {"harper_clean": False}) == reward(slot | {"fluent": False}) == 0.75
    assert reward(slot | {"level_score": 2 + metrics.TOLERANCE}) == pytest.approx(0.875)
    assert reward(slot | {"level_score": 5.0}) == 0.75
    assert (
        reward(slot | {"covered": False}) == reward(slot | {"copied": True}) == reward(slot | {"exact_ten": False}) == 0
    )


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, tiny_folder) -> Path:
    return smoke_adapter(tmp_path_factory.mktemp("adapters") / "tiny-v1", tiny_folder)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, tiny_folder) -> str:
    return str(tiny_recipe(tmp_path_factory.mktemp("recipe") / "tiny.yaml", tiny_folder, max_seq_length=256))


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """What `cefr write` would leave for eight training words."""
    bank = banks.read_all(banks.find("bundled", "B2"))["B2"]
    words = training_words()[:8]
    some = [candidate(word, bank.sentences[word][0]) for word in words]
    some += [candidate(word, f"It {word} it it it.", "mistake") for word in words]
    return written(tmp_path_factory.mktemp("written"), some)


def test_wrong_input_is_refused_before_anything_is_loaded(tmp_path, adapter, recipe, pool, monkeypatch):
    monkeypatch.setattr(train_on_preferences.tuning, "load", None)
    dpo, grpo = (train_on_preferences.DEFAULTS[name] for name in ("dpo", "grpo"))
    given = {
        "settings": dpo,
        "level": "B2",
        "adapter": adapter,
        "output": tmp_path / "new",
        "recipe": recipe,
        "bank": "bundled",
        "seed": SEED,
        "written": pool,
    }
    task = train_on_preferences.check(**given)
    assert len(task.pairs) == 8 and {pair.word for pair in task.pairs} <= set(task.words) and task.rewards is None
    (tmp_path / "old" / "adapter").mkdir(parents=True)
    bare = tmp_path / "bare"
    bare.mkdir()
    cut = shutil.copytree(adapter, tmp_path / "cut")
    (cut / "adapter_model.safetensors").write_bytes(b"\x00" * 20)
    other = shutil.copytree(adapter, tmp_path / "other")
    config = json.loads((other / "adapter_config.json").read_text()) | {"base_model_name_or_path": "some/other"}
    (other / "adapter_config.json").write_text(json.dumps(config))
    for changed, told in (
        ({"level": "D1"}, "D1"),
        ({"settings": replace(dpo, steps=0)}, "steps: 0; expected more than 0"),
        ({"settings": replace(dpo, learning_rate=float("nan"))}, "learning_rate: nan"),
        ({"settings": replace(grpo, batch_size=12), "written": None}, "multiple of generations, 8"),
        ({"settings": replace(grpo, generations=1), "written": None}, "at least 2"),
        ({"settings": grpo}, "GRPO takes none"),
        ({"written": None}, "DPO needs the output folder"),
        ({"written": bare}, "choice.json"),
        ({"output": tmp_path / "old"}, "there already"),
        ({"adapter": bare}, "has no adapter_config.json"),
        ({"adapter": cut}, "not complete safetensors"),
        ({"adapter": other}, "is for 'some/other', but the base model"),
        ({"recipe": "cpu"}, "give the recipe with which the adapter was trained"),
        ({"recipe": "none"}, "'none' not found"),
        ({"bank": "none.csv"}, "none.csv"),
    ):
        with pytest.raises(InputError, match=told):
            train_on_preferences.check(**given | changed)
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_is_wrong_and_ends_with_2(tmp_path, adapter):
    command = [sys.executable, "-m", "tools.train_on_preferences", "--level", "B2", "--method", "dpo"]
    command += ["--adapter", str(adapter), "--output", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
    assert (done.returncode, done.stdout) == (2, "") and "DPO needs the output folder of `cefr write`" in done.stderr
    assert not list(tmp_path.iterdir())


def trained(method: str, folder: Path, adapter: Path, recipe: str, pool: Path) -> dict:
    spec = {"method": method, "adapter": str(adapter), "recipe": recipe, "output": str(folder), "written": str(pool)}
    done = subprocess.run([sys.executable, str(SCRIPT), json.dumps(spec)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 3/3" in done.stdout
    return json.loads((folder / "training.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "grpo"])
def test_a_short_training_changes_the_adapter_and_begins_at_it(tmp_path, adapter, recipe, pool, method):
    """At the first step, model and reference are the same: DPO's loss is ln 2, GRPO's divergence 0."""
    import numpy as np
    from safetensors.numpy import load_file

    from cefr_helpers.writing import writers

    made = trained(method, tmp_path, adapter, recipe, pool)
    steps = [row for row in made["history"] if "loss" in row]
    assert len(steps) == 3 and all(np.isfinite(row["loss"]) for row in steps)
    if method == "dpo":
        assert steps[0]["loss"] == pytest.approx(np.log(2), abs=1e-4) and steps[-1]["rewards/margins"] > 0
    else:
        assert abs(steps[0]["kl"]) < 1e-5 < steps[-1]["kl"]
        assert all(0 <= row["reward"] <= 1 for row in steps) and any(row["reward_std"] > 0 for row in steps)
    before, after = (load_file(one / "adapter_model.safetensors") for one in (adapter, tmp_path / "adapter"))
    assert before.keys() == after.keys()
    assert all(np.abs(before[key] - after[key]).max() > 1e-4 for key in before)
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    writers.check(str(tmp_path / "adapter"))


@pytest.mark.slow
def test_another_process_gives_the_same_rewards(rewards):
    words, answers = ["hammer"] * 3, [ANSWERS["good"], ANSWERS["mistake"], ANSWERS["copied"]]
    with sentence_rewards.in_own_process(rewards) as of:
        assert of(words, answers) == pytest.approx(rewards.of(words, answers), abs=1e-4)
        assert of(words[:1], answers[:1]) == pytest.approx(rewards.of(words[:1], answers[:1]), abs=1e-4)
