"""Load models as their cards say, in processes without this project's code, with transformers 4 or 5.

transformers 4 lives in an environment of its own, which the first use makes (`python -m venv`, then `pip install` of
PACKAGES below, several minutes and 1.5 GB) under `environments` in the cache folder of `base_model.cache_folder`, to be
deleted at will. Tests are skipped only if pip cannot reach a package registry.
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

from cefr_helpers.models import base_model

PACKAGES = ("torch==2.13.0", "transformers==4.57.6", "peft==0.18.1", "numpy==2.4.6")
# Answers each line of its input, a JSON list, with a line of JSON: libraries are loaded once for all models.
_READER = """
import json, sys, torch, transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

def read(folder, adapter, question):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter) if adapter else model
    model.eval()
    chat = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    end = model.generation_config.eos_token_id
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0]
        answer = model.generate(input_ids=torch.tensor([ids]), max_new_tokens=12, do_sample=False)[0, len(ids):]
    return {
        "version": transformers.__version__, "ids": ids, "said": tokenizer.decode(ids), "answer": answer.tolist(),
        "end": [tokenizer.eos_token_id, end], "logits": logits[:, ::97].tolist(),
    }

for line in sys.stdin:
    try:
        found = read(*json.loads(line))
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print("FOUND " + json.dumps(found), flush=True)
"""


class Reader:
    """A Python process with transformers that runs until `close`.

    Args:
        python: of the environment.
        said: takes what its libraries say.
    """

    def __init__(self, python: Path, said: Path):
        foreign = ("PYTHONPATH", "PYTHONHOME")
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        self._said = said
        with open(said, "w") as errors:
            self._process = subprocess.Popen(
                [str(python), "-c", _READER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=said.parent,
                env=environment,
            )

    def read(self, folder: Path, adapter: Path | str = "", question: str = "Hi") -> dict:
        """Return a model's answer to a question in its chat format.

        Returns:
            `version` of transformers; `ids` of the prompt, and `said`, their text; `answer`, the ids of a greedy one;
            `end`, the end tokens of tokenizer and model; `logits` at all positions, of each 97th token of the
            vocabulary. Or `error`, where it can't be loaded.
        """
        print(json.dumps([str(folder), str(adapter), question]), file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("FOUND "):
                return json.loads(line.removeprefix("FOUND "))
        raise RuntimeError(f"the reader ended: {self._said.read_text()[-3000:]}")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


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


def transformers_5() -> Path:
    """The Python of this project."""
    return Path(sys.executable)


def difference(one: dict, other: dict) -> float:
    """The largest difference of the logits of two answers of `Reader.read`."""
    import numpy as np

    return float(np.abs(np.array(one["logits"]) - np.array(other["logits"])).max())
