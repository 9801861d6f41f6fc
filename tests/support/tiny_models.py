"""Random models as small as they can be, with a bank of ten words, adapters and a recipe for them."""

from pathlib import Path

import yaml
from hand_made_records import make_record, write_record

from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import TARGET_MODULES, load_recipe
from cefr_helpers.models import base_model, lora_targets, saving

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


# Of level C1
HARD = {
    "negotiate": "Although both parties were reluctant, they managed to negotiate an acceptable compromise overnight.",
    "reluctant": "The committee seemed reluctant to acknowledge that its earlier predictions had been misleading.",
    "evidence": "Researchers have gathered compelling evidence that contradicts the widely accepted explanation.",
    "sustain": "It remains doubtful whether the region can sustain such rapid growth without further investment.",
    "inevitable": "Critics argued that a confrontation between the rival factions was practically inevitable.",
    "perceive": "Consumers tend to perceive expensive products as superior regardless of their actual quality.",
    "abandon": "Faced with mounting expenses, the directors decided to abandon the ambitious construction project.",
    "thorough": "Only a thorough investigation will establish how the confidential documents were published.",
    "emerge": "Several unexpected complications began to emerge as soon as the merger had been announced.",
    "reinforce": "The latest findings reinforce the impression that the policy has failed to reduce inequality.",
}


def make_tiny(folder: Path, bundled) -> Path:
    """A random two-layer Llama in fp32 with SmolLM2's tokenizer, as a local model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

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
    """Write the smoke recipe for a tiny model, which must learn a lot to differ; `changes` are of its keys."""
    lines = (project_root() / "recipes" / "smoke.yaml").read_text().splitlines()
    changes = {"base_model": base_model, "precision": "fp32", "learning_rate": 2.0e-2, "max_new_tokens": 20} | changes
    changed = [f"{key}: {changes[key]}" if (key := line.split(":")[0]) in changes else line for line in lines]
    path.write_text("\n".join(changed) + "\n")
    return path


def write_adapter_of(base, path: Path, seed: int = 1) -> Path:
    """A random adapter for a base model."""
    import torch
    from peft import LoraConfig, get_peft_model

    model = base_model.load_model(base, "fp32")
    torch.manual_seed(seed)
    modules = lora_targets.find(model, ["q_proj", "v_proj", "down_proj"])
    model = get_peft_model(model, LoraConfig(r=4, target_modules=modules, init_lora_weights=False))
    with torch.no_grad():
        for key, weights in model.named_parameters():
            if "lora_B" in key:
                weights.mul_(40)
    model.save_pretrained(path)
    return path


def smoke_adapter(folder: Path, model_folder: Path) -> Path:
    """A random adapter of a tiny model, with rank and alpha of the smoke recipe, as stage 02 saves it."""
    from peft import LoraConfig, get_peft_model

    base, recipe = base_model.resolve(str(model_folder)), load_recipe("smoke")
    shape = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        target_modules=list(TARGET_MODULES),
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    return saving.save_adapter(get_peft_model(base_model.load_model(base, "fp32"), shape), folder, base)


def write_adapter(workspace, level, byte_folder, recipe, name, seed):
    """A random adapter with its training record, as stage 02 leaves them."""
    base = base_model.resolve(str(byte_folder))
    path = write_adapter_of(base, workspace.adapters() / name, seed)
    results = {"adapter": {"name": name, "path": str(path)}, "base_model": base.describe(), "precision": "fp32"}
    values = {"name": "tiny", **yaml.safe_load(recipe.read_text())}
    write_record(workspace.record(level, "training"), make_record("training", level, results, values))
