"""Who answers the measured prompts: base, base after three examples, tuned, the bank itself, and the trivial answer."""

from collections.abc import Sequence

from cefr_helpers.evaluation.baseline_cache import BaselineCache
from cefr_helpers.models import generation

N_SHOTS = 3


def count_prompts(examples: Sequence[dict], at_most: int) -> int:
    """How many of the first `at_most` examples to ask for: no further than until all words have come.

    A greedy answer to a word that comes back says little new, and what it repeats would count against it.
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
    """The base's greedy answers when each prompt comes after `shown`, training examples with their right answers.

    Args:
        model: with the adapter, which is switched off meanwhile.
        kept: the base's results so far; these are looked up there, and kept there.
    """

    def of_base() -> list[str]:
        with model.disable_adapter():
            return generation.answer(model, tokenizer, examples, max_new_tokens, shown=shown)

    settings = {"shown": list(shown), "max_new_tokens": max_new_tokens}
    return kept.result("answers_with_examples", examples, settings, of_base)


def sampled_answers(
    model, tokenizer, examples: Sequence[dict], samples: int, max_new_tokens: int, seed: int, kept: BaselineCache
) -> dict[str, list[list[str]]]:
    """Row -> `samples` lists of sampled answers, one text a prompt; without samples there is no row.

    Base and tuned model draw after the same seeds; `kept` as in `comparison.answers`.
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


def rows_of_answers(answers: Sequence[dict], with_examples: Sequence[str]) -> dict[str, list[str]]:
    """Row -> one text a prompt; the trivial answer is "I like the WORD." for each word.

    Args:
        answers: from `comparison.answers`.
        with_examples: from `few_shot_answers`, to the same prompts.
    """
    trivial = [[f"{i}. I like the {word}." for i, word in enumerate(one["words"], 1)] for one in answers]
    return {
        "base": [one["base"] for one in answers],
        "base_three_examples": list(with_examples),
        "tuned": [one["tuned"] for one in answers],
        "gold": [one["reference"] for one in answers],
        "trivial": ["\n".join(lines) for lines in trivial],
    }
