"""Target words weigh more in the gradient of the training loss, whose value is unchanged."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from cefr_helpers.models import base_model, prompts
from cefr_helpers.training import weighted_loss

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


class OwnHead(torch.nn.Module):
    """Computes its logits without calling its head, as a library may."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.head = torch.nn.Parameter(logits), torch.nn.Linear(2, 5)

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids):
        return SimpleNamespace(logits=self.logits)


def models():
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    return [LlamaForCausalLM(LlamaConfig(vocab_size=5, **shape)), OwnHead(torch.randn(2, 4, 5))]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_the_value_is_plain_and_the_gradient_weighted(model):
    labels = torch.tensor([[-100, 1, 2, 0], [-100, 3, -100, -100]])
    weights = torch.tensor([[9.0, 0.5, 1.5, 1.0], [9.0, 1.0, 9.0, 9.0]])
    batch = {"input_ids": labels.clamp(min=0), "labels": labels, weighted_loss.COLUMN: weights}
    each = cross_entropy(model(batch["input_ids"]).logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none")
    parameters = [weights for weights in model.parameters() if weights.requires_grad]
    expected = torch.autograd.grad((each * weights[:, 1:]).sum() / 4, parameters, allow_unused=True)
    loss = weighted_loss.compute(model, batch, None)
    assert set(batch) == {"input_ids", "labels", weighted_loss.COLUMN}
    assert loss.item() == pytest.approx(each.sum().item() / 4)
    for one, other in zip(torch.autograd.grad(loss, parameters, allow_unused=True), expected, strict=True):
        assert one is other is None or torch.allclose(one, other, atol=1e-7)
    assert weighted_loss.compute(model, batch, 8).item() == pytest.approx(each.sum().item() / 8)


def test_the_head_sees_the_labelled_places_alone():
    model, seen = models()[0], []
    model.lm_head.register_forward_hook(lambda head, given, logits: seen.append(tuple(logits.shape)))
    labels = torch.tensor([[-100, 1, 2, 0], [-100, 3, -100, -100]])
    batch = {"input_ids": labels.clamp(min=0), "labels": labels, weighted_loss.COLUMN: torch.ones(2, 4)}
    weighted_loss.compute(model, batch, None)
    model(batch["input_ids"])  # and no other call
    assert seen == [(4, 5), (2, 4, 5)]


def test_a_model_wrapped_for_several_processes_gives_the_same():
    """DataParallel is used like the wrapper for several processes, because it hides the head too."""
    model = models()[0]
    labels = torch.tensor([[-100, 1, 2, 0], [-100, 3, -100, -100]])
    batch = {"input_ids": labels.clamp(min=0), "labels": labels, weighted_loss.COLUMN: torch.ones(2, 4)}
    wrapped = weighted_loss.compute(torch.nn.DataParallel(model), batch, None)
    assert wrapped.item() == weighted_loss.compute(model, batch, None).item()


def test_the_collator_pads_with_zero():
    def inner(rows):
        assert all(set(row) == {"labels"} for row in rows)
        return {"labels": torch.zeros(len(rows), 3)}

    rows = [{"labels": [1], weighted_loss.COLUMN: [2.0]}, {"labels": [1, 2, 3], weighted_loss.COLUMN: [1.0, 2.0, 3.0]}]
    found = weighted_loss.Collator(inner)(rows)[weighted_loss.COLUMN]
    assert found.tolist() == [[2.0, 0.0, 0.0], [1.0, 2.0, 3.0]]
