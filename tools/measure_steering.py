"""Measure what steering a word into a sentence costs: word use, likelihood, length and time for growing bonuses.

    python -m tools.measure_steering B2 [--model FOLDER]

It samples four candidates for each of up to 24 development words of a level that was run, in the same way with each
bonus and without steering, and prints a table. A bonus is chosen by the table, so test words must not be in it. Times
are ratios to the first row, because machines are shared.
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence

from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data.formatting import make_prompt, read_examples
from cefr_helpers.models import generation, likelihood
from cefr_helpers.pipeline import configuration
from cefr_helpers.text import grammar, word_match
from cefr_helpers.writing import candidates, steering, writers

WORDS, EACH = 24, 4
BONUSES = (0.0, 2.0, 4.0, 6.0)
_HEAD = ("bonus", "word used", "checker finds nothing", "nats, base", "nats, tuned", "words", "time")


def main(level: str, model: str | None) -> None:
    """Sample with each bonus and print a row for each."""
    settings = configuration.read()
    writer = writers.load(model, level, settings.workspace, load_recipe(settings.recipe))
    examples = read_examples(settings.workspace.formatted_file(level, "dev"))
    listed = sorted({word for example in examples for word in example["words"]})
    chosen = random.Random(1).sample(listed, min(WORDS, len(listed)))
    words = [word for word in chosen for _ in range(EACH)]
    print(f"{writer.name}, {len(chosen)} words, {len(words)} candidates a row\n")
    print(f"| {' | '.join(_HEAD)} |\n|{' --- |' * len(_HEAD)}")
    first = None
    for bonus in (None, *BONUSES):
        started = time.process_time()
        texts = [line for at in range(0, len(words), 32) for line in _sample(writer, level, words[at : at + 32], bonus)]
        took = time.process_time() - started
        first = first or took
        cells = [f"{bonus:g}" if bonus is not None else "not steered", *_measured(writer, level, words, texts)]
        print(f"| {' | '.join([*cells, f'{took / first:.2f}'])} |", flush=True)


def _sample(writer: writers.Writer, level: str, words: Sequence[str], bonus: float | None) -> list[str]:
    models = writer.models
    how = {} if bonus is None else {"logits_processor": steering.processor(models.tokenizer, words, bonus, seed=1)}
    prompts = [make_prompt(level, [word]) for word in words]
    answers = generation.answer(
        models.model,
        models.tokenizer,
        prompts,
        candidates.MAX_NEW_TOKENS,
        batch_size=len(words),
        sample_seed=1,
        temperature=candidates.TEMPERATURE,
        begun=candidates.BEGUN,
        **how,
    )
    return [text.split("\n")[0] for text in answers]


def _measured(writer: writers.Writer, level: str, words: Sequence[str], texts: Sequence[str]) -> list[str]:
    models = writer.models
    examples = [make_prompt(level, [word]) | {"output": f"1. {text}"} for word, text in zip(words, texts, strict=True)]
    tuned = likelihood.score(models.model, models.tokenizer, examples, 16)["completion_nll_nats"].mean()
    with models.base_alone():
        base = likelihood.score(models.model, models.tokenizer, examples, 16)["completion_nll_nats"].mean()
    used = statistics.mean(word_match.matches(word, text) for word, text in zip(words, texts, strict=True))
    length = statistics.mean(len(text.split()) for text in texts)
    clean = statistics.mean(grammar.clean(texts))
    return [f"{used:.2f}", f"{clean:.2f}", f"{base:.1f}", f"{tuned:.1f}", f"{length:.1f}"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("level")
    parser.add_argument("--model")
    given = parser.parse_args()
    main(given.level, given.model)
