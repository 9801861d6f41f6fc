"""The precision in which a base model without adapter is loaded."""

import pytest
import torch

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
