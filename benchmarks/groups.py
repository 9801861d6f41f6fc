"""The measured rows of each group, with program, environment and specification."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.settings import Settings
from benchmarks.workload import Workload
from cefr_helpers.core import records
from cefr_helpers.core.recipes import load_recipe

HERE = Path(__file__).parent
SUITE = "suite"  # the training row whose adapter the evaluation takes
_SCORED_AT_A_TIME = 8
# The square products that the limits are measured with: 8 MB in bf16, more than the caches hold
_MATRIX = {"size": 2048, "rounds": 15}


@dataclass(frozen=True)
class Row:
    """One row of a table, measured once per round.

    Attributes:
        name: name of its files; label: name in the table.
        environment: "suite", or a peer's.
        program: the file, under benchmarks/.
        told: its specification in addition to the common one.
        guess_s: estimated seconds, corrected by the first round.
        repeats: number of rounds in which it is measured; None: all.
        group: set by `of`.
    """

    name: str
    label: str
    environment: str
    program: str
    told: dict
    guess_s: float
    repeats: int | None = None
    group: str = field(default="")

    @property
    def path(self) -> Path:
        return HERE / self.program


def of(group: str, settings: Settings, workload: Workload) -> list[Row]:
    """Return the rows of a group, in the order of its table."""
    make: dict[str, Callable] = {
        "training": training,
        "profile": profile,
        "evaluation": evaluation,
        "generation": generation,
        "overhead": overhead,
        "second": second,
        "growth": growth,
    }
    shared = {
        "model": str(workload.model),
        "gguf": str(workload.gguf),
        "seed": settings.seed,
        **{name: str(workload.file(name)) for name in ("train", "eval", "short", "rows", "eval_rows")},
    }
    return [
        Row(**(vars(row) | {"told": shared | row.told, "group": group}))
        for row in make[group](settings, workload.description)
    ]


def named(rows: list[Row], names: list[str]) -> list[Row]:
    """Return the rows of these names, or all if there are no names."""
    return [row for row in rows if not names or row.name in names]


def training(settings: Settings, description: dict) -> list[Row]:
    """Return rows with the same examples, steps and examples per step; they differ in how a step is computed."""
    tokens = description["training_tokens"]

    def row(name, label, environment, program, batch_size, tokens_per_s, dropout=0.0, **more) -> Row:
        batch_size = min(batch_size, settings.examples_per_step)
        told = {
            "batch_size": batch_size,
            "accumulation": settings.examples_per_step // batch_size,
            "dropout": dropout,
            "load_in_4bit": False,
            **_recipe(settings),
            **more,
        }
        return Row(name, label, environment, program, told, 55 + tokens / tokens_per_s)  # loading, and the loss after

    limit = _MATRIX | {"rank": settings.rank, "completion_share": description["completion_tokens"] / tokens}
    suite, unsloth = "programs/train_suite.py", "peers/train_unsloth.py"
    base = {"examples": settings.loss_examples}
    weight = load_recipe("cpu").target_word_weight
    return [
        row(SUITE, "this suite: batches of 2, no recomputation", "suite", suite, 2, 250),
        row(
            "suite_weighted",
            f"this suite, target words weighing {weight:g} times, as `cpu` has it (another gradient)",
            *("suite", suite, 2, 230),
            recipe={"target_word_weight": weight},
        ),
        row("unsloth", "Unsloth, its notebooks' arguments: batches of 2, recomputation", "unsloth", unsloth, 2, 190),
        row("unsloth_dropout", "Unsloth, dropout .05, batches of 8", "unsloth", unsloth, 8, 150, 0.05),
        row("trainer", "Hugging Face Trainer + PEFT, batches of 8", "trainer", "peers/train_trainer.py", 8, 180),
        row(
            "llamafactory",
            "LLaMA-Factory, batches of 1, recomputation",
            "llamafactory",
            "peers/train_llamafactory.py",
            1,
            150,
        ),
        row("litgpt", "LitGPT, batches of 1", "litgpt", "peers/train_litgpt.py", 1, 150),
        Row("base", "the base before any training", "suite", "programs/score_trained.py", base, 30, 1),
        Row(
            "limit",
            "limit: the model's matrix products at the measured bf16 rate",
            "suite",
            "programs/limit.py",
            limit,
            15,
        ),
    ]


def profile(settings: Settings, description: dict) -> list[Row]:
    """Return rows that run some steps of the suite's training and one answer under a profiler."""
    own = next(row for row in training(settings, description) if row.name == SUITE)
    told = own.told | {"profiled_steps": settings.profiled_steps}
    token = {"new_tokens": settings.new_tokens}
    return [
        Row("step", "one step of training", "suite", "programs/profile_suite.py", told, 60, 1),
        Row("token", "one token of one answer", "suite", "programs/profile_generation.py", token, 30, 1),
    ]


def _recipe(settings: Settings) -> dict:
    names = ("rank", "alpha", "learning_rate", "warmup_steps", "weight_decay", "max_seq_length", "steps")
    return {name: getattr(settings, name) for name in names}


def evaluation(settings: Settings, description: dict) -> list[Row]:
    """Return rows for base and tuned loss of the same examples; the fp32 rows show that both ways agree."""
    ways = {
        "suite": ("this suite: one model, adapter off and on", "suite", "programs/evaluate_suite.py"),
        "two_models": ("two models loaded, padded batches", "trainer", "peers/evaluate_two_models.py"),
    }
    rows = []
    for precision, count, repeats in (
        ("bf16", settings.evaluation_examples, None),
        ("fp32", settings.check_examples, 1),
    ):
        for name, (label, environment, program) in ways.items():
            told = {"precision": precision, "examples": count, "batch_size": _SCORED_AT_A_TIME}
            guess_s = 30 + 0.7 * count
            rows.append(
                Row(f"{name}_{precision}", f"{label}, {precision}", environment, program, told, guess_s, repeats)
            )
    told = _MATRIX | {"rank": settings.rank, "examples": settings.evaluation_examples}
    label = "limit: the matrix products of both passes at the measured bf16 rate"
    return [*rows, Row("limit_of_scoring", label, "suite", "programs/limit_of_scoring.py", told, 15)]


def generation(settings: Settings, description: dict) -> list[Row]:
    """Return rows for greedy answers of the base model, cut after the same number of tokens."""
    suite, one_by_one = "programs/generate_suite.py", "peers/generate_one_by_one.py"

    def row(name, label, environment, program, tokens_per_s, batch_size=1, precision="bf16", check=False) -> Row:
        count = settings.check_prompts if check else settings.prompts
        told = {
            "precision": precision,
            "prompts": count,
            "new_tokens": settings.new_tokens,
            "batch_size": batch_size,
            "keep_answers": check,
            "threads": records.hardware()["cores"],
        }
        guess_s = 15 + count * settings.new_tokens / tokens_per_s
        return Row(name, label, environment, program, told, guess_s, 1 if check else None)

    return [
        row("batched", "this suite, one batch of 50 (its default)", "suite", suite, 80, 50),
        row("batched_32", "this suite, batches of 32", "suite", suite, 60, 32),
        row("suite_single", "this suite, one prompt at a time", "suite", suite, 15),
        row("one_by_one", "transformers, one prompt at a time", "trainer", one_by_one, 10),
        row(
            "llama_cpp", "llama.cpp, one prompt at a time, 4-bit file", "llama_cpp", "peers/generate_llama_cpp.py", 100
        ),
        row("batched_fp32", "this suite in fp32", "suite", suite, 10, 8, "fp32", check=True),
        row("one_by_one_fp32", "transformers in fp32", "trainer", one_by_one, 5, 1, "fp32", check=True),
    ]


def overhead(settings: Settings, description: dict) -> list[Row]:
    """Return rows for the stage notebooks with the smoke recipe, run as in the batch."""
    told = {"level": settings.level, "bank": settings.bank, "recipe": settings.recipe}
    return [Row("notebooks", "stage notebooks", "suite", "programs/run_notebooks.py", told, 150)]


def second(settings: Settings, description: dict) -> list[Row]:
    """Return a row for stage 03 after a first training and after another one; two trainings take most of its time."""
    told = {"level": settings.level, "bank": settings.bank, "recipe": settings.second_recipe}
    return [Row("twice", "stage 03, twice", "suite", "programs/run_twice.py", told, 750, 1)]


def growth(settings: Settings, description: dict) -> list[Row]:
    """Return rows for time and memory against the number of examples; one measurement per point if it takes minutes."""
    rows = []
    for count in settings.formatting_sizes:
        told = {"examples": count, "level": settings.level, "bank": settings.bank}
        label = f"formatting {count:,} examples"
        rows.append(Row(f"formatting_{count}", label, "suite", "programs/format_examples.py", told, 5 + count / 20_000))
    for count in settings.scoring_sizes:
        told = {"examples": count, "batch_size": 8}
        label = f"scoring {count:,} examples"
        rows.append(Row(f"scoring_{count}", label, "suite", "programs/score_examples.py", told, 15 + count / 8, 1))
    return rows
