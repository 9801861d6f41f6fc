import math
import re

import pytest
import torch
from transformers import AutoModelForCausalLM

from cefr_helpers.core import progress
from cefr_helpers.models import attention, base_model, generation, likelihood, prompts


@pytest.fixture(scope="module")
def tokenizer(bundled):
    return base_model.load_tokenizer(bundled)


@pytest.fixture(scope="module")
def tiny(tiny_folder):
    return AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()


def test_a_model_that_knows_nothing_scores_ln_of_the_vocabulary(tiny_folder, tokenizer, examples):
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    with torch.no_grad():
        model.model.norm.weight.zero_()  # all logits 0: every token equally likely
    table = likelihood.score(model, tokenizer, examples, 4)
    expected = math.log(model.config.vocab_size)
    assert likelihood.summarise(table)["loss"] == pytest.approx(expected, abs=1e-5)
    assert likelihood.summarise(table, "full_text")["perplexity"] == pytest.approx(model.config.vocab_size, rel=1e-4)


def test_the_batch_size_has_no_effect(tiny, tokenizer, examples):
    alone, together = (likelihood.score(tiny, tokenizer, examples, size) for size in (1, 8))
    for column in alone:
        assert together[column].tolist() == pytest.approx(alone[column].tolist(), abs=1e-3)
    one, eight = (likelihood.summarise(table)["loss"] for table in (alone, together))
    assert one == pytest.approx(eight, abs=1e-4)


def test_it_is_the_library_models_own_loss(tiny, tokenizer, examples):
    example = examples[0]
    row = prompts.training_rows(tokenizer, [example], 512, "completion")[0]
    with torch.inference_mode():
        loss = tiny(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss.item()
    table = likelihood.score(tiny, tokenizer, [example], 1)
    assert table.completion_nll_nats[0] / table.completion_tokens[0] == pytest.approx(loss, abs=1e-5)
    assert table.completion_tokens[0] == sum(label != -100 for label in row["labels"])
    assert table.full_text_tokens[0] == len(row["input_ids"]) - 1


def test_tokens_weigh_alike_and_not_examples(tiny, tokenizer, examples):
    table = likelihood.score(tiny, tokenizer, examples, 4)
    short, long = table.completion_tokens.min(), table.completion_tokens.max()
    assert long > 5 * short  # or this test would show nothing
    by_token = table.completion_nll_nats.sum() / table.completion_tokens.sum()
    by_example = (table.completion_nll_nats / table.completion_tokens).mean()
    assert likelihood.summarise(table)["loss"] == pytest.approx(by_token)
    assert abs(by_token - by_example) > 1e-4


def test_bits_a_character_count_the_answer_alone(tiny, tokenizer, examples):
    table = likelihood.score(tiny, tokenizer, examples[:1], 1)
    expected = table.completion_nll_nats[0] / math.log(2) / len(examples[0]["output"])
    assert likelihood.summarise(table)["bits_per_character"] == pytest.approx(expected)


def test_batched_answers_are_those_of_single_prompts(bundled, tokenizer, examples):
    model = base_model.load_model(bundled, "fp32")
    chosen = [examples[0], {**examples[1], "input": "1. dog"}, examples[2]]
    together = generation.answer(model, tokenizer, chosen, 12, batch_size=3)
    alone = [generation.answer(model, tokenizer, [one], 12)[0] for one in chosen]
    assert together == alone
    several = [0, 0, 1, 2, 2, 0]  # a prompt that is there several times is read once
    repeated = generation.answer(model, tokenizer, [chosen[place] for place in several], 12, batch_size=6)
    assert repeated == [alone[place] for place in several]
    assert len(set(together)) > 1


def test_what_prompts_share_is_computed_once_and_changes_no_answer(bundled, tokenizer, examples):
    model = base_model.load_model(bundled, "fp32")
    assert model.config._attn_implementation == attention.NAME
    shown, chosen = examples[3:5], examples[:3]
    fast = generation.answer(model, tokenizer, chosen, 12, shown=shown)
    model.set_attn_implementation("sdpa")
    rows = [torch.tensor([prompts.prompt_ids(tokenizer, one, shown)]) for one in chosen]
    plain = [model.generate(row, max_new_tokens=12, do_sample=False)[0, row.shape[1] :] for row in rows]
    assert fast == [tokenizer.decode(one, skip_special_tokens=True).strip() for one in plain]


def test_generation_stops_at_the_end_token(tiny_folder, tokenizer, examples):
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    with torch.no_grad():
        # the end token's logit is the largest at any state: all its head weights follow the state's mean sign
        model.model.norm.weight.zero_()
        model.lm_head.bias = torch.nn.Parameter(torch.zeros(model.config.vocab_size))
        model.lm_head.bias[tokenizer.eos_token_id] = 1.0
    assert generation.answer(model, tokenizer, examples[:2], 20) == ["", ""]


def test_long_work_says_how_far_it_has_come_and_short_work_nothing(tiny, tokenizer, examples, monkeypatch, capsys):
    generation.answer(tiny, tokenizer, examples[:3], 3, batch_size=2)
    likelihood.score(tiny, tokenizer, examples[:3], 2)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(progress, "EVERY_S", 0)
    generation.answer(tiny, tokenizer, examples[:3], 2, batch_size=2)
    likelihood.score(tiny, tokenizer, examples[:3], 2)
    said = capsys.readouterr().out.splitlines()
    assert [re.sub(r"  0:0\d passed$", "", line) for line in said] == [
        "answers 1 to 2 of 3: 1 tokens",
        "answers 1 to 2 of 3: 2 tokens",
        "answers 3 to 3 of 3: 1 tokens",
        "answers 3 to 3 of 3: 2 tokens",
        "2 of 3 examples scored",
        "3 of 3 examples scored",
    ]


@pytest.mark.parametrize("at_a_time", [1, 25, 2048])
def test_texts_that_begin_alike_score_as_each_does_alone(tiny, tokenizer, monkeypatch, at_a_time):
    monkeypatch.setattr(likelihood, "_TOKENS_AT_A_TIME", at_a_time)
    groups = [["Go!", "Stay here!"], ["She left the house at noon.", "She left the car.", "She sold it."]]
    groups += [
        ["They came.", "They went far away."],
        ["All the birds that we saw flew away at once.", "All the birds that we saw ate."],
    ]
    found = likelihood.score_choices(tiny, tokenizer, groups)
    for texts, scores in zip(groups, found, strict=True):
        alone = [whole(tiny, tokenizer, text) for text in texts]
        differences = [alone[0] - one for one in alone]
        assert [scores[0] - one for one in scores] == pytest.approx(differences, abs=1e-3)
        assert max(map(abs, differences)) > 1


def whole(model, tokenizer, text: str) -> float:
    """Log-probability of a text after the token that parts documents, in one pass."""
    ids = torch.tensor([[tokenizer.pad_token_id, *tokenizer(text).input_ids]])
    with torch.no_grad():
        logs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    return logs.gather(1, ids[0, 1:, None]).sum().item()
