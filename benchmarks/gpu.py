"""`python -m benchmarks.gpu`: measure the speed of trainings of the reference recipe's shape on a GPU.

The model has Llama-3.2-1B-Instruct's real configuration and random weights, because the real ones need a hub: speed and
memory do not depend on the weights' values. Its tokenizer is the bundled model's, so that the text is real text.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import groups, page, results, rounds, tables, workload
from benchmarks.groups import Row
from benchmarks.settings import Settings
from benchmarks.workload import Workload
from cefr_helpers.models import base_model
from cefr_helpers.pipeline import snakemake

GROUP = "gpu"
STEPS_OF_RECIPE = 290  # 1,800 examples by 64, ten epochs
LITTLE_MEMORY = 4e9  # bytes of GPU memory, too few for 64 examples of the bundled model at a time
LLAMA_3_2_1B = {
    "vocab_size": 128_256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
    },
}
TINY = LLAMA_3_2_1B | {
    "vocab_size": 64_000,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
}
FULL = Settings(
    steps=29,
    examples_per_step=64,
    most_warmup_steps=29,
    rank=128,
    alpha=256,
    weight_decay=0.01,
    max_seq_length=512,
    loss_examples=1,
    evaluation_examples=1,
    prompts=1,
    scoring_sizes=(1,),
    recipe="reference",
)
QUICK = dataclasses.replace(
    FULL, quick=True, repeats=1, steps=2, examples_per_step=4, words=2, rank=8, alpha=16, recipe="smoke"
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    bank: Annotated[str, typer.Option(help="Sentence bank: bundled, or a folder or file with level B2.")] = "bundled",
    steps: Annotated[int, typer.Option(help=f"Steps of a training, of the recipe's {STEPS_OF_RECIPE}.")] = FULL.steps,
    repeats: Annotated[int, typer.Option(help="Rounds, over which medians are taken.")] = FULL.repeats,
    names: Annotated[str, typer.Option("--rows", help="Some of the rows, by name, and the limit.")] = "",
    tiny: Annotated[bool, typer.Option("--tiny", help="Two small layers, two steps; publishes nothing.")] = False,
) -> None:
    """Measure trainings of the reference recipe's shape in turns; publish the results if there is a GPU."""
    import torch

    path = bank if bank == "bundled" else str(Path(bank).expanduser().resolve())
    settings = dataclasses.replace(QUICK if tiny else FULL, bank=path)
    settings = settings if tiny else dataclasses.replace(settings, steps=steps, repeats=repeats)
    with snakemake.only_run(results_folder().parent):
        work = workload.prepare(settings, results_folder())
        work = dataclasses.replace(work, model=random_model(work.model, TINY if tiny else LLAMA_3_2_1B))
        rows = groups.named(rows_of(settings, work), [*names.split(), "limit"] if names else [])
        found = results.collect(GROUP, rows, rounds.measure(rows, settings, work), settings, work)
        complete(found, settings.steps)
        typer.echo(f"{results.write(work.folder / 'results', found)}\n\n{tables.part(found)}\n")
        if torch.cuda.is_available() and not tiny:
            typer.echo(page.publish([found]))


def results_folder() -> Path:
    """Return the folder with a folder for each workload, with its measurements and results."""
    return base_model.cache_folder() / "benchmarks" / "work"


def random_model(tokenizer_of: Path, config: dict) -> Path:
    """Return a Llama of this configuration with random bf16 weights, written once, with another model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    name = f"Random-{config['num_hidden_layers']}x{config['hidden_size']}-Instruct"
    folder = results_folder().parent / "models" / name
    if not (folder / "written").is_file():
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
        torch.manual_seed(0)
        special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": 1}
        LlamaForCausalLM(LlamaConfig(**config, **special)).to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "written").touch()
    return folder


def rows_of(settings: Settings, work: Workload) -> list[Row]:
    """Return rows for the unchanged recipe, this suite's best settings, and the arguments of Unsloth's notebooks."""
    told = {
        **{name: str(work.file(name)) for name in ("train", "eval", "rows")},
        **{
            name: getattr(settings, name) for name in ("rank", "alpha", "learning_rate", "warmup_steps", "weight_decay")
        },
        **{name: getattr(settings, name) for name in ("seed", "steps", "max_seq_length")},
        "model": str(work.model),
    }
    share = work.description["completion_tokens"] / work.description["training_tokens"]
    as_it_stands = {"load_in_4bit": True, "gradient_checkpointing": True, "optimizer": "adamw_8bit"}

    def row(name: str, label: str, program: str, batch_size: int, **more) -> Row:
        batch_size = min(batch_size, settings.examples_per_step)
        batches = {"batch_size": batch_size, "accumulation": settings.examples_per_step // batch_size, "dropout": 0.0}
        return Row(name, label, "suite", program, told | batches | more, 20 if settings.quick else 600, group=GROUP)

    suite, unsloth = "programs/train_suite.py", "peers/train_unsloth.py"
    return [
        row("reference", "reference recipe: 4-bit, recomputation", suite, 16, dropout=0.05, recipe=as_it_stands),
        row("reference_64", "reference recipe in batches of 64", suite, 64, dropout=0.05, recipe=as_it_stands),
        row("dropout", "16-bit, no recomputation, fused optimizer, dropout .05", suite, 16, dropout=0.05),
        row("best", "16-bit, no recomputation, fused optimizer, dropout 0", suite, 16),
        row("best_64", "16-bit, no recomputation, fused optimizer, dropout 0, in batches of 64", suite, 64),
        row("unsloth", "Unsloth, its notebooks' arguments: 4-bit, batches of 2", unsloth, 2, load_in_4bit=True),
        row("limit", "limit: matrix products at the measured bf16 rate", "programs/limit.py", 1, completion_share=share,
            size=256 if settings.quick else 8192, rounds=15),
    ]  # fmt: skip


def complete(found: dict, steps: int) -> None:
    """Add to each training its speed after compilation, its share of the measured peak, and the time of all steps.

    The seconds of all the recipe's steps are the measured ones, with the compilation of the first ones, plus the median
    step for each remaining step.
    """
    limit = next(row["median"] for row in found["rows"] if row["name"] == "limit")
    tokens = found["workload"]["training_tokens"] / steps
    for row in found["rows"]:
        own = row["median"]
        if "step_s" in own:
            own["tokens_per_s"] = tokens / own["step_s"]
            row["range"]["tokens_per_s"] = [tokens / seconds for seconds in reversed(row["range"]["step_s"])]
            for one in (own, *row["measurements"]):
                one["reference_run_s"] = one["train_s"] + (STEPS_OF_RECIPE - steps) * one["step_s"]
            if "flop_per_s" in limit:
                own["share_of_peak"] = own["tokens_per_s"] * limit["flop_per_token"] / limit["flop_per_s"]


if __name__ == "__main__":
    app()
