"""Continue the training of a level's adapter from preferences (DPO) or by a reward (GRPO); an experiment.

    python -m tools.preference_pairs --level B2 > training_words.txt
    cefr write --words training_words.txt --level B2 --model ADAPTER --output written
    python -m tools.train_on_preferences --level B2 --adapter ADAPTER --output FOLDER --method dpo --written written
    python -m tools.train_on_preferences --level B2 --adapter ADAPTER --output FOLDER --method grpo

DPO prefers the sentences that `cefr write` accepted to those it rejected, for the same word. GRPO lets the model write
several sentences for a word and raises the probability of those with a higher reward (`sentence_rewards.reward`). Both
see only training words, one word per prompt as in `cefr write`, and neither may move far from the adapter they began
with: TRL keeps a copy of it as the reference. The folder gets `adapter`, for `cefr write --model FOLDER/adapter`, and
`training.json` with settings and history. CPU and GPU take the same path, through Unsloth.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import resolve
from cefr_helpers.core.progress import clock
from cefr_helpers.core.recipes import Recipe, load_recipe
from cefr_helpers.data import formatting
from cefr_helpers.evaluation import level_scorers
from cefr_helpers.models import model_files, prompts, quiet, saving
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import tuning
from tools import preference_pairs, sentence_rewards, trained_adapters
from tools.preference_pairs import Pair
from tools.sentence_rewards import Rewards

Rewarding = Callable[[Sequence[str], Sequence[str]], list[float]]
_SENTENCE_TOKENS = 60
_SHOWN = ("loss", "rewards/accuracies", "rewards/margins", "reward", "reward_std", "kl")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        steps: number of optimiser steps.
        batch_size: pairs (DPO) or sentences (GRPO) of a step.
        beta: how strongly the model is held to the adapter it began with.
        generations: sentences of a word that are compared with one another (GRPO).
        temperature: at which they are sampled (GRPO).
    """

    method: str
    steps: int
    batch_size: int
    learning_rate: float
    beta: float
    generations: int = 8
    temperature: float = 1.0


DEFAULTS = {"dpo": Settings("dpo", 50, 8, 5e-5, 0.1), "grpo": Settings("grpo", 50, 32, 2e-5, 0.04)}


@dataclass(frozen=True)
class Task:
    """What to train on, checked before a model is loaded.

    Attributes:
        words: the training words.
        pairs: for DPO; else empty.
        rewards: for GRPO; else None.
    """

    settings: Settings
    level: str
    adapter: Path
    recipe: Recipe
    base: BaseModel
    seed: int
    words: tuple[str, ...]
    pairs: tuple[Pair, ...]
    rewards: Rewards | None


def main(task: Task, output: Path) -> None:
    """Train, and save the adapter and `training.json`."""
    about = f"{len(task.pairs)} pairs of sentences" if task.pairs else "by reward"
    print(f"{task.settings.method}, {task.level}: {len(task.words)} training words, {about}", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    tuning.prepare_unsloth(output)
    quiet.libraries()
    model, tokenizer = trained_adapters.load(task.base, task.recipe, task.adapter, task.seed)
    started = time.monotonic()
    with sentence_rewards.in_own_process(task.rewards) if task.rewards else nullcontext() as rewarding:
        trainer = make_trainer(model, tokenizer, task, output, rewarding)
        trainer.train()
    done = {
        "settings": asdict(task.settings),
        "level": task.level,
        "seed": task.seed,
        "base_model": task.base.describe(),
    }
    done |= {"adapter": task.adapter.name, "adapter_sha256": files.sha256(task.adapter / model_files.ADAPTER_WEIGHTS)}
    done |= {"words": len(task.words), "pairs": len(task.pairs), "duration_s": time.monotonic() - started}
    done |= {"versions": records.versions(), "history": trainer.state.log_history}
    if "ref" in model.peft_config:  # TRL's copy of the adapter that the training began with
        model.delete_adapter("ref")
    adapter = saving.save_adapter(model, output / "adapter", task.base)
    files.write_atomically(output / "training.json", records.as_text(done))
    print(f"Adapter: {adapter}", flush=True)


def check(
    settings: Settings, level: str, adapter: Path, output: Path, recipe: str, bank: str, seed: int, written: Path | None
) -> Task:
    """Read all inputs.

    Raises:
        InputError: one is missing or wrong, or the output folder has an adapter already.
    """
    _check_settings(settings)
    if (output / "adapter").exists():
        raise InputError(f"output: {output / 'adapter'} is there already; give another folder")
    if (settings.method == "dpo") != (written is not None):
        raise InputError("written: DPO needs the output folder of `cefr write`, and GRPO takes none")
    found, split = preference_pairs.split_of(recipe, bank, level, seed)
    chosen, words = load_recipe(recipe), split.words(level, "train")
    pairs = tuple(preference_pairs.read(written, level, set(words))) if written else ()
    base = trained_adapters.check(adapter, chosen, recipe)
    rewards = None if written else _rewards(level, level_scorers.sentences_of(found, split), seed)
    return Task(settings, level, adapter, chosen, base, seed, words, pairs, rewards)


def _check_settings(settings: Settings) -> None:
    for name in ("steps", "batch_size", "learning_rate", "beta", "temperature"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}: {value}; expected more than 0")
    if settings.generations < 2:
        raise InputError(f"generations: {settings.generations}; expected at least 2, which are compared")
    if settings.method == "grpo" and settings.batch_size % settings.generations:
        raise InputError(
            f"batch_size: {settings.batch_size}; expected a multiple of generations, {settings.generations}"
        )


def _rewards(level: str, rows: level_scorers.Sentences, seed: int) -> Rewards:
    scorers = level_scorers.train(rows, seed, with_quality=False)
    if scorers is None:
        raise InputError("bank: one level only; a reward needs sentences of two levels or more, to know the level")
    return Rewards(level, scorers, rows.sentences)


def make_trainer(model, tokenizer, task: Task, folder: Path, rewarding: Rewarding | None) -> Any:
    """Return TRL's trainer: for preferences if there is no `rewarding`, otherwise by that reward."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    if rewarding is None:
        from trl import DPOConfig, DPOTrainer

        args = DPOConfig(**_arguments(model, task, folder), max_length=task.recipe.max_seq_length)
        rows = [_preference(task.level, pair) for pair in task.pairs]
        trainer = DPOTrainer(model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    else:
        from trl import GRPOConfig, GRPOTrainer

        def sentence_reward(completions, word, **_):
            return rewarding(word, [turns[0]["content"] for turns in completions])

        args = GRPOConfig(
            **_arguments(model, task, folder),
            num_generations=task.settings.generations,
            temperature=task.settings.temperature,
            max_completion_length=_SENTENCE_TOKENS,
        )
        rows = [{"prompt": _asked(task.level, word), "word": word} for word in task.words]
        trainer = GRPOTrainer(
            model,
            reward_funcs=sentence_reward,
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )
    if "ref" not in model.peft_config:  # without TRL's copy the reference would be the base
        raise RuntimeError("this version of TRL keeps no copy of the adapter as the reference")
    _report(trainer)
    return trainer


def _asked(level: str, word: str) -> list[dict]:
    return [{"role": "user", "content": prompts.prompt_text(formatting.make_prompt(level, [word]))}]


def _preference(level: str, pair: Pair) -> dict:
    answers = {
        name: [{"role": "assistant", "content": f"1. {text}"}]
        for name, text in (("chosen", pair.accepted), ("rejected", pair.rejected))
    }
    return {"prompt": _asked(level, pair.word), **answers}


def _arguments(model, task: Task, folder: Path) -> dict[str, Any]:
    """Return what both trainers' configurations are given."""
    import torch

    dtype = model.get_input_embeddings().weight.dtype
    return {
        "output_dir": str(folder),
        "max_steps": task.settings.steps,
        "per_device_train_batch_size": task.settings.batch_size,
        "gradient_accumulation_steps": 1,
        "learning_rate": task.settings.learning_rate,
        "beta": task.settings.beta,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "max_grad_norm": task.recipe.max_grad_norm,
        "gradient_checkpointing": task.recipe.gradient_checkpointing,
        "bf16": dtype == torch.bfloat16,
        "fp16": dtype == torch.float16,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "seed": task.seed,
        "data_seed": task.seed,
    }


def _report(trainer) -> None:
    """Let a trainer print a line at each step, and stop at a number that is not finite."""
    from transformers import PrinterCallback, TrainerCallback

    started = time.monotonic()

    class Report(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" not in logs:
                return
            values = {name: float(logs[name]) for name in _SHOWN if name in logs}
            wrong = [name for name, value in values.items() if not math.isfinite(value)]
            if wrong:
                raise FloatingPointError(f"{wrong[0]} is not finite at step {state.global_step}; nothing is saved")
            passed = time.monotonic() - started
            left = clock(passed / state.global_step * (state.max_steps - state.global_step))
            told = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
            print(
                f"step {state.global_step}/{state.max_steps}  {told}  {clock(passed)} passed, {left} left", flush=True
            )

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Report())


def _settings(given: argparse.Namespace) -> Settings:
    names = ("steps", "batch_size", "learning_rate", "beta", "generations", "temperature")
    changed = {name: value for name in names if (value := getattr(given, name)) is not None}
    return replace(DEFAULTS[given.method], **changed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    preference_pairs.add_arguments(parser)
    parser.add_argument("--adapter", type=resolve, required=True)
    parser.add_argument("--output", type=resolve, required=True)
    parser.add_argument("--method", choices=DEFAULTS, required=True)
    parser.add_argument("--written", type=resolve, help="DPO: the output folder of `cefr write`")
    for option, kind in (("steps", int), ("batch-size", int), ("generations", int)):
        parser.add_argument(f"--{option}", type=kind)
    for option in ("learning-rate", "beta", "temperature"):
        parser.add_argument(f"--{option}", type=float)
    given = parser.parse_args()
    try:
        task = check(
            _settings(given),
            given.level,
            given.adapter,
            given.output,
            given.recipe,
            given.bank,
            given.seed,
            given.written,
        )
        main(task, given.output)
    except InputError as problem:
        parser.exit(2, f"{problem}\n")
