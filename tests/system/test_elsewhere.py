"""What is published, in transformers 4 as well as in this project's 5: adapter and merged model give the same logits.

transformers 4 lives in an environment of its own, which the first run makes (`python -m venv`, then `pip install` of
PACKAGES below, several minutes and 1.5 GB) under `environments` in the cache folder of `base_model.cache_folder`, to be
deleted at will. The test is passed over only where pip cannot reach a package registry.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from cefr_helpers.models import base_model, merging

PACKAGES = ("torch==2.13.0", "transformers==4.57.6", "peft==0.18.1", "numpy==2.4.6")
# Loads a model as its card says, in a process that knows nothing of this project; prints what it found as JSON.
READER = """
import json, sys, torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, adapter, text = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
if adapter:
    from peft import PeftModel
    model = PeftModel.from_pretrained(model, adapter)
chat = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
ids = tokenizer(chat, add_special_tokens=False).input_ids
with torch.inference_mode():
    logits = model.eval()(torch.tensor([ids])).logits[0]
said = tokenizer.decode(ids)
end = [tokenizer.eos_token_id, model.generation_config.eos_token_id]
some = logits[:, ::97].tolist()
print(json.dumps({"version": transformers.__version__, "ids": ids, "said": said, "end": end, "logits": some}))
"""
TEXT = "Generate B2-level English sentences for these 2 words:\n1. caf\u00e9\n2. don't"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transformers_4() -> Path:
    """The Python of an environment with PACKAGES, made once."""
    name = f"transformers-4-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:12]}"
    folder = base_model.cache_folder() / "environments" / name
    if not (folder / "ready").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True)
        if "Failed to establish a new connection" in done.stderr or "Temporary failure in name" in done.stderr:
            pytest.skip(f"no package registry in reach: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr[-3000:]
        (folder / "ready").write_text("\n".join(PACKAGES))
    return folder / "bin" / "python"


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


def read(python: Path, folder: Path, adapter: Path | str = "") -> dict:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [python, "-c", READER, folder, adapter, TEXT]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def difference(one: dict, other: dict) -> float:
    """The largest difference of logits, over all positions and each 97th token of the vocabulary."""
    import numpy as np

    return float(np.abs(np.array(one["logits"]) - np.array(other["logits"])).max())


@pytest.mark.parametrize(("folder", "adapter"), [("merged", ""), ("base", "adapter")], ids=["merged", "adapter"])
def test_transformers_4_and_5_find_the_same(transformers_4, published, folder, adapter):
    arguments = (published[folder], published[adapter] if adapter else "")
    four, five = read(transformers_4, *arguments), read(Path(sys.executable), *arguments)
    assert four["version"].startswith("4.") and five["version"].startswith("5.")
    assert (four["ids"], four["said"], four["end"]) == (five["ids"], five["said"], five["end"])
    assert four["end"] == [2, 2] and "caf\u00e9" in four["said"]
    without = read(transformers_4, published["base"])
    assert difference(four, five) < 1e-3 < 0.1 < difference(four, without)


def test_a_reader_of_the_old_keys_would_notice_their_absence(transformers_4, published, tmp_path):
    """Without `rope_theta` beside the new keys transformers 4 takes 10000 in silence: what the comparison is for."""
    folder = Path(shutil.copytree(published["merged"], tmp_path / "merged"))
    config = json.loads((folder / "config.json").read_text())
    del config["rope_theta"]
    (folder / "config.json").write_text(json.dumps(config))
    assert difference(read(transformers_4, folder), read(transformers_4, published["merged"])) > 1e-2
