"""The systems whose answers are measured: the base in three ways, tuned model, bank, and the trivial answer."""

from collections.abc import Sequence

from cefr_helpers.data import formatting
from cefr_helpers.evaluation.baseline_cache import BaselineCache
from cefr_helpers.models import generation

N_SHOTS = 3
N_ONE_WORD_SHOTS = 4
ONE_WORD_TOKENS = 45  # maximum for an answer to one word: a sentence of thirty words


def count_prompts(examples: Sequence[dict], at_most: int) -> int:
    """Return how many of the first `at_most` examples to use: only until all words have come once.

    A greedy answer to a word that recurs adds little, and its repetitions would count against it.
    """
    come: set[str] = set()
    for count, example in enumerate(examples[:at_most]):
        if come.issuperset(example["words"]):
            return count
        come.update(example["words"])
    return len(examples[:at_most])


def few_shot_answers(
    model, tokenizer, examples: Sequence[dict], shown: Sequence[dict], max_new_tokens: int, kept: BaselineCache
) -> list[str]:
    """Return the base's greedy answers when each prompt follows `shown`, training examples with their right answers.

    Args:
        model: the model with its adapter, which is switched off meanwhile.
        kept: the cache of the base's results.
    """

    def of_base() -> list[str]:
        with model.disable_adapter():
            return generation.answer(model, tokenizer, examples, max_new_tokens, shown=shown)

    settings = {"shown": list(shown), "max_new_tokens": max_new_tokens}
    return kept.result("answers_with_examples", examples, settings, of_base)


def one_word_answers(
    model,
    tokenizer,
    examples: Sequence[dict],
    training: Sequence[dict],
    level: str,
    max_new_tokens: int,
    kept: BaselineCache,
) -> list[str]:
    """Return the base's greedy answers to one word at a time, after four words with the bank's sentences in the chat.

    These are the base's best answers without tuning, because a small model loses its place in a list of ten words. The
    prompt is the usual one with a list of one; without the number the bundled model used fewer of its words.

    Args:
        model: the model with its adapter, which is switched off meanwhile.
        examples: the measured prompts; each different word is requested once.
        training: training examples; the first words of the first four, with their sentences, are shown.
        max_new_tokens: the recipe's; an answer to one word has at most ONE_WORD_TOKENS.
        kept: see `few_shot_answers`.

    Returns:
        One text per prompt: the first line of each word's answer, under the number of the word in the prompt.
    """
    shown = [_one_word(level, one) for one in training[:N_ONE_WORD_SHOTS]]
    words = list(dict.fromkeys(word for example in examples for word in example["words"]))
    asked = [formatting.make_prompt(level, [word]) for word in words]
    most = min(ONE_WORD_TOKENS, max_new_tokens)

    def of_base() -> list[str]:
        with model.disable_adapter():
            return generation.answer(model, tokenizer, asked, most, shown=shown)

    answers = kept.result("answers_one_word", asked, {"shown": shown, "max_new_tokens": most}, of_base)
    said = {word: _first_line(answer) for word, answer in zip(words, answers, strict=True)}
    return ["\n".join(f"{i}. {said[word]}" for i, word in enumerate(one["words"], 1)) for one in examples]


def with_one_word(answers: Sequence[dict], one_word: Sequence[str]) -> list[dict]:
    """Add the answers of `one_word_answers`, as far as there are any, to those of `comparison.answers`."""
    beside = [*({"base_one_word": text} for text in one_word), *([{}] * (len(answers) - len(one_word)))]
    return [{**one, **more} for one, more in zip(answers, beside, strict=True)]


def _one_word(level: str, example: dict) -> dict:
    """Return an example that has only the first word of another one."""
    [line, *_] = example["output"].split("\n")
    return {**formatting.make_prompt(level, example["words"][:1]), "output": line}


def _first_line(answer: str) -> str:
    """Return the first line of an answer to a list of one, without its number."""
    return answer.partition("\n")[0].removeprefix("1.").strip()


def sampled_answers(
    model, tokenizer, examples: Sequence[dict], samples: int, max_new_tokens: int, seed: int, kept: BaselineCache
) -> dict[str, list[list[str]]]:
    """Return row -> `samples` lists of sampled answers, one text per prompt; without samples there are no rows.

    Base and tuned model use the same seeds; `kept` as in `comparison.answers`.
    """

    def drawn() -> list[list[str]]:
        seeds = range(seed, seed + samples)
        return [generation.answer(model, tokenizer, examples, max_new_tokens, sample_seed=one) for one in seeds]

    if not samples:
        return {}

    def of_base() -> list[list[str]]:
        with model.disable_adapter():
            return drawn()

    asked = {"samples": samples, "seed": seed, "max_new_tokens": max_new_tokens}
    return {"base_sampled": kept.result("samples", examples, asked, of_base), "tuned_sampled": drawn()}


def rows_of_answers(
    answers: Sequence[dict], with_examples: Sequence[str], one_word: Sequence[str]
) -> dict[str, list[str]]:
    """Return row -> one text per prompt; the trivial answer is "I like the WORD." for each word.

    Args:
        answers: from `comparison.answers`.
        with_examples: from `few_shot_answers`, for the same prompts.
        one_word: from `one_word_answers`, for the same prompts.
    """
    trivial = [[f"{i}. I like the {word}." for i, word in enumerate(one["words"], 1)] for one in answers]
    return {
        "base": [one["base"] for one in answers],
        "base_three_examples": list(with_examples),
        "base_one_word": list(one_word),
        "tuned": [one["tuned"] for one in answers],
        "gold": [one["reference"] for one in answers],
        "trivial": ["\n".join(lines) for lines in trivial],
    }
