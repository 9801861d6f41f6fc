"""A tokenizer that is not its model's own is refused before training; each correct one is accepted."""

import json
import re

import pytest
from tiny_families import FAMILIES, make_model, make_tokenizer
from tiny_models import HARD, SENTENCES, WORDS
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from cefr_helpers.core.errors import OVERRIDE, InputError
from cefr_helpers.models import base_model, tokenizer_check

# Llama 3's pre-tokenizer: a character before a word goes with it, and numbers are split into threes.
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
TEXTS = [*SENTENCES, *HARD.values()] * 3
CODE = ["\n".join(f"{sign}{word}" for sign in "(._/-" for word in [*WORDS, *HARD])] * 3
TEMPLATE = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>{% endfor %}<|turn|>"


def as_loaded(tokenizer: Tokenizer, **named) -> PreTrainedTokenizerFast:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", **named)
    fast.chat_template = TEMPLATE
    return fast


def byte_level() -> Tokenizer:
    """A correct tokenizer: it learnt its vocabulary with Llama 3's pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<|turn|>", "<|end|>", "<bos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS + CODE, trainer)
    return tokenizer


def sentence_piece() -> Tokenizer:
    """A correct SentencePiece tokenizer, like Gemma's: spaces are characters, and unknown ones are split into bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    # otherwise its tokens would go across words
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    named = ["<unk>", "<|turn|>", "<|end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=[*named, *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    # bytes belong to text, they are not special tokens
    parts = json.loads(tokenizer.to_str())
    parts["added_tokens"] = [one for one in parts["added_tokens"] if one["content"] in named]
    return Tokenizer.from_str(json.dumps(parts))


def config(folder, **values):
    """A model's folder; without `vocab_size` nothing is said of its size."""
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def refused(folder, tokenizer) -> str:
    with pytest.raises(InputError) as error:
        tokenizer_check.check(folder, tokenizer)
    told = str(error.value)
    assert told.startswith(f"base_model: {folder / 'tokenizer.json'}: ") and "converted from a GGUF file" in told
    return told


@pytest.mark.parametrize("name", FAMILIES)
def test_each_familys_own_is_taken(tmp_path, name):
    tokenizer = make_tokenizer(FAMILIES[name])
    tokenizer_check.check(config(tmp_path, vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id), tokenizer)
    assert tokenizer_check.whole_words(tokenizer) == (1.0, [])


def test_the_bundled_models_is_taken(bundled):
    tokenizer = base_model.load_tokenizer(bundled)
    assert tokenizer_check.whole_words(tokenizer) == (1.0, [])


@pytest.mark.parametrize("make", [byte_level, sentence_piece])
def test_right_ones_are_taken(tmp_path, make):
    tokenizer = as_loaded(make())
    assert tokenizer_check.whole_words(tokenizer)[0] > 0.99
    tokenizer_check.check(config(tmp_path, vocab_size=len(tokenizer)), tokenizer)


def test_ranks_taken_for_probabilities_are_refused(tmp_path):
    """As transformers reads Gemma's GGUF files: the ranks of its merges as scores of a Unigram model."""
    right = sentence_piece()
    tokens = sorted(right.get_vocab().items(), key=lambda item: item[1])
    ranks = [(token, 0.0 if number < 259 else float(259 - number)) for token, number in tokens]
    wrong = Tokenizer(models.Unigram(ranks, 0, True))
    wrong.normalizer, wrong.pre_tokenizer, wrong.decoder = right.normalizer, right.pre_tokenizer, right.decoder
    wrong.add_special_tokens(["<|turn|>", "<|end|>"])
    told = refused(config(tmp_path, vocab_size=len(tokens)), as_loaded(wrong))
    share = int(re.search(r"(\d+)% of the words in its vocabulary are cut into themselves, and '", told)[1])
    assert 5 < share < 90 and "expected all, as in the tokenizer" in told


def test_another_way_of_cutting_is_refused(tmp_path):
    """As transformers reads Llama 3's GGUF files: with GPT-2's rules, which separate a character from its word."""
    wrong = byte_level()
    wrong.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    told = refused(config(tmp_path), as_loaded(wrong))
    assert re.search(r"and '[(._/-]\w+' into \['[(._/-]+', ", told)


def test_lost_merges_and_spaces_are_refused(tmp_path):
    right = byte_level()
    config(tmp_path, vocab_size=right.get_vocab_size())
    parts = json.loads(right.to_str())
    parts["model"]["merges"] = parts["model"]["merges"][:40]
    assert "of the words in its vocabulary" in refused(tmp_path, as_loaded(Tokenizer.from_str(json.dumps(parts))))
    right.normalizer = normalizers.Replace("\n", " ")
    told = refused(tmp_path, as_loaded(right))
    assert "comes back from its tokens as" in told and "expected the same" in told


def test_signs_of_the_chat_that_were_not_kept_are_refused(tmp_path):
    parts = json.loads(byte_level().to_str())
    parts["added_tokens"] = [one for one in parts["added_tokens"] if one["content"] != "<|turn|>"]
    told = refused(config(tmp_path), as_loaded(Tokenizer.from_str(json.dumps(parts))))
    assert re.search(r"'<\|turn\|>' of the chat template is cut into \d+ tokens; expected one", told)


def test_a_start_token_that_nobody_names_is_refused(tmp_path):
    tokenizer = as_loaded(byte_level())
    tokenizer.chat_template = "{{ bos_token }}" + TEMPLATE
    told = refused(config(tmp_path, bos_token_id=2), tokenizer)
    assert "no bos_token in tokenizer_config.json, for which the chat template asks" in told
    assert "config.json has '<bos>' (2)" in told
    tokenizer_check.check(config(tmp_path, bos_token_id=1), tokenizer)  # a model that uses its end token instead
    tokenizer_check.check(config(tmp_path, bos_token_id=None), tokenizer)
    tokenizer.bos_token = "<bos>"
    tokenizer_check.check(config(tmp_path, bos_token_id=2), tokenizer)


@pytest.mark.parametrize(("rows", "taken"), [(400, False), (2000, False), (700, True), (730, True)])
def test_a_tokenizer_of_another_model_is_refused(tmp_path, rows, taken):
    tokenizer = make_tokenizer(FAMILIES["qwen3"])
    count = len(tokenizer)
    assert 650 < count <= 700
    config(tmp_path, vocab_size=rows)
    if taken:
        tokenizer_check.check(tmp_path, tokenizer)
    else:
        assert (
            f"{count} tokens, the last of its text number {count - 1}; config.json says vocab_size {rows}"
            in refused(tmp_path, tokenizer)
        )


def test_a_base_model_is_checked_when_its_tokenizer_is_loaded(tmp_path, monkeypatch):
    """The first stage makes the check before anything is written; a variable turns it off."""
    family = FAMILIES["qwen2.5"]
    folder = make_model(tmp_path / "model", family)
    base = base_model.resolve(str(folder))
    base_model.load_tokenizer(base)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"vocab_size": 300}))
    with pytest.raises(InputError, match="tokenizer.json: .* config.json says vocab_size 300"):
        base_model.load_tokenizer(base)
    monkeypatch.setenv(OVERRIDE, "1")
    base_model.load_tokenizer(base)
