"""Train with a recipe and measure what the model writes for development words: greedily, sampled, one word per prompt.

    python -m tools.measure_recipe my_recipe.yaml B2 --output folder [--bank bundled] [--seed 3407]
    python -m tools.measure_recipe my_recipe.yaml B2 --adapter folder/adapter --only greedy --output measured

The second measures an adapter that was trained before with that recipe, bank and seed. Recipes and decoding are chosen
by this table, which never reads the test words. How many words are measured depends on the recipe's dev_share. The
sentences are left in the folder, one file per row of the table, for people to read.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.recipes import Recipe, load_recipe
from cefr_helpers.data import banks, formatting, splitting
from cefr_helpers.evaluation import level_scorers, summary, variety
from cefr_helpers.training import self_training, tuning
from cefr_helpers.writing import own_sentences
from tools import trained_adapters

TEMPERATURES = (0.4, 0.7)
SCALES = (0.5, 0.75)  # of the adapter: 0 is the base, 1 the model as it was tuned
GREEDY, ALONE = "greedy", "one word per prompt"
TEN = formatting.WORDS_PER_EXAMPLE
_SENTENCE_TOKENS = 60
_RATES = ("covered", "level_ok", "joint_success", "human_within_one")
_HEAD = (
    *_RATES,
    "level by people",
    "words",
    "first words",
    "target early",
    "questions",
    "told from bank",
    "begins with",
)


@dataclass(frozen=True)
class Trial:
    """A recipe, the words of all levels' banks by part, the training words' sentences, and the scorers they taught."""

    recipe: Recipe
    level: str
    seed: int
    all_banks: dict[str, banks.Bank]
    split: splitting.Split
    sentences: tuple[str, ...]
    scorers: level_scorers.LevelScorers | None

    def draw(self, part: str, count: int) -> list[dict]:
        bank = self.all_banks[self.level]
        return list(formatting.draw_examples(bank, self.split, self.level, part, count, self.seed))


def main(
    recipe: str,
    level: str,
    output: Path,
    sentence_bank: str,
    seed: int,
    adapter: Path | None = None,
    only: str | None = None,
) -> None:
    """Train, and print a row of the table for each way of writing.

    Args:
        adapter: measured as it is; None: train one.
        only: the one way that is measured; None: all of them.

    Raises:
        InputError: level, recipe, bank or adapter is missing or wrong.
    """
    settings, found = load_recipe(recipe), banks.read_all(banks.find(sentence_bank, level))
    base = trained_adapters.check(adapter, settings, recipe) if adapter else None
    output.mkdir(parents=True, exist_ok=True)
    tuning.prepare_unsloth(output)
    split = splitting.split_groups(found, settings.split, settings.held_out_share, settings.dev_share, seed)
    rows = level_scorers.sentences_of(found, split)
    scorers = level_scorers.train(rows, seed, with_quality=False)
    trial = Trial(settings, level, seed, found, split, rows.sentences, scorers)
    prompts = trial.draw("dev", len(split.words(level, "dev")) // TEN)
    if adapter and base:
        model, tokenizer = trained_adapters.load(base, settings, adapter, seed)
    else:
        model, tokenizer = _train(trial, output)
    print(f"{recipe}, {level}, seed {seed}: {TEN * len(prompts)} development words\n\n| way | {' | '.join(_HEAD)} |")
    print("|" + " --- |" * (len(_HEAD) + 1))
    # in another process, since Unsloth would change the model that judges fluency
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        for way, write in _ways(model, tokenizer, trial, prompts).items():
            if only not in (None, way):
                continue
            cells = pool.submit(_measured, trial, prompts, write(), output / f"{way}.csv").result()
            print(f"| {way} | {' | '.join(cells)} |", flush=True)


def _train(trial: Trial, output: Path):
    from cefr_helpers.models import base_model, saving

    recipe = trial.recipe
    base = base_model.resolve(recipe.base_model, recipe.base_model_revision)
    model, tokenizer = tuning.load(base, recipe, trial.seed)
    examples = {"train": recipe.train_examples, "dev": recipe.dev_examples}
    train, dev = (trial.draw(part, count) for part, count in examples.items())
    outcome = tuning.tune(model, tokenizer, train, dev, recipe, trial.seed, output / "checkpoints", output / "logs")
    if recipe.self_training_examples:
        own = own_sentences.of_banks(trial.all_banks, trial.split, recipe, trial.level, trial.seed)
        places = output / "self_training", output / "logs"
        outcome = self_training.go_on(outcome, own, dev, recipe, trial.seed, base, *places)
    saving.save_adapter(outcome.model, output / "adapter", base)
    return outcome.model, tokenizer


def _ways(model, tokenizer, trial: Trial, prompts: list[dict]) -> dict[str, Callable[[], list[str]]]:
    """Return the ways of writing, each with a function that returns its answers to the prompts."""
    from peft.helpers import rescale_adapter_scale

    from cefr_helpers.models import generation

    def answers(**how) -> list[str]:
        return generation.answer(model, tokenizer, prompts, trial.recipe.max_new_tokens, **how)

    def weaker(scale: float) -> list[str]:
        with rescale_adapter_scale(model, scale):
            return answers()

    def one_by_one() -> list[str]:
        words = [word for prompt in prompts for word in prompt["words"]]
        single = [formatting.make_prompt(trial.level, [word]) for word in words]
        said = generation.answer(model, tokenizer, single, _SENTENCE_TOKENS)
        first = [text.split("\n")[0].removeprefix("1. ") for text in said]
        tens = [first[start : start + TEN] for start in range(0, len(first), TEN)]
        return ["\n".join(f"{number}. {one}" for number, one in enumerate(ten, 1)) for ten in tens]

    return {
        GREEDY: answers,
        **{f"at {heat}": partial(answers, sample_seed=1, temperature=heat) for heat in TEMPERATURES},
        **{f"adapter times {scale}": partial(weaker, scale) for scale in SCALES},
        ALONE: one_by_one,
    }


def _measured(trial: Trial, prompts: list[dict], texts: list[str], path: Path) -> list[str]:
    """Write the sentences with their gates, and return the cells of a row."""
    words = [prompt["words"] for prompt in prompts]
    both = {"tuned": texts, "gold": [prompt["output"] for prompt in prompts]}
    slots = summary.measure(both, words, trial.level, trial.scorers, trial.sentences)
    summary.write_csv(path, slots)
    tuned, gold = (slots[slots["row"] == row].reset_index(drop=True) for row in both)
    varied = variety.measure(tuned, gold, int(tuned["valid"].sum()), trial.seed)
    begins = variety.opening(tuned, gold)
    cells = [f"{tuned[rate].astype(float).mean():.2f}" for rate in _RATES]
    cells += [f"{tuned[column].astype(float).mean():.1f}" for column in ("human_level", "words")]
    names = ("first_words", "target_place", "questions", "told_from_bank")
    cells += ["" if varied[name] is None else f"{varied[name]:.2f}" for name in names]
    return [*cells, f"{begins['words']} {begins['sentences']} of {begins['of']}" if begins else ""]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("level")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--bank", default="bundled")
    parser.add_argument("--seed", type=int, default=3407)
    parser.add_argument("--adapter", type=Path, help="measure this one instead of training one")
    parser.add_argument("--only", choices=(GREEDY, ALONE), help="the one way of writing to measure")
    given = parser.parse_args()
    try:
        main(given.recipe, given.level, given.output, given.bank, given.seed, given.adapter, given.only)
    except InputError as problem:
        parser.exit(2, f"{problem}\n")
