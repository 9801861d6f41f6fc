"""Make chat rows for training and prompts for generation, with a settled chat template (`chat_template.settle`)."""

from collections.abc import Sequence

from cefr_helpers.core.errors import InputError

COUNTED_AT_MOST = 10_000


def prompt_text(example: dict) -> str:
    """Return the user's message: the instruction and the numbered words."""
    return f"{example['instruction']}\n{example['input']}"


def prompt_ids(tokenizer, example: dict, shown: Sequence[dict] = ()) -> list[int]:
    """Return the token ids of the prompt, up to where the model's answer begins.

    Args:
        shown: examples with their answers, as earlier turns of the chat.
    """
    turns = [turn for one in shown for turn in _turns(one)]
    messages = [*turns, {"role": "user", "content": prompt_text(example)}]
    return _render(tokenizer, messages, add_generation_prompt=True)


def tokenise(tokenizer, example: dict) -> dict[str, list[int]]:
    """Return one example as the model sees it: prompt, completion and one end-of-turn token.

    Returns:
        `prompt_ids` and `completion_ids`; their concatenation is the whole text. What a template puts after the end
        token (SmolLM2: a line break) is left out, since generation stops there.

    Raises:
        ValueError: the chat template renders the prompt differently once an answer follows, or sets no end token.
    """
    prompt, behind, _ = _cut(tokenizer, example)
    if tokenizer.eos_token_id not in behind:
        raise ValueError(f"the chat template does not end an answer with {tokenizer.eos_token!r}")
    return {"prompt_ids": prompt, "completion_ids": behind[: behind.index(tokenizer.eos_token_id) + 1]}


def answer_offsets(tokenizer, example: dict) -> list[tuple[int, int]]:
    """Return where each token of `tokenise` is, as (start, end) in characters of the answer; negative before it."""
    prompt, behind, places = _cut(tokenizer, example)
    count = len(prompt) + behind.index(tokenizer.eos_token_id) + 1
    text = tokenizer.apply_chat_template(_turns(example), tokenize=False)
    first = text.rindex(example["output"])
    return [(start - first, end - first) for start, end in places[:count]]


def token_counts(tokenizer, examples: Sequence[dict]) -> list[tuple[int, int]]:
    """Return the numbers of tokens of prompt and completion of each example, computed all at once for speed.

    Only the first COUNTED_AT_MOST examples are counted: they come in random order, and a million would take minutes.
    """
    chosen = examples[:COUNTED_AT_MOST]
    prompts = [[{"role": "user", "content": prompt_text(example)}] for example in chosen]
    end = tokenizer.eos_token_id
    found = []
    ids_of_prompts = _render_all(tokenizer, prompts, add_generation_prompt=True)
    ids_of_wholes = _render_all(tokenizer, [_turns(example) for example in chosen], False)
    for example, prompt, whole in zip(chosen, ids_of_prompts, ids_of_wholes, strict=True):
        behind = whole[len(prompt) :] if whole[: len(prompt)] == prompt else _cut(tokenizer, example)[1]
        found.append((len(prompt), behind.index(end) + 1))
    return found


def training_rows(tokenizer, examples: list[dict], max_seq_length: int, loss_on: str) -> list[dict]:
    """Return rows for the trainer: `input_ids` and `labels` (-100: no loss), cut at `max_seq_length` tokens.

    Raises:
        InputError: the prompt alone fills an example up to `max_seq_length`, so that nothing is left to learn from.
    """
    rows = []
    for number, example in enumerate(examples, 1):
        ids = tokenise(tokenizer, example)
        prompt, completion = ids["prompt_ids"], ids["completion_ids"]
        if len(prompt) >= max_seq_length:
            raise InputError(
                f"max_seq_length: {max_seq_length}; the prompt of training example {number} takes {len(prompt)} tokens "
                f"and its answer {len(completion)} more: raise it to at least {len(prompt) + len(completion)}"
            )
        labels = ([-100] * len(prompt) if loss_on == "completion" else prompt) + completion
        rows.append({"input_ids": (prompt + completion)[:max_seq_length], "labels": labels[:max_seq_length]})
    return rows


def _turns(example: dict) -> list[dict]:
    """Return question and answer as turns of a chat."""
    return [
        {"role": "user", "content": prompt_text(example)},
        {"role": "assistant", "content": example["output"]},
    ]


def _cut(tokenizer, example: dict) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Tokens of the prompt, those of the answer with what the template puts behind it, and where all stand in the text.

    A model that answers has read the prompt's own tokens. Where an answer would change the last of them (by GPT-2's
    rules the last of several line ends is cut off before a word), what is behind the prompt is cut by itself.

    Raises:
        ValueError: the chat template renders the prompt differently once an answer follows it.
    """
    text = tokenizer.apply_chat_template(_turns(example), tokenize=False)
    asked = tokenizer.apply_chat_template(_turns(example)[:1], tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(asked, add_special_tokens=False, return_offsets_mapping=True)
    whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    count = len(prompt.input_ids)
    if whole.input_ids[:count] == prompt.input_ids:
        return prompt.input_ids, whole.input_ids[count:], whole.offset_mapping
    rest = tokenizer(text[len(asked) :], add_special_tokens=False, return_offsets_mapping=True)
    ids = prompt.input_ids + rest.input_ids
    if not text.startswith(asked) or tokenizer.decode(ids) != tokenizer.decode(whole.input_ids):
        raise ValueError("the chat template renders the prompt differently once an answer follows it")
    moved = [(start + len(asked), end + len(asked)) for start, end in rest.offset_mapping]
    return prompt.input_ids, rest.input_ids, [*prompt.offset_mapping, *moved]


def _render(tokenizer, messages: list[dict], add_generation_prompt: bool) -> list[int]:
    return tokenizer.apply_chat_template(
        messages, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=False
    )


def _render_all(tokenizer, conversations: list[list[dict]], add_generation_prompt: bool) -> list[list[int]]:
    texts = tokenizer.apply_chat_template(conversations, add_generation_prompt=add_generation_prompt, tokenize=False)
    return tokenizer(texts, add_special_tokens=False, return_attention_mask=False).input_ids
