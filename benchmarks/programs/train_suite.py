"""Train with this suite: the functions of notebook 02, on the shared recipe with the suite's own settings."""

from pathlib import Path

from benchmarks.peers import common
from cefr_helpers.training import tuning


def main(spec: dict) -> None:
    folder = Path(spec["folder"])
    arguments = prepared(spec, folder)
    clock = watched(common.step_clock())
    results = tuning.tune(*arguments).results
    arguments[0].save_pretrained(folder / "adapter")
    common.write(
        spec,
        ["torch", "transformers", "trl", "peft", "unsloth"],
        train_s=results["tokens"] / results["tokens_per_s"],
        step_s=clock.median_s(),
        adapter=str(folder / "adapter"),
        steps=results["total_steps"],
        gpu_memory_bytes=results["peak_gpu_memory_bytes"],
        last_train_loss=results["train_loss"]["last"],
        smallest_gradient_norm=min(row["grad_norm"] for row in results["history"] if "grad_norm" in row),
    )


def watched(callback):
    """Add a callback to the trainer that `tuning.tune` will make."""
    make = tuning.make_trainer

    def make_and_watch(*arguments):
        trainer = make(*arguments)
        trainer.add_callback(callback)
        return trainer

    tuning.make_trainer = make_and_watch
    return callback


def prepared(spec: dict, folder: Path) -> tuple:
    """Return the arguments of `tuning.tune` and `tuning.make_trainer`, the model first; one example to evaluate."""
    tuning.prepare_unsloth(folder)
    from cefr_helpers.models import base_model

    recipe = make_recipe(spec)
    model, tokenizer = tuning.load(base_model.resolve(recipe.base_model), recipe, spec["seed"])
    train, evaluation = common.read(spec["train"]), common.read(spec["eval"])[:1]
    return model, tokenizer, train, evaluation, recipe, spec["seed"], folder / "checkpoints", folder / "logs"


def make_recipe(spec: dict):
    """Return the cpu recipe with the benchmark's settings; `recipe` in the specification overrides them."""
    import yaml

    from cefr_helpers.core.recipes import Recipe, recipe_path

    shared = {
        "base_model": spec["model"],
        "train_examples": spec["steps"] * spec["batch_size"] * spec["accumulation"],
        "max_seq_length": spec["max_seq_length"],
        "target_word_weight": 1.0,
        "lora_rank": spec["rank"],
        "lora_alpha": spec["alpha"],
        "lora_dropout": spec["dropout"],
        "batch_size": spec["batch_size"],
        "gradient_accumulation_steps": spec["accumulation"],
        "learning_rate": spec["learning_rate"],
        "lr_scheduler": "linear",
        "warmup_ratio": spec["warmup_steps"] / spec["steps"],
        "weight_decay": spec["weight_decay"],
        "eval_steps": spec["steps"],
    }
    values = yaml.safe_load(recipe_path("cpu").read_text(encoding="utf-8"))
    return Recipe.model_validate(values | shared | spec.get("recipe", {}))


if __name__ == "__main__":
    main(common.specification())
