"""Published models in transformers 4, and in 5 which this project uses: adapter and merged model answer the same."""

import json
import shutil
from pathlib import Path

import elsewhere
import pytest

from cefr_helpers.models import merging

TEXT = "Generate B2-level English sentences for these 2 words:\n1. caf\u00e9\n2. don't"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tiny_folder, tmp_path_factory) -> dict[str, Path]:
    """A tiny base with its adapter, and both merged as the suite publishes them; the adapter changes a lot."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(3)
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.3)
    model.save_pretrained(folder / "adapter")
    prompt = list(range(100, 140))
    merging.merge(tiny_folder, folder / "adapter", folder / "merged", prompt)
    # the base as published models are written: what transformers 5 alone writes is another matter
    shutil.copytree(tiny_folder, folder / "base")
    merging.make_portable(folder / "base")
    return {name: folder / name for name in ("adapter", "merged", "base")}


@pytest.mark.parametrize(("folder", "adapter"), [("merged", ""), ("base", "adapter")], ids=["merged", "adapter"])
def test_transformers_4_and_5_find_the_same(in_transformers_4, in_transformers_5, published, folder, adapter):
    arguments = (published[folder], published[adapter] if adapter else "", TEXT)
    four, five = in_transformers_4.read(*arguments), in_transformers_5.read(*arguments)
    assert four["version"].startswith("4.") and five["version"].startswith("5.")
    for what in ("ids", "said", "end", "answer"):
        assert four[what] == five[what]
    assert four["end"] == [2, 2] and "caf\u00e9" in four["said"] and four["answer"]
    without = in_transformers_4.read(published["base"], "", TEXT)
    assert elsewhere.difference(four, five) < 1e-3 < 0.1 < elsewhere.difference(four, without)


def test_a_reader_of_the_old_keys_would_notice_their_absence(in_transformers_4, published, tmp_path):
    """Without `rope_theta` beside the new keys transformers 4 silently uses 10000, which the comparison must find."""
    folder = Path(shutil.copytree(published["merged"], tmp_path / "merged"))
    config = json.loads((folder / "config.json").read_text())
    del config["rope_theta"]
    (folder / "config.json").write_text(json.dumps(config))
    found = [in_transformers_4.read(one, "", TEXT) for one in (folder, published["merged"])]
    assert elsewhere.difference(*found) > 1e-2
