"""The precision in which a base model is loaded, without adapter and with one."""

import pytest
import torch
from peft import LoraConfig, PeftModel

from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.models import adapters, base_model


@pytest.mark.parametrize(
    ("gpu", "capability", "expected"), [(False, None, "bf16"), (True, (7, 5), "fp16"), (True, (8, 0), "bf16")]
)
def test_the_base_alone_is_loaded_in_what_the_gpu_has_and_does_not_emulate(
    byte_folder, monkeypatch, gpu, capability, expected
):
    asked = []

    def load(base, precision):
        asked.append(precision)
        raise InterruptedError("far enough")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    # a T4 says yes where emulation counts
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or capability >= (8, 0)
    )
    monkeypatch.setattr(base_model, "load_model", load)
    recipe = load_recipe("smoke").model_copy(update={"base_model": str(byte_folder)})
    with pytest.raises(InterruptedError):
        adapters.AdapterSwitcher().use(recipe, None)
    assert asked == [expected]


def test_an_adapter_is_loaded_in_the_precision_of_its_base(byte_folder, tmp_path):
    base = base_model.resolve(str(byte_folder))
    model = base_model.load_model(base, "fp32")
    for name in ("one", "other"):
        PeftModel(model, LoraConfig(r=2, target_modules=["q_proj"]), name).save_pretrained(tmp_path)
    switcher = adapters.AdapterSwitcher()
    switcher._load(base, "bf16")
    for name in ("one", "other"):
        switcher.switch_on(tmp_path / name)
    weights = dict(switcher.model.named_parameters())
    assert {"one", "other"} == {name.split(".")[-2] for name in weights if "lora_A" in name}
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
