"""Random models of a few layers of the families that people tune, with chat templates that behave as theirs do.

The templates are written here, after what each family's does with dates, thoughts, start tokens and ends of turns.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tiny_models import HARD, SENTENCES, WORDS

_CHAT = """\
{% for m in messages %}{{ "<|im_start|>" + m.role + "\\n" + m.content + "<|im_end|>\\n" }}{% endfor %}\
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
_DEFAULT_SYSTEM = """\
{% if messages[0].role != "system" %}{{ "<|im_start|>system\\nYou are a model.<|im_end|>\\n" }}{% endif %}"""
_DATED = """\
{{ bos_token }}{% if not date_string is defined %}{% if strftime_now is defined %}\
{% set date_string = strftime_now("%d %b %Y") %}{% else %}{% set date_string = "1 Jan 2000" %}{% endif %}{% endif %}\
<|start_header_id|>system<|end_header_id|>

Today: {{ date_string }}<|eot_id|>\
{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>

{{ m.content | trim }}<|eot_id|>{% endfor %}\
{% if add_generation_prompt %}{{ "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}{% endif %}"""
_THINKS_IF_ASKED = """\
{% for m in messages %}{{ "<|im_start|>" + m.role + "\\n" }}\
{% if m.role == "assistant" and loop.last %}{{ "<think>\\n\\n</think>\\n\\n" }}{% endif %}\
{{ m.content + "<|im_end|>\\n" }}{% endfor %}\
{% if add_generation_prompt %}{{ "<|im_start|>assistant\\n" }}\
{% if enable_thinking is defined and enable_thinking is false %}{{ "<think>\\n\\n</think>\\n\\n" }}\
{% endif %}{% endif %}"""
_THINKS_UNLESS_TOLD = _THINKS_IF_ASKED.replace(
    "{% endif %}{% endif %}", '{% else %}{{ "<think>\\n" }}{% endif %}{% endif %}'
)
_ALWAYS_THINKS = _THINKS_IF_ASKED.replace(
    _THINKS_IF_ASKED[_THINKS_IF_ASKED.index("{% if enable_thinking is defined") :], '{{ "<think>\\n" }}{% endif %}'
)
_LEAVES_THOUGHTS_OUT = """\
{{ bos_token }}{% for m in messages %}{% if m.role == "user" %}{{ "<|User|>" + m.content }}\
{% else %}{{ "<|Assistant|>" + m.content.split("</think>")[-1] + eos_token }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ "<|Assistant|><think>\\n" }}{% endif %}"""
_DATED_THINKER = """\
{% set enable_thinking = true if enable_thinking is not defined else enable_thinking %}\
{% set opening = "" if enable_thinking else "<think>\\n\\n</think>\\n" %}\
{% set mode = "/think" if enable_thinking else "/no_think" %}\
{% set today = strftime_now("%d %B %Y") %}\
{{ "<|im_start|>system\\nToday: " + today + ". Mode: " + mode + "<|im_end|>\\n" }}\
{% for m in messages %}{{ "<|im_start|>" + m.role + "\\n" }}\
{% if m.role == "assistant" %}{% generation %}{{ opening + m.content + "<|im_end|>\\n" }}{% endgeneration %}\
{% else %}{{ m.content + "<|im_end|>\\n" }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ "<|im_start|>assistant\\n" + opening }}{% endif %}"""
_MODEL_TURNS = """\
{{ bos_token }}{% for m in messages %}\
{{ "<start_of_turn>" + ("model" if m.role == "assistant" else m.role) + "\\n" }}\
{{ (m.content | trim) + "<end_of_turn>\\n" }}\
{% endfor %}{% if add_generation_prompt %}{{ "<start_of_turn>model\\n" }}{% endif %}"""
_ROLES = """\
{% if messages[0].role != "system" %}\
{{ "<|start_of_role|>system<|end_of_role|>Today's Date: " + strftime_now("%B %d, %Y") + ".<|end_of_text|>\\n" }}\
{% endif %}{% for m in messages %}\
{{ "<|start_of_role|>" + m.role + "<|end_of_role|>" + m.content + "<|end_of_text|>\\n" }}{% endfor %}\
{% if add_generation_prompt %}{{ "<|start_of_role|>assistant<|end_of_role|>" }}{% endif %}"""
_ENDS = """\
{% for m in messages %}{{ "<|" + m.role + "|>\\n" + m.content + "<|end|>\\n" }}{% endfor %}\
{% if add_generation_prompt %}{{ "<|assistant|>\\n" }}{% else %}{{ eos_token }}{% endif %}"""
_INSTRUCTIONS = """\
{{ bos_token }}{% for m in messages %}{% if m.role == "user" %}{{ "[INST] " + m.content + "[/INST]" }}\
{% else %}{{ " " + m.content + eos_token }}{% endif %}{% endfor %}"""
_CHANNELS = """\
{% macro system() %}{{ "Current date: " + strftime_now("%Y-%m-%d") }}\
{{ "\\nReasoning: " + reasoning_effort }}{% endmacro %}\
{% if reasoning_effort is not defined %}{% set reasoning_effort = "medium" %}{% endif %}\
{{ "<|start|>system<|message|>" + system() + "<|end|>" }}\
{% for m in messages %}{% if m.role == "assistant" %}\
{{ "<|start|>assistant<|channel|>final<|message|>" + m.content + ("<|return|>" if loop.last else "<|end|>") }}\
{% else %}{{ "<|start|>" + m.role + "<|message|>" + m.content + "<|end|>" }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ "<|start|>assistant" }}{% endif %}"""


@dataclass(frozen=True)
class Family:
    """What a family is like.

    Attributes:
        make: the vocabulary's size and token ids -> a random model.
        template: of its chats.
        special: its special tokens besides start, end and padding.
        bos, eos, pad: as its tokenizer names them; the tokenizer puts `bos` before each text.
        end: the token that ends a turn.
        prompt_ends: how a prompt ends, up to where the answer begins.
        thinking: "off" where it could think.
        date: whether its prompts name a date.
        generation: further settings in its generation_config.json.
        remembers: what its layers keep of the tokens before.
        not_in_transformers_4: the error of transformers 4 if it does not know the model, else "".
        not_exported: the error of llama.cpp or its converter if it can't be exported, and the text on the models page.
        pieces: whether its tokenizer is of SentencePiece's kind, by whose file llama.cpp's converter reads it.
    """

    make: Callable
    template: str
    special: tuple[str, ...]
    eos: str
    end: str
    prompt_ends: str
    bos: str | None = None
    pad: str | None = None
    thinking: str | None = None
    date: bool = False
    generation: dict = field(default_factory=dict)
    remembers: tuple[str, ...] = ("all tokens",)
    not_in_transformers_4: str = ""
    not_exported: tuple[str, str] | None = None
    pieces: bool = False


_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.3,  # answers that depend on what was asked
}
# Five layers with a window and one without, which llama.cpp takes for granted of Gemma 3.
_FIVE_OF_SIX = {"num_hidden_layers": 6, "layer_types": ["sliding_attention"] * 5 + ["full_attention"]}
_IM = ("<|im_start|>", "<|im_end|>")
_THINK = (*_IM, "<think>", "</think>")


def _plain(kind: str, configuration: str = "", rows_in: int = 1, **changes) -> Callable:
    """A model of text: `kind` is the beginning of its classes' names; its rows come in multiples of `rows_in`."""

    def make(vocabulary: int, ids: dict):
        import transformers

        vocabulary += -vocabulary % rows_in
        config = getattr(transformers, configuration or f"{kind}Config")(
            **_SIZES | {"vocab_size": vocabulary} | ids | changes
        )
        return getattr(transformers, f"{kind}ForCausalLM")(config)

    return make


_VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}


def _gemma3_with_vision(vocabulary: int, ids: dict):
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text = _SIZES | {"vocab_size": vocabulary, "head_dim": 8, "sliding_window": 40} | ids
    text |= _FIVE_OF_SIX | {"query_pre_attn_scalar": 8}
    config = Gemma3Config(text_config=text, vision_config=_VISION, mm_tokens_per_image=4, **ids)
    return Gemma3ForConditionalGeneration(config)


def _mistral3_with_vision(vocabulary: int, ids: dict):
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    text = _SIZES | {"model_type": "ministral3", "vocab_size": vocabulary, "head_dim": 8} | ids
    vision = _VISION | {"model_type": "pixtral", "head_dim": 8}
    return Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=vision))


_LINEAR = {  # every fourth layer with attention to all tokens, which llama.cpp takes for granted
    "num_hidden_layers": 4,
    "layer_types": ["linear_attention"] * 3 + ["full_attention"],
    "head_dim": 32,  # as many as its rotary embedding has sections
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}


def _qwen35_with_vision(vocabulary: int, ids: dict):
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    vision = {"hidden_size": 16, "intermediate_size": 16, "depth": 1, "num_heads": 2, "out_hidden_size": 32}
    text = _SIZES | _LINEAR | {"vocab_size": vocabulary} | ids
    return Qwen3_5ForConditionalGeneration(Qwen3_5Config(text_config=text, vision_config=vision))


FAMILIES = {
    "llama-3.2": Family(
        _plain("Llama", tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
        _DATED,
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        bos="<|begin_of_text|>",
        eos="<|end_of_text|>",
        pad="<|finetune_right_pad_id|>",
        end="<|eot_id|>",
        prompt_ends="assistant<|end_header_id|>\n\n",
        date=True,
    ),
    "qwen2.5": Family(
        _plain("Qwen2"),
        _DEFAULT_SYSTEM + _CHAT,
        _IM,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        end="<|im_end|>",
        prompt_ends="<|im_start|>assistant\n",
        not_exported=("BPE pre-tokenizer was not recognized", "not tried: needs Qwen's own tokenizer"),
        generation={"repetition_penalty": 1.3, "temperature": 0.7, "top_k": 20, "do_sample": True},
    ),
    "qwen3": Family(
        _plain("Qwen3", head_dim=8),
        _THINKS_IF_ASKED,
        _THINK,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        end="<|im_end|>",
        prompt_ends="assistant\n<think>\n\n</think>\n\n",
        thinking="off",
    ),
    "qwen3-thinking": Family(
        _plain("Qwen3", head_dim=8),
        _ALWAYS_THINKS,
        _THINK,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        end="<|im_end|>",
        prompt_ends="assistant\n<think>\n\n</think>\n\n",
        thinking="off",
    ),
    "qwen3.5": Family(
        _qwen35_with_vision,
        _THINKS_UNLESS_TOLD,
        _THINK,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        end="<|im_end|>",
        prompt_ends="assistant\n<think>\n\n</think>\n\n",
        thinking="off",
        not_in_transformers_4="model type `qwen3_5_text`",
        remembers=("all tokens", "states"),
    ),
    "gemma-3": Family(
        _plain(
            "Gemma3",
            "Gemma3TextConfig",
            head_dim=8,
            sliding_window=40,
            query_pre_attn_scalar=8,
            **_FIVE_OF_SIX,
        ),
        _MODEL_TURNS,
        ("<start_of_turn>", "<end_of_turn>"),
        bos="<bos>",
        eos="<eos>",
        pad="<pad>",
        end="<end_of_turn>",
        prompt_ends="<start_of_turn>model\n",
        remembers=("all tokens", "last tokens"),
        pieces=True,
    ),
    "gemma-3-vision": Family(
        _gemma3_with_vision,
        _MODEL_TURNS,
        ("<start_of_turn>", "<end_of_turn>"),
        bos="<bos>",
        eos="<eos>",
        pad="<pad>",
        end="<end_of_turn>",
        prompt_ends="<start_of_turn>model\n",
        remembers=("all tokens", "last tokens"),
        pieces=True,
    ),
    "smollm3": Family(
        # every fourth layer has no rotary embedding, which llama.cpp takes for granted
        _plain("SmolLM3", num_hidden_layers=4, no_rope_layers=[1, 1, 1, 0]),
        _DATED_THINKER,
        _IM,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        end="<|im_end|>",
        prompt_ends="assistant\n<think>\n\n</think>\n",
        thinking="off",
        date=True,
    ),
    "granite": Family(
        _plain("Granite"),
        _ROLES,
        ("<|start_of_role|>", "<|end_of_role|>", "<|unk|>"),
        eos="<|end_of_text|>",
        pad="<|end_of_text|>",
        end="<|end_of_text|>",
        prompt_ends="<|start_of_role|>assistant<|end_of_role|>",
        date=True,
    ),
    "granite-hybrid": Family(
        _plain(
            "GraniteMoeHybrid",
            rows_in=8,  # as llama.cpp takes for granted
            layer_types=["mamba", "attention"],
            num_local_experts=0,
            num_experts_per_tok=0,
            shared_intermediate_size=64,
            mamba_n_heads=8,
            mamba_d_head=8,
            mamba_d_state=16,
            mamba_n_groups=1,
            mamba_expand=2,
        ),
        _ROLES,
        ("<|start_of_role|>", "<|end_of_role|>", "<|unk|>"),
        eos="<|end_of_text|>",
        pad="<|pad|>",
        end="<|end_of_text|>",
        prompt_ends="<|start_of_role|>assistant<|end_of_role|>",
        date=True,
        remembers=("all tokens", "states"),
    ),
    "lfm2": Family(
        _plain("Lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False),
        "{{ bos_token }}" + _CHAT,
        _IM,
        bos="<|startoftext|>",
        eos="<|im_end|>",
        pad="<|pad|>",
        end="<|im_end|>",
        prompt_ends="<|im_start|>assistant\n",
        remembers=("all tokens", "states"),
    ),
    "phi-3": Family(
        _plain("Phi3"),
        _ENDS,
        ("<|user|>", "<|assistant|>", "<|end|>"),
        eos="<|endoftext|>",
        pad="<|endoftext|>",
        end="<|end|>",
        prompt_ends="<|assistant|>\n",
        not_exported=("Missing .*tokenizer.model", "not tried: needs Phi-3's own tokenizer"),
    ),
    "mistral": Family(
        _plain("Mistral", sliding_window=40, head_dim=8),
        _INSTRUCTIONS,
        ("[INST]", "[/INST]", "<unk>"),
        bos="<s>",
        eos="</s>",
        end="</s>",
        prompt_ends="[/INST]",
        remembers=("last tokens",),
        not_exported=("does not answer like the merged model", "for texts shorter than the window"),
    ),
    "ministral-3": Family(
        _mistral3_with_vision,
        _INSTRUCTIONS,
        ("[INST]", "[/INST]", "<unk>"),
        bos="<s>",
        eos="</s>",
        pad="<pad>",
        end="</s>",
        prompt_ends="[/INST]",
        not_in_transformers_4="model type `ministral3`",
    ),
    "gpt-oss": Family(
        _plain(
            "GptOss",
            head_dim=8,
            sliding_window=40,
            num_local_experts=2,
            num_experts_per_tok=2,  # both: rounding would change a choice of one
            layer_types=["sliding_attention", "full_attention"],
        ),
        _CHANNELS,
        ("<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>"),
        eos="<|return|>",
        pad="<|endoftext|>",
        end="<|return|>",
        prompt_ends="assistant<|channel|>final<|message|>",
        thinking="off",
        date=True,
        remembers=("all tokens", "last tokens"),
    ),
}
# Prompts for an answer after an opened thought, but formats answers without one: it cannot be tuned.
REFUSED = Family(
    _plain("Llama"),
    _LEAVES_THOUGHTS_OUT,
    ("<|User|>", "<|Assistant|>", "<think>", "</think>"),
    bos="<|begin|>",
    eos="<|end|>",
    pad="<pad>",
    end="<|end|>",
    prompt_ends="",
)


def make_tokenizer(family: Family):
    """A byte-level tokenizer of some hundred tokens, as transformers loads the family's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    named = {"bos_token": family.bos, "eos_token": family.eos, "pad_token": family.pad}
    named = {role: token for role, token in named.items() if token}
    special = list(dict.fromkeys([*named.values(), *family.special]))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([*SENTENCES, *HARD.values(), *WORDS], trainer)
    if family.bos:
        start = [(family.bos, tokenizer.token_to_id(family.bos))]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", pair=f"{family.bos} $A $B", special_tokens=start
        )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
    fast.add_special_tokens({"additional_special_tokens": list(family.special)})
    fast.chat_template = family.template
    return fast


def on_tokenizer(family: Family, tokenizer):
    """Another tokenizer, with the family's special tokens and template: llama.cpp's converter knows few tokenizers."""
    named = {"bos_token": family.bos, "eos_token": family.eos, "pad_token": family.pad}
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_special_tokens({role: token for role, token in named.items() if token})
    tokenizer.add_special_tokens({"additional_special_tokens": list(family.special)})
    tokenizer.bos_token = family.bos
    tokenizer.chat_template = family.template
    return tokenizer


def make_model(folder: Path, family: Family, tokenizer=None, **configuration) -> Path:
    """The family's random model with its tokenizer, as a folder in Hugging Face format, in fp32.

    Args:
        tokenizer: another than `make_tokenizer` gives.
        configuration: further values of the model's.
    """
    import torch

    tokenizer = tokenizer or make_tokenizer(family)
    torch.manual_seed(7)
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    model = family.make(len(tokenizer), ids | configuration)
    for key, value in family.generation.items():
        setattr(model.generation_config, key, value)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


_SEEN_AS = {
    ("all tokens",): "all tokens",
    ("last tokens",): "a sliding window",
    ("all tokens", "last tokens"): "all tokens, and a sliding window",
    ("all tokens", "states"): "all tokens, and states",
}


def markdown_row(name: str) -> str:
    """The family's row in the page on models."""
    family = FAMILIES[name]
    date, thinking = "fixed" if family.date else "none", "switched off" if family.thinking else "none"
    end = family.end.replace("|", "\\|")  # a bar would end the cell
    four = "no" if family.not_in_transformers_4 else "yes"
    exported = family.not_exported[1] if family.not_exported else "yes"
    cells = [name, f"`{end}`", thinking, date, _SEEN_AS[family.remembers], four, exported]
    return f"| {' | '.join(cells)} |"
