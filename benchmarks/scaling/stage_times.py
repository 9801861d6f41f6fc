"""What a stage takes: measured where it was, computed by stated assumptions for GPUs and larger models."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from benchmarks.scaling.schedule import Job, Planned
from cefr_helpers import generation, records, showcase
from cefr_helpers.levels import LEVELS
from cefr_helpers.paths import Workspace
from cefr_helpers.recipe import Recipe


@dataclass(frozen=True)
class Assumed:
    """What no run of this project has measured.

    Attributes:
        training_tflops: that a GPU keeps up in a training with adapters, at 6 operations a parameter and token
            (forward, backward to the activations, and the forward again that gradient checkpointing costs).
        decoding_step_s: for the next token of a batch of answers, whatever the model's size.
        answers_at_a_time: in such a batch; the suite's own.
        loading_factor: of what loading, saving and merging take, in proportion to the reference run's model.
        gpu_hour_price: in US dollars.
        cpu_slots_per_gpu: cores that come with a GPU.
        parameters: of the base models other than the bundled one, as their makers state them.
    """

    training_tflops: float = 40.0
    decoding_step_s: float = 0.03
    answers_at_a_time: int = generation.ANSWERS_AT_A_TIME
    loading_factor: float = 1.0
    gpu_hour_price: float = 2.5
    cpu_slots_per_gpu: int = 8
    parameters: dict[str, float] = field(
        default_factory=lambda: {
            "unsloth/Llama-3.2-1B-Instruct": 1.24e9,
            "unsloth/Llama-3.2-3B-Instruct": 3.21e9,
            "unsloth/Meta-Llama-3.1-8B-Instruct": 8.03e9,
        }
    )


@dataclass(frozen=True)
class Measured:
    """What was measured, in seconds unless the name says otherwise.

    Attributes:
        stage_s: format, take and plot on one CPU slot, and report; medians.
        start_s: until a stage that uses a model has its kernel and libraries.
        train_s, compare_s: of the reference run, a level each.
        training_s: of its trainings alone.
        parameters: of its base model.
        tokens_an_example: prompt and completion, mean over its levels.
    """

    stage_s: dict[str, float]
    start_s: float
    train_s: dict[str, float]
    compare_s: dict[str, float]
    training_s: dict[str, float]
    parameters: int
    tokens_an_example: float

    @property
    def around_training_s(self) -> float:
        """Of a training stage all but the training: start, loading, saving, merging."""
        return median(self.train_s[level] - self.training_s[level] for level in self.train_s)


def measured(stage_s: dict[str, float], start_s: float) -> Measured:
    """The reference run's times out of its records, beside those that were taken now."""
    workspace = Workspace(showcase.folder(), showcase.folder() / "user_data")
    levels = [level for level in LEVELS if workspace.record(level, "comparison").is_file()]
    found = {name: {level: records.read(workspace, level, name) for level in levels} for name in records.NAMES}
    written = {(name, level): _moment(one) for name, own in found.items() for level, one in own.items()}
    # trainings and comparisons took all cores, so each of them began when the one before had written its record
    heavy = sorted((when, key) for key, when in written.items() if key[0] != "dataset")
    begun = max(when for (name, _), when in written.items() if name == "dataset")
    lasted: dict[str, dict[str, float]] = {"training": {}, "comparison": {}}
    for when, (name, level) in heavy:
        lasted[name][level] = when - begun
        begun = when
    tokens = [one["results"]["tokens"]["train"]["mean"] for one in found["dataset"].values()]
    results = {level: one["results"] for level, one in found["training"].items()}
    return Measured(
        stage_s,
        start_s,
        lasted["training"],
        lasted["comparison"],
        {level: one["duration_s"] for level, one in results.items()},
        next(iter(results.values()))["base_parameters"],
        sum(tokens) / len(tokens),
    )


def _moment(record: dict) -> float:
    return datetime.fromisoformat(record["created"]).timestamp()


def seconds(kind: str, base_model: str, recipe: Recipe, known: Measured, assumed: Assumed) -> float:
    """What a job takes on a GPU, or on a CPU slot where it uses no model.

    Start-up counts as measured. Loading, saving and merging count in proportion to the model's parameters, as measured
    on two CPU cores. Training and scoring go by the operations they need, answers by the steps of decoding.
    """
    if kind in known.stage_s:
        return known.stage_s[kind]
    size = parameters(base_model, known, assumed)
    loading = (known.around_training_s - known.start_s) * size / known.parameters * assumed.loading_factor
    around = known.start_s + loading
    operations = known.tokens_an_example * size / (assumed.training_tflops * 1e12)
    scored = 2 * recipe.eval_examples * operations
    if kind == "train":
        steps = recipe.epochs * math.ceil(
            recipe.train_examples / recipe.batch_size / recipe.gradient_accumulation_steps
        )
        evaluations = math.ceil(steps / recipe.eval_steps)
        return around + 6 * recipe.train_examples * recipe.epochs * operations + evaluations * scored
    # base and tuned: greedy and sampled answers, and the base's after examples
    passes = 2 * (1 + recipe.generation_samples) + 1
    batches = passes * math.ceil(recipe.generation_prompts / assumed.answers_at_a_time)
    return around + 2 * scored + batches * recipe.max_new_tokens * assumed.decoding_step_s


def parameters(base_model: str, known: Measured, assumed: Assumed) -> float:
    return known.parameters if base_model == "bundled" else assumed.parameters[base_model]


def with_times(planned: list[Planned], recipe: Recipe, known: Measured, assumed: Assumed) -> list[Job]:
    """The planned jobs with what each takes."""
    return [Job(**vars(one), seconds=seconds(one.kind, one.base_model, recipe, known, assumed)) for one in planned]
