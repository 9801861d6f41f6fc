import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear
from torch.nn.functional import mse_loss
from transformers import LlamaConfig, LlamaForCausalLM

from cefr_helpers.training import lora_products

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def tuned(dtype=torch.float32, targets=LINEAR, biased=False, **settings):
    """A random Llama of one layer with LoRA weights in 32 bits, whose second factors are not zero, as in a training."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(**sizes, **heads, attention_bias=biased))
    config = LoraConfig(r=4, lora_alpha=12, target_modules=targets, **settings)
    model = get_peft_model(model, config, autocast_adapter_dtype=False)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name or "bias" in name:
                weight.copy_(torch.randn(weight.shape) * 0.3)
            if "lora_" not in name:
                weight.data = weight.data.to(dtype)
    return model.train()


def step(model) -> dict[str, torch.Tensor]:
    """Logits of a training step, and the gradient of each LoRA weight by its name."""
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(50, (2, 7), generator=draw)
    dtype = model.get_base_model().lm_head.weight.dtype
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = model(input_ids=ids).logits
    loss = mse_loss(logits.float(), torch.randn(logits.shape, generator=draw))
    model.zero_grad()
    loss.backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
    return {"logits": logits.detach(), **found}


def replaced(model) -> list[Linear]:
    return [one for one in model.modules() if isinstance(one, Linear) and "forward" in vars(one)]


@pytest.mark.parametrize(
    "targets, biased", [(LINEAR, False), (LINEAR, True), (["k_proj", "up_proj", "down_proj"], False)]
)
def test_logits_and_gradients_are_those_of_peft(targets, biased):
    # in 64 bits, since two orders of summation differ in 32 bits by more on one processor than on another
    model = tuned(targets=targets, biased=biased).double()
    of_peft = step(model)
    lora_products.enable(model)
    assert len(replaced(model)) == len(targets)
    own = step(model)
    assert own.keys() == of_peft.keys() and len(own) == 1 + 2 * len(targets)
    for name, value in own.items():
        assert torch.allclose(value, of_peft[name], rtol=1e-4, atol=1e-7), name
        assert value.abs().max() > 1e-4 and value.dtype == of_peft[name].dtype


def test_in_16_bits_it_is_as_exact_as_peft():
    exact = step(tuned())
    model = tuned(torch.bfloat16)
    of_peft = step(model)
    lora_products.enable(model)
    own = step(model)
    assert [one.dtype for one in own.values()] == [one.dtype for one in of_peft.values()]
    for names in (["logits"], [name for name in exact if name != "logits"]):
        truth, peft, ours = (torch.cat([found[name].flatten() for name in names]) for found in (exact, of_peft, own))
        assert (ours - truth).norm() < 2 * (peft - truth).norm() < 0.1 * truth.norm()


def test_projections_of_one_input_share_a_product(monkeypatch):
    model = tuned()
    lora_products.enable(model)
    seen, apply = [], lora_products._Products.apply
    monkeypatch.setattr(lora_products._Products, "apply", lambda *a: seen.append(len(a[2])) or apply(*a))
    step(model)
    assert seen == [3, 1, 2, 1]
    assert all(one.forward.func.__self__._input is None for one in replaced(model))  # memory can be freed


def test_scoring_and_the_base_alone_stay_with_peft(monkeypatch):
    model = tuned()
    ids = torch.arange(7)[None]
    with torch.no_grad(), model.disable_adapter():
        base = model(input_ids=ids).logits
    before = model.eval()(input_ids=ids).logits
    lora_products.enable(model)
    monkeypatch.setattr(lora_products._Products, "apply", None)  # it would fail if it were called
    assert torch.equal(model(input_ids=ids).logits, before) and not torch.equal(before, base)
    model.train()
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, before)
    with model.disable_adapter():
        assert torch.equal(model(input_ids=ids).logits, base)


@pytest.mark.parametrize("settings", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_other_kinds_of_lora_stay_with_peft(settings):
    model = tuned(**settings)
    lora_products.enable(model)
    assert not replaced(model)
