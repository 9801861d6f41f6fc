"""Which of its own sentences an adapter goes on with, its control, refused input, and short trainings."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tiny_models import smoke_adapter, tiny_recipe

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import banks
from cefr_helpers.writing import output, plans, selection
from cefr_helpers.writing.judging import Candidate
from cefr_helpers.writing.writing import Outcome
from tools import preference_pairs, self_training

SEED = 3407
SCRIPT = project_root() / "tests" / "support" / "train_tiny_on_own_sentences.py"
SETTINGS = self_training.Settings(examples=6)


@cache
def training_words() -> tuple[str, ...]:
    return preference_pairs.split_of("smoke", "bundled", "B2", SEED)[1].words("B2", "train")


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """What `cefr write` leaves for 24 training words and four others: a later word's sentences are better."""
    words = (*training_words()[:24], "axolotl", "emu", "yak", "zebu")
    candidates = [
        Candidate(word, f"{opening} {word} number {place}.", order, None, "", 4.0, 3.0, (place + 1) / 28, 0.0)
        for place, word in enumerate(words)
        for order, opening in enumerate(("This is", "Here comes"))
    ]
    folder, choice = tmp_path_factory.mktemp("written"), selection.choose(words, candidates, 2)
    output.write(Outcome(plans.Plan("list", words, "B2", 2), "model", "", tuple(candidates), choice), folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, tiny_folder) -> Path:
    return smoke_adapter(tmp_path_factory.mktemp("adapters") / "tiny-v1", tiny_folder)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, tiny_folder) -> str:
    return str(tiny_recipe(tmp_path_factory.mktemp("recipe") / "tiny.yaml", tiny_folder, max_seq_length=256))


def test_the_best_sentences_of_training_words_are_kept(pool):
    kept = self_training.best_sentences(pool, "B2", set(training_words()), 0.7)
    # 70 % of 48 sentences, rounded up, are 34: both of the best seventeen words
    assert list(kept) == list(training_words()[23:6:-1])
    assert [len(own) for own in kept.values()] == [2] * 17
    assert all(word in sentence for word, own in kept.items() for sentence in own)


def test_a_folder_with_too_few_sentences_is_refused(pool, tmp_path):
    for level, words, told in (
        ("B2", training_words()[:9], "sentences of 9 training words; an example needs 10"),
        ("B1", training_words(), "level 'B2'; expected B1"),
    ):
        with pytest.raises(InputError, match=told):
            self_training.best_sentences(pool, level, set(words), 1.0)
    with pytest.raises(InputError, match=r"choice\.json.*cefr write"):
        self_training.best_sentences(tmp_path, "B2", set(training_words()), 1.0)
    output.choice_file(tmp_path).parent.mkdir()
    output.choice_file(tmp_path).write_text('{"level": "B2", "words": [{}]}')
    with pytest.raises(InputError, match="not a choice of sentences"):
        self_training.best_sentences(tmp_path, "B2", set(training_words()), 1.0)


def test_own_sentences_replace_a_share_of_the_controls_examples(pool, adapter, recipe, tmp_path):
    def task(settings, written):
        return self_training.check(settings, "B2", adapter, tmp_path / "new", recipe, "bundled", SEED, written)

    control, half, own = task(SETTINGS, None), task(SETTINGS, pool), task(replace(SETTINGS, own_share=1.0), pool)
    assert [len(each.train) for each in (control, half, own)] == [6, 6, 6]
    assert control.own_sentences == 0 and half.own_sentences == own.own_sentences == 24
    assert half.train[:3] == control.train[:3] and half.train[3:] == own.train[:3]
    assert control.dev == half.dev == own.dev
    written = {
        text
        for sentences in self_training.best_sentences(pool, "B2", set(training_words()), 0.5).values()
        for text in sentences
    }
    for example in half.train[3:]:
        assert {line.split(". ", 1)[1] for line in example["output"].split("\n")} <= written
    bank, before = banks.read_all(banks.find("bundled", "B2"))["B2"], load_recipe(recipe).train_examples
    again = self_training.formatting.draw_examples(
        bank, preference_pairs.split_of(recipe, "bundled", "B2", SEED)[1], "B2", "train", before + 6, SEED
    )
    assert list(control.train) == list(again)[before:]


def test_wrong_input_is_refused_before_anything_is_loaded(tmp_path, adapter, recipe, pool, tiny_folder, monkeypatch):
    monkeypatch.setattr(self_training.trained_adapters, "load", None)
    (tmp_path / "old" / "adapter").mkdir(parents=True)
    automatic = str(tiny_recipe(tmp_path / "automatic.yaml", tiny_folder, batch_size="auto"))
    given = {"settings": SETTINGS, "level": "B2", "adapter": adapter, "output": tmp_path / "new", "recipe": recipe}
    given |= {"bank": "bundled", "seed": SEED, "written": pool}
    for changed, told in (
        ({"level": "D1"}, "D1"),
        ({"settings": replace(SETTINGS, examples=0)}, "examples: 0; expected at least 1"),
        ({"settings": replace(SETTINGS, own_share=1.5)}, "own_share: 1.5; expected more than 0 and at most 1"),
        ({"settings": replace(SETTINGS, kept_share=0.0)}, "kept_share: 0.0"),
        ({"settings": replace(SETTINGS, learning_rate=float("nan"))}, "learning_rate: nan"),
        ({"written": tmp_path}, "choice.json"),
        ({"output": tmp_path / "old"}, "there already"),
        ({"adapter": tmp_path}, "has no adapter_config.json"),
        ({"recipe": "cpu"}, "give the recipe with which the adapter was trained"),
        ({"recipe": automatic}, "batch_size: auto in recipe"),
        ({"bank": "none.csv"}, "none.csv"),
    ):
        with pytest.raises(InputError, match=told):
            self_training.check(**given | changed)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize("with_own", [True, False])
def test_a_short_training_changes_the_adapter(tmp_path, adapter, recipe, pool, with_own):
    import numpy as np
    from safetensors.numpy import load_file

    from cefr_helpers.writing import writers

    spec = {
        "adapter": str(adapter),
        "recipe": recipe,
        "output": str(tmp_path),
        "written": str(pool) if with_own else None,
    }
    done = subprocess.run([sys.executable, str(SCRIPT), json.dumps(spec)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((tmp_path / "training.json").read_text())
    assert (made["own_sentences"], made["level"], made["seed"]) == (24 if with_own else 0, "B2", SEED)
    losses = [row[key] for row in made["history"] for key in ("loss", "eval_loss") if key in row]
    assert len(losses) > 1 and all(np.isfinite(losses)) and "eval_loss" in made["history"][-1]
    before, after = (load_file(one / "adapter_model.safetensors") for one in (adapter, tmp_path / "adapter"))
    assert before.keys() == after.keys()
    assert all(np.abs(before[key] - after[key]).max() > 1e-4 for key in before)
    writers.check(str(tmp_path / "adapter"))
