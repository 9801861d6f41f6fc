"""What several tests share: a hand-made bank's examples and a tiny random model with the real tokenizer."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same made-up cases at each run; `--hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
sys.path.insert(0, str(Path(__file__).parent))

WORDS = ["apple", "bridge", "candle", "desert", "engine", "forest", "garden", "hammer", "island", "jacket"]
SENTENCES = [
    "She ate a red apple.",
    "They walked over the bridge.",
    "He lit one candle.",
    "The desert is hot and dry.",
    "The engine is very loud.",
    "We got lost in the forest.",
    "Her garden has many roses.",
    "Give me the hammer, please.",
    "The island has two beaches.",
    "I left my jacket on the bus.",
]


def make_example(shift: int) -> dict:
    """An example of ten words; `shift` turns their order, so that examples differ."""
    words, sentences = WORDS[shift:] + WORDS[:shift], SENTENCES[shift:] + SENTENCES[:shift]
    return {
        "instruction": "Generate A2-level English sentences for these 10 words:",
        "input": "\n".join(f"{i}. {word}" for i, word in enumerate(words, 1)),
        "output": "\n".join(f"{i}. {sentence}" for i, sentence in enumerate(sentences, 1)),
        "words": words,
    }


@pytest.fixture(scope="session")
def examples() -> list[dict]:
    """Ten examples over the same ten words; the last two are cut short, so that lengths differ."""
    made = [make_example(shift) for shift in range(10)]
    for example, lines in zip(made[-2:], (1, 4), strict=True):
        example["output"] = "\n".join(example["output"].split("\n")[:lines])
    return made


@pytest.fixture(scope="session")
def bundled():
    from cefr_helpers import base_model

    return base_model.resolve("bundled")


@pytest.fixture(scope="session")
def tiny_folder(bundled, tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama", bundled)


def make_tiny(folder: Path, bundled) -> Path:
    """A random two-layer Llama in fp32 with SmolLM2's tokenizer, as a local model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from cefr_helpers import base_model

    tokenizer = base_model.load_tokenizer(bundled)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def byte_folder(tmp_path_factory) -> Path:
    return make_bytes(tmp_path_factory.mktemp("models") / "byte-llama")


def make_bytes(folder: Path) -> Path:
    """A one-layer Llama over bytes, as small as a model can be: for tests of a long training's arithmetic."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate([*specials, *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=specials[0], eos_token=specials[2])
    fast.add_special_tokens({"additional_special_tokens": [specials[1]]})
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        eos_token_id=2,
        bos_token_id=1,
    )
    torch.manual_seed(7)
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def tiny_recipe(path: Path, base_model: Path, **changes) -> Path:
    """The smoke recipe on a tiny model, which must learn a lot to be told from its base; with `changes` of its keys."""
    from cefr_helpers.paths import project_root

    lines = (project_root() / "recipes" / "smoke.yaml").read_text().splitlines()
    changes = {"base_model": base_model, "precision": "fp32", "learning_rate": 2.0e-2, "max_new_tokens": 20} | changes
    changed = [f"{key}: {changes[key]}" if (key := line.split(":")[0]) in changes else line for line in lines]
    path.write_text("\n".join(changed) + "\n")
    return path


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium; where there is none the test is skipped, or fails if CEFR_NEEDS_CHROMIUM is set."""
    import browser

    if lacks := browser.missing():
        (pytest.fail if os.environ.get("CEFR_NEEDS_CHROMIUM") else pytest.skip)(lacks)
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver
