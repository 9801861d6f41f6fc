import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper

from cefr_helpers.models import generation


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_tokens_are_drawn_as_transformers_draws_them(temperature):
    torch.manual_seed(3)
    scores = torch.randn(80) * 2
    scores[5] = -torch.inf  # forbidden
    rows = scores.repeat(20_000, 1)
    warped = TopKLogitsWarper(50)(None, TemperatureLogitsWarper(temperature)(None, rows[:1]))
    left = generation._draw(temperature)(None, rows)
    assert (left.isfinite().sum(1) == 1).all()
    shares = torch.bincount(left.argmax(1), minlength=80) / len(rows)
    expected = warped.softmax(-1)[0]
    assert (shares - expected).abs().max() < 0.015 < expected.max()
    assert (shares[expected == 0] == 0).all() and (expected == 0).sum() == 30


def test_a_forced_token_is_drawn():
    scores = torch.full((4, 80), -torch.inf)
    scores[:, 7] = -3.0
    assert generation._draw(0.7)(None, scores).argmax(1).tolist() == [7] * 4


def test_a_maximum_in_the_models_own_settings_is_neither_kept_nor_warned_of(tiny_folder, examples, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.generation import utils

    warned = []
    monkeypatch.setattr(utils.logger, "warning", lambda text, *more: warned.append(text))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_folder), AutoTokenizer.from_pretrained(tiny_folder)
    before = generation.answer(model, tokenizer, examples[:1], 4)
    model.generation_config.max_length = 3
    assert generation.answer(model, tokenizer, examples[:1], 4) == before and warned == []


def test_a_batch_is_as_large_as_its_prompts_and_answers_allow(tiny_folder, examples, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert generation.rows_at_a_time(100, 400) == 100 and generation.rows_at_a_time(20, 44) == 192
    assert generation.rows_at_a_time(60_000, 500) == 1
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_folder), AutoTokenizer.from_pretrained(tiny_folder)
    sizes, write = [], generation._write
    monkeypatch.setattr(
        generation,
        "_write",
        lambda model, inputs, *more: sizes.append(len(inputs["input_ids"])) or write(model, inputs, *more),
    )
    monkeypatch.setattr(generation, "rows_at_a_time", lambda prompt_tokens, max_new_tokens: 2)
    generation.answer(model, tokenizer, examples[:3], 4)
    assert sizes == [2, 1]
    generation.answer(model, tokenizer, examples[:3], 4, batch_size=3)
    assert sizes == [2, 1, 3]
