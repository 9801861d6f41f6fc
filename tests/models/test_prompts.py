import pytest
from tiny_families import FAMILIES, on_tokenizer

from cefr_helpers.core.errors import InputError
from cefr_helpers.models import base_model, chat_template, prompts


@pytest.fixture(scope="module")
def tokenizer(bundled):
    return base_model.load_tokenizer(bundled)


def test_completion_is_the_answer_and_one_end_token(tokenizer, examples):
    ids = prompts.tokenise(tokenizer, examples[0])
    assert ids["completion_ids"][-1] == tokenizer.eos_token_id
    assert ids["completion_ids"].count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(ids["completion_ids"][:-1]) == examples[0]["output"]
    assert ids["prompt_ids"] == prompts.prompt_ids(tokenizer, examples[0])
    assert tokenizer.decode(ids["prompt_ids"]).endswith("<|im_start|>assistant\n")


def test_an_answer_changes_no_token_of_its_prompt(tokenizer, examples):
    """Llama's prompts end with two line ends, one token of SmolLM2's, which are two before a word."""
    family = FAMILIES["llama-3.2"]
    own = on_tokenizer(family, tokenizer)
    chat_template.settle(own, "x")
    chat = [{"role": "user", "content": prompts.prompt_text(examples[0])}]
    whole = own.apply_chat_template([*chat, {"role": "assistant", "content": examples[0]["output"]}], tokenize=False)
    ids, prompt = prompts.tokenise(own, examples[0]), prompts.prompt_ids(own, examples[0])
    assert own(whole, add_special_tokens=False).input_ids[: len(prompt)] != prompt == ids["prompt_ids"]
    assert own.decode(prompt + ids["completion_ids"]) == whole
    assert own.decode(ids["completion_ids"]) == examples[0]["output"] + family.end
    assert prompts.token_counts(own, examples[:1]) == [(len(prompt), len(ids["completion_ids"]))]
    places = prompts.answer_offsets(own, examples[0])[len(prompt) : -1]
    assert "".join(examples[0]["output"][start:end] for start, end in places) == examples[0]["output"]


def test_labels_cover_the_completion_or_all(tokenizer, examples):
    ids = prompts.tokenise(tokenizer, examples[0])
    row, full = (prompts.training_rows(tokenizer, examples[:1], 512, on)[0] for on in ("completion", "full_text"))
    assert row["input_ids"] == full["input_ids"] == full["labels"] == ids["prompt_ids"] + ids["completion_ids"]
    assert row["labels"] == [-100] * len(ids["prompt_ids"]) + ids["completion_ids"]


def test_counting_all_at_once_counts_the_same(tokenizer, examples, monkeypatch):
    one_by_one = [prompts.tokenise(tokenizer, example) for example in examples]
    expected = [(len(ids["prompt_ids"]), len(ids["completion_ids"])) for ids in one_by_one]
    assert prompts.token_counts(tokenizer, examples) == expected
    monkeypatch.setattr(prompts, "COUNTED_AT_MOST", 3)
    assert prompts.token_counts(tokenizer, examples) == expected[:3]


def test_long_rows_are_cut(tokenizer, examples):
    row = prompts.training_rows(tokenizer, examples[:1], 120, "completion")[0]
    assert len(row["input_ids"]) == len(row["labels"]) == 120
    assert row["labels"][-1] != -100


def test_a_length_that_leaves_nothing_to_learn_is_refused(tokenizer, examples):
    with pytest.raises(InputError, match="max_seq_length: 64; the prompt of training example 1 takes 85 tokens"):
        prompts.training_rows(tokenizer, examples, 64, "completion")
