"""Check whether a tokenizer is the one that its model was trained with, as far as the folder's own files can tell.

Programs that convert models to another format may write a tokenizer that loads, but splits text differently than the
model's own: by GPT-2's rules instead of others, or with the ranks of merges used as probabilities. Such a
model answers badly without any error.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import OVERRIDE, InputError, shown

_SAMPLE = 500
# In the right tokenizers of Llama 3 and 4, Mistral (old and new) and SmolLM2 all words are whole. Llama 3's with
# GPT-2's rules keeps .81, Mistral's newer one .91, Gemma 3's as transformers converts it from GGUF .09.
_LEAST_WHOLE = 0.97
_LEAST_FILLED = 0.9  # share of the rows of the embedding; some are padding
_MARKER = re.compile(r"<[^<>\s]+>|\[/?\w+\]")
_TEXT = "1. She's 26, isn't she?\n2. \u201cNo!\u201d they said at the caf\u00e9.\n\n3. It costs $1,234.50."
_HINT = "a folder that was converted from a GGUF file may have a wrong one; take the model's own files"


def check(folder: Path, tokenizer) -> None:
    """Refuse a tokenizer that contradicts itself, its chat template or its model.

    Args:
        folder: of the model, with config.json.
        tokenizer: as transformers loads it from there.

    Raises:
        InputError: names the file, what was found in it, and what was expected.
    """
    if os.environ.get(OVERRIDE):
        return
    config = files.read_json_object(folder / "config.json", "expected the configuration of a model")
    problem = (
        _size(tokenizer, config.get("vocab_size"))
        or _round_trip(tokenizer)
        or _markers(tokenizer)
        or _start(tokenizer, config.get("bos_token_id"))
        or _words(tokenizer)
    )
    if problem:
        raise InputError(
            f"base_model: {folder / 'tokenizer.json'}: {problem}; {_HINT}. {OVERRIDE}=1 lets it try anyway"
        )


def whole_words(tokenizer) -> tuple[float, list[str]]:
    """Return the share of the vocabulary's words that are a single token, among up to 500 evenly drawn ones.

    A tokenizer learns its vocabulary with its own rules for splitting, so in the right one this is every word.

    Returns:
        The share, 1 if there are no words, and the words that are split.
    """
    added = set(tokenizer.get_added_vocab())
    vocabulary = sorted(_own_vocabulary(tokenizer).items(), key=lambda item: item[1])
    own = [(number, token) for token, number in vocabulary if token not in added and not _MARKER.fullmatch(token)]
    words = [(number, text) for number, token in own if _is_word(text := tokenizer.convert_tokens_to_string([token]))]
    words = words[:: max(1, len(words) // _SAMPLE)]
    if not words:
        return 1.0, []
    # some put a space before each text; after a line end they do not
    [line_end] = _cut(tokenizer, ["\n"])
    ways = zip(
        _cut(tokenizer, [text for _, text in words]),
        _cut(tokenizer, [text.lstrip() for _, text in words]),
        _cut(tokenizer, [f"\n{text}" for _, text in words]),
        strict=True,
    )
    cut = [
        text
        for (number, text), (plain, bare, behind) in zip(words, ways, strict=True)
        if [number] not in (plain, bare) and behind != [*line_end, number]
    ]
    return 1 - len(cut) / len(words), cut


def _own_vocabulary(tokenizer) -> dict[str, int]:
    return tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)


def _is_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and any(map(str.isalpha, text))


def _cut(tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return tokenizer(list(texts), add_special_tokens=False).input_ids


def _size(tokenizer, rows: int | None) -> str | None:
    """Check that the embedding has a row for each token; added ones (such as Gemma's for pictures) never occur."""
    last, count = max(_own_vocabulary(tokenizer).values()), len(tokenizer)
    if rows is not None and (last >= rows or count < _LEAST_FILLED * rows):
        return f"{count} tokens, the last of its text number {last}; config.json says vocab_size {rows}"
    return None


def _round_trip(tokenizer) -> str | None:
    [ids] = _cut(tokenizer, [_TEXT])
    again = tokenizer.decode(ids, clean_up_tokenization_spaces=False).strip()
    return None if again == _TEXT else f"{shown(_TEXT)} comes back from its tokens as {shown(again)}; expected the same"


def _markers(tokenizer) -> str | None:
    """Check that the chat format's markers are single tokens; markers that were not kept as added tokens are split."""
    template, vocabulary = tokenizer.chat_template or "", tokenizer.get_vocab()
    for marker in dict.fromkeys(_MARKER.findall(template)):
        if marker in vocabulary and len(cut := _cut(tokenizer, [marker])[0]) > 1:
            return f"{shown(marker)} of the chat template is cut into {len(cut)} tokens; expected one, as it has it"
    return None


def _start(tokenizer, number: object) -> str | None:
    """Check that the tokenizer names a start token if the template uses one and the model has one."""
    asked = re.search(r"\bbos_token\b", tokenizer.chat_template or "") and tokenizer.bos_token is None
    if not asked or not isinstance(number, int) or number in (tokenizer.eos_token_id, tokenizer.pad_token_id):
        return None
    named = shown(tokenizer.convert_ids_to_tokens(number))
    return (
        f"no bos_token in tokenizer_config.json, for which the chat template asks; config.json has {named} ({number})"
    )


def _words(tokenizer) -> str | None:
    share, cut = whole_words(tokenizer)
    if share >= _LEAST_WHOLE:
        return None
    pieces = shown(tokenizer.convert_ids_to_tokens(_cut(tokenizer, [cut[0]])[0]))
    return (
        f"{share:.0%} of the words in its vocabulary are cut into themselves, and {shown(cut[0])} into {pieces}; "
        "expected all, as in the tokenizer that the model was made with"
    )
