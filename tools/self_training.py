"""Continue the training of a level's adapter with sentences that it wrote itself, or as a control without them.

    python -m tools.preference_pairs --level B2 > training_words.txt
    cefr write --words training_words.txt --level B2 --model ADAPTER --output written
    python -m tools.self_training --level B2 --adapter ADAPTER --written written --output FOLDER
    python -m tools.self_training --level B2 --adapter ADAPTER --output CONTROL

This is rejection sampling: of what the adapter wrote for its training words, `cefr write` chose by gates, likelihood
and variety, and the sentences most likely to be printable become answers of new examples. The control has as many
examples, all of the bank. Both take examples of the bank that the training before did not have. The folder gets
`adapter`, for `cefr write --model FOLDER/adapter`, and `training.json` with settings and history.
"""

import argparse
import math
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import resolve
from cefr_helpers.core.recipes import MOST, Recipe, load_recipe
from cefr_helpers.data import formatting
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.splitting import Split
from cefr_helpers.models import model_files, quiet, saving
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import tuning
from cefr_helpers.writing import output as written_output
from tools import preference_pairs, trained_adapters

_EXPECTED = "expected what `cefr write` leaves in its output folder"


@dataclass(frozen=True)
class Settings:
    """How training goes on.

    Attributes:
        examples: number of examples of ten words, each seen once.
        own_share: the share of examples whose sentences the model wrote; the others are the bank's.
        kept_share: the share of the chosen sentences that is used, by their estimate of being printable.
    """

    examples: int = 84
    own_share: float = 0.5
    kept_share: float = 0.5
    learning_rate: float = 3e-4


@dataclass(frozen=True)
class Task:
    """What to train on, checked before a model is loaded.

    Attributes:
        train, dev: examples of training and development words.
        own_sentences: number of different sentences that the model wrote.
    """

    settings: Settings
    level: str
    adapter: Path
    recipe: Recipe
    base: BaseModel
    seed: int
    train: tuple[dict, ...]
    dev: tuple[dict, ...]
    own_sentences: int


def main(task: Task, output: Path) -> None:
    """Train, and save the adapter and `training.json`."""
    print(f"{task.level}: {len(task.train)} examples, {task.own_sentences} different sentences of its own", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    tuning.prepare_unsloth(output)
    quiet.libraries()
    model, tokenizer = trained_adapters.load(task.base, task.recipe, task.adapter, task.seed)
    # evaluated once, at its end: the loss on the bank would prefer a checkpoint that learned little
    changes = {
        "epochs": 1,
        "learning_rate": task.settings.learning_rate,
        "eval_steps": MOST,
        "keep_best_by": "eval_loss",
    }
    recipe = task.recipe.model_copy(update=changes)
    started = time.monotonic()
    places = output / "checkpoints", output / "logs"
    trainer = tuning.make_trainer(model, tokenizer, [*task.train], [*task.dev], recipe, task.seed, *places)
    trainer.train()
    trainer.evaluate()
    done = {"settings": asdict(task.settings), "level": task.level, "seed": task.seed}
    done |= {"base_model": task.base.describe(), "own_sentences": task.own_sentences}
    done |= {"adapter": task.adapter.name, "adapter_sha256": files.sha256(task.adapter / model_files.ADAPTER_WEIGHTS)}
    done |= {"duration_s": time.monotonic() - started, "versions": records.versions()}
    done |= {"history": trainer.state.log_history}
    adapter = saving.save_adapter(model, output / "adapter", task.base)
    files.write_atomically(output / "training.json", records.as_text(done))
    print(f"Adapter: {adapter}", flush=True)


def check(
    settings: Settings, level: str, adapter: Path, output: Path, recipe: str, bank: str, seed: int, written: Path | None
) -> Task:
    """Read all inputs.

    Args:
        written: the output folder of `cefr write` for training words; None: the control, without own sentences.

    Raises:
        InputError: one is missing or wrong, or the output folder has an adapter already.
    """
    _check_settings(settings)
    if (output / "adapter").exists():
        raise InputError(f"output: {output / 'adapter'} is there already; give another folder")
    found, split = preference_pairs.split_of(recipe, bank, level, seed)
    chosen = load_recipe(recipe)
    if chosen.batch_size == "auto":
        raise InputError(f"batch_size: auto in recipe {recipe}; expected a number")
    base = trained_adapters.check(adapter, chosen, recipe)
    own = best_sentences(written, level, set(split.words(level, "train")), settings.kept_share) if written else {}
    count = round(settings.examples * settings.own_share) if written else 0
    seen = chosen.train_examples
    more = seen + settings.examples - count
    train = list(formatting.draw_examples(found[level], split, level, "train", more, seed))[seen:]
    if own:
        train += _examples_of(own, split, level, count, seed)
    dev = tuple(formatting.draw_examples(found[level], split, level, "dev", chosen.dev_examples, seed))
    return Task(settings, level, adapter, chosen, base, seed, tuple(train), dev, sum(map(len, own.values())))


def best_sentences(folder: Path, level: str, words: Collection[str], share: float) -> dict[str, tuple[str, ...]]:
    """Return the chosen sentences of these words that are most likely to be printable: word -> its sentences.

    Args:
        folder: the output folder of `cefr write`.
        share: the share of the chosen sentences to return.

    Raises:
        InputError: the folder is not such a one, is for another level, or has too few sentences; names file and value.
    """
    path = written_output.choice_file(folder)
    choice = files.read_json_object(path, _EXPECTED)
    if choice.get("level") != level:
        raise InputError(f"{path}: level {shown(choice.get('level'))}; expected {level}")
    try:
        ranked = [
            (each["printable"], one["word"], each["sentence"]) for one in choice["words"] for each in one["chosen"]
        ]
        ranked = sorted((each for each in ranked if each[1] in words), reverse=True)
    except (KeyError, TypeError):
        raise InputError(f"{path}: not a choice of sentences; {_EXPECTED}") from None
    kept: dict[str, tuple[str, ...]] = {}
    for _, word, sentence in ranked[: math.ceil(len(ranked) * share)]:
        kept[word] = (*kept.get(word, ()), sentence)
    if len(kept) < formatting.WORDS_PER_EXAMPLE:
        raise InputError(
            f"{path}: sentences of {len(kept)} training words; an example needs {formatting.WORDS_PER_EXAMPLE}: write "
            "for training words of this recipe, bank and seed"
        )
    return kept


def _examples_of(sentences: dict[str, tuple[str, ...]], split: Split, level: str, count: int, seed: int) -> list[dict]:
    """Return examples whose words are dealt like those of a bank."""
    bank = Bank("own sentences", sentences, (), len(sentences), sum(map(len, sentences.values())))
    only_own = replace(split, parts={"train": {level: tuple(sorted(sentences))}})
    return list(formatting.draw_examples(bank, only_own, level, "train", count, seed))


def _check_settings(settings: Settings) -> None:
    if settings.examples < 1:
        raise InputError(f"examples: {settings.examples}; expected at least 1")
    for name in ("own_share", "kept_share"):
        if not 0 < getattr(settings, name) <= 1:
            raise InputError(f"{name}: {getattr(settings, name)}; expected more than 0 and at most 1")
    if not (math.isfinite(settings.learning_rate) and settings.learning_rate > 0):
        raise InputError(f"learning_rate: {settings.learning_rate}; expected more than 0")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    preference_pairs.add_arguments(parser)
    parser.add_argument("--adapter", type=resolve, required=True)
    parser.add_argument("--output", type=resolve, required=True)
    parser.add_argument("--written", type=resolve, help="the output folder of `cefr write`; default: the control")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    settings = Settings(**{name: getattr(given, name) for name in asdict(Settings())})
    options = (given.level, given.adapter, given.output, given.recipe, given.bank, given.seed, given.written)
    try:
        main(check(settings, *options), given.output)
    except InputError as problem:
        parser.exit(2, f"{problem}\n")
