"""Which sentences of its own a training goes on with: for which words, which of them, and by which scorer."""

from dataclasses import replace
from pathlib import Path

import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_run import LevelRun
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.core.schema import DatasetRecord
from cefr_helpers.data import banks, formatting, splitting
from cefr_helpers.models import base_model, saving
from cefr_helpers.writing import own_sentences
from cefr_helpers.writing.judging import Candidate

SEED = 3407
RECIPE = load_recipe("smoke").model_copy(update={"self_training_examples": 5})


def split() -> splitting.Split:
    found = banks.read_all(banks.find("bundled", "A2"))
    return splitting.split_groups(found, RECIPE.split, RECIPE.held_out_share, RECIPE.dev_share, SEED)


def run(tmp_path: Path, recipe=RECIPE) -> LevelRun:
    return replace(LevelRun.start(Stage.TRAIN, "A2", "smoke", tmp_path, tmp_path, SEED), settings=recipe)


def dataset(version: str) -> DatasetRecord:
    return DatasetRecord(level="A2", results={"split": {"hash": version}})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> own_sentences.OwnSentences:
    found = own_sentences.prepare(run(tmp_path_factory.mktemp("run")), dataset(split().hash), "bundled")
    assert found is not None
    return found


def test_a_recipe_without_it_prepares_nothing_and_reads_no_bank(tmp_path):
    recipe = RECIPE.model_copy(update={"self_training_examples": 0})
    assert own_sentences.prepare(run(tmp_path, recipe), DatasetRecord(), "none.csv") is None


def test_only_training_words_are_written_for_and_known(prepared):
    training = set(split().words("A2", "train"))
    assert len(prepared.words) == len(set(prepared.words)) == 20 and set(prepared.words) <= training
    bank = banks.read_all(banks.find("bundled", "A2"))
    held_out = {
        one for part in ("dev", "eval") for word in split().words("A2", part) for one in bank["A2"].sentences[word]
    }
    assert set(prepared.judge.words) == training and not held_out & set(prepared.judge.sentences)
    assert set(prepared.judge.sentences) > {one for word in training for one in bank["A2"].sentences[word]}


def test_the_banks_examples_are_those_after_the_trainings(prepared):
    bank = banks.read_all(banks.find("bundled", "A2"))["A2"]
    drawn = formatting.draw_examples(bank, split(), "A2", "train", RECIPE.train_examples + 3, SEED)
    assert list(prepared.bank_examples) == list(drawn)[-3:] and prepared.own_examples == 2


def test_another_split_than_the_examples_is_refused(tmp_path):
    with pytest.raises(InputError, match="run 01_data_formatting for it again"):
        own_sentences.prepare(run(tmp_path), dataset("0" * 16), "bundled")


def test_there_are_words_enough_for_each_sentence_to_be_used_twice():
    words = [f"word{number}" for number in range(300)]
    some = own_sentences.some_words(words, 42, 1)
    # 42 examples have 420 places: 210 sentences twice; a word gives two, of which half are kept
    assert len(set(some)) == 210 and own_sentences.some_words(words, 42, 1) == some != own_sentences.some_words(
        words, 42, 2
    )
    assert len(own_sentences.some_words(words, 1, 1)) == 20
    assert sorted(own_sentences.some_words(words, 100, 1)) == sorted(words)


def candidate(word: str, text: str, printable: float) -> Candidate:
    return Candidate(word, text, 0, None, "", 2.0, 2.0, printable, 0.0)


def test_the_likeliest_half_is_kept():
    chosen = [
        candidate("dog", "A dog barked.", 0.9),
        candidate("dog", "The dog is here.", 0.7),
        candidate("cat", "A cat slept.", 0.8),
        candidate("cat", "The cat is number.", 0.2),
        candidate("emu", "It emu.", 0.1),
    ]
    assert own_sentences.best(chosen) == {"dog": ("A dog barked.", "The dog is here."), "cat": ("A cat slept.",)}


def test_too_few_words_make_no_examples(prepared):
    kept = {word: (f"Here is a {word}.",) for word in prepared.words}
    examples = prepared._examples(kept)
    assert len(examples) == 2 and sorted(word for one in examples for word in one["words"]) == sorted(kept)
    assert prepared._examples(dict(list(kept.items())[:9])) == []


def test_a_writer_that_was_killed_is_named(prepared, monkeypatch, tmp_path):
    monkeypatch.setattr(own_sentences, "_write", _die)
    with pytest.raises(MemoryError, match="writing own sentences was killed"):
        prepared.write(tmp_path, tmp_path)


def _die(of, adapter, folder):
    import os

    os.kill(os.getpid(), 9)


@pytest.mark.slow
def test_the_bundled_model_writes_examples_of_checked_sentences(prepared, tmp_path, capsys):
    """With an adapter that changes nothing; what it wrote is read again."""
    from peft import LoraConfig, get_peft_model

    base = base_model.resolve("bundled")
    model = get_peft_model(base_model.load_model(base, "bf16"), LoraConfig(r=2, target_modules=["q_proj"]))
    adapter = saving.save_adapter(model, tmp_path / "adapter", base)
    examples, numbers = prepared.write(adapter, tmp_path / "written")
    printed = capsys.readouterr().out
    assert "Self-training: 160/160 candidates" in printed and "Self-training: Round 1" in printed
    assert len(examples) == 2 and numbers["own_examples"] == 2 and numbers["candidates"] >= 160
    words = {word for one in examples for word in one["words"]}
    assert words <= set(prepared.words) and 10 <= numbers["sentences"] <= 20
    for one in examples:
        sentences = [line.split(". ", 1)[1] for line in one["output"].split("\n")]
        assert all(sentence[0].isupper() and sentence[-1] in ".?!" for sentence in sentences)
        assert not set(sentences) & set(prepared.judge.sentences)
    again, _ = prepared.write(adapter, tmp_path / "written")
    assert again == examples and "candidates  " not in capsys.readouterr().out
