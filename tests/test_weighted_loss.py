"""Target words weigh more in the gradient of the training loss, and its value stays the plain one."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from cefr_helpers import base_model, prompts, weighted_loss

EXAMPLE = {
    "instruction": "Generate A2-level English sentences for these 2 words:",
    "input": "1. grow up\n2. child",
    "output": "1. She grew up in Ankara.\n2. The children's bags are small.",
    "words": ["grow up", "child"],
}


@pytest.fixture(scope="module")
def tokenizer(bundled):
    return base_model.load_tokenizer(bundled)


def test_spans_are_the_words_in_any_form():
    text = EXAMPLE["output"]
    assert [text[low:high] for low, high in weighted_loss.target_spans(EXAMPLE)] == ["grew", "up", "children"]


def test_offsets_are_those_of_the_answers_tokens(tokenizer):
    ids = prompts.tokenise(tokenizer, EXAMPLE)
    offsets = prompts.answer_offsets(tokenizer, EXAMPLE)
    assert len(offsets) == len(ids["prompt_ids"] + ids["completion_ids"])
    answer = offsets[len(ids["prompt_ids"]) :]
    text = EXAMPLE["output"]
    assert [text[low:high] for low, high in answer[:-1]] == [
        tokenizer.decode(one) for one in ids["completion_ids"][:-1]
    ]
    assert all(end <= 0 for _, end in offsets[: len(ids["prompt_ids"])])


def test_target_words_get_their_weight_and_a_row_keeps_its_sum(tokenizer):
    rows = prompts.training_rows(tokenizer, [EXAMPLE], 512, "completion")
    row = weighted_loss.add_weights(rows, tokenizer, [EXAMPLE], 4)[0]
    weights = row[weighted_loss.COLUMN]
    assert len(weights) == len(row["input_ids"])
    labelled = [one for one, label in zip(weights, row["labels"], strict=True) if label != -100]
    assert sum(labelled) == pytest.approx(len(labelled))
    heavy = [tokenizer.decode(one) for one, weight in zip(row["input_ids"], weights, strict=True) if weight > 2]
    assert "".join(heavy) == " grew up children"
    assert max(labelled) == pytest.approx(4 * min(labelled))
    cut = prompts.training_rows(tokenizer, [EXAMPLE], 64, "completion")
    assert len(weighted_loss.add_weights(cut, tokenizer, [EXAMPLE], 4)[0][weighted_loss.COLUMN]) == 64


def test_the_value_is_plain_and_the_gradient_weighted():
    labels = torch.tensor([[-100, 1, 2, 0], [-100, 3, -100, -100]])
    weights = torch.tensor([[9.0, 0.5, 1.5, 1.0], [9.0, 1.0, 9.0, 9.0]])
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    seen = {}

    def model(logits_to_keep, **inputs):
        seen.update(inputs)
        return SimpleNamespace(logits=logits[:, -logits_to_keep:])

    batch = {"input_ids": labels, "labels": labels, weighted_loss.COLUMN: weights}
    loss = weighted_loss.compute(model, batch, None)
    assert set(seen) == {"input_ids"} and set(batch) == {"input_ids", "labels", weighted_loss.COLUMN}
    plain = cross_entropy(logits[:, :-1].reshape(-1, 5), labels[:, 1:].reshape(-1))
    assert loss.item() == pytest.approx(plain.item())
    (found,) = torch.autograd.grad(loss, logits)
    each = cross_entropy(logits[:, :-1].reshape(-1, 5), labels[:, 1:].reshape(-1), reduction="none")
    (expected,) = torch.autograd.grad((each * weights[:, 1:].reshape(-1)).sum() / 4, logits)
    assert torch.allclose(found, expected)
    assert weighted_loss.compute(model, batch, 8).item() == pytest.approx(plain.item() / 2)


def test_the_collator_pads_with_zero():
    def inner(rows):
        assert all(set(row) == {"labels"} for row in rows)
        return {"labels": torch.zeros(len(rows), 3)}

    rows = [{"labels": [1], weighted_loss.COLUMN: [2.0]}, {"labels": [1, 2, 3], weighted_loss.COLUMN: [1.0, 2.0, 3.0]}]
    found = weighted_loss.Collator(inner)(rows)[weighted_loss.COLUMN]
    assert found.tolist() == [[2.0, 0.0, 0.0], [1.0, 2.0, 3.0]]


def test_the_output_head_is_not_asked_for_prompts(tiny_folder, tokenizer):
    """The same loss and gradients as with the logits of every token, from those of the completions alone."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    short = EXAMPLE | {"output": "1. She grew up.\n2. Children play."}
    rows = prompts.training_rows(tokenizer, [EXAMPLE, short], 512, "completion")
    width = max(len(row["input_ids"]) for row in rows)
    pads = {"input_ids": tokenizer.pad_token_id, "labels": -100}
    batch = {
        key: torch.tensor([row[key] + [pad] * (width - len(row[key])) for row in rows]) for key, pad in pads.items()
    }
    batch[weighted_loss.COLUMN] = torch.rand(2, width, generator=torch.Generator().manual_seed(0))
    asked = []

    def for_completions(logits_to_keep, **inputs):
        asked.append(logits_to_keep)
        return model(logits_to_keep=logits_to_keep, **inputs)

    def for_all(logits_to_keep, **inputs):
        return SimpleNamespace(logits=model(**inputs).logits[:, -logits_to_keep:])

    found = []
    for one in (for_completions, for_all):
        loss = weighted_loss.compute(one, batch, None)
        found.append((loss, torch.autograd.grad(loss, model.model.layers[0].mlp.up_proj.weight)[0]))
    assert found[0][0].item() == pytest.approx(found[1][0].item(), abs=1e-6) and found[0][1].abs().max() > 1e-4
    assert torch.allclose(found[0][1], found[1][1], atol=1e-7)
    assert asked == [width - min(row["labels"].count(-100) for row in rows) + 1] and asked[0] < width - 20
