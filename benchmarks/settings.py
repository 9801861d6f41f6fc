"""The size of the measurements: the full one, whose results are published, and a quick check that programs work."""

from dataclasses import asdict, dataclass

GROUPS = ("training", "profile", "evaluation", "generation", "overhead", "second", "growth")


@dataclass(frozen=True)
class Settings:
    """Sizes, and the recipe of all trainings, which is that of Unsloth's own notebooks.

    Attributes:
        quick: whether sizes are as small as possible and nothing is published.
        bank: see `banks.find`; level: level of the bank.
        words: number of words of an example.
        repeats: number of rounds, in each of which every row is measured once; medians are taken over them.
        steps, examples_per_step: size of each training, one epoch, so that all rows see the same tokens.
        profiled_steps: steps of a further training under the profiler.
        loss_examples: number of held-out examples on which each trained model is scored.
        evaluation_examples: number scored by base and tuned model in the group "evaluation".
        prompts, new_tokens: sizes of the group "generation".
        check_prompts, check_examples: numbers on which results are compared in fp32.
        formatting_sizes, scoring_sizes: numbers of examples in the group "growth"; scored ones have `short_words`.
        recipe: recipe of the notebooks 02 and 03 in the group "overhead"; second_recipe: in the group "second".
    """

    quick: bool = False
    bank: str = "bundled"
    level: str = "B2"
    seed: int = 3407
    repeats: int = 3
    steps: int = 8
    examples_per_step: int = 8
    profiled_steps: int = 2
    loss_examples: int = 40
    evaluation_examples: int = 200
    prompts: int = 50
    new_tokens: int = 48
    check_prompts: int = 3
    check_examples: int = 8
    formatting_sizes: tuple[int, ...] = (1_000, 10_000, 50_000, 100_000, 200_000)
    scoring_sizes: tuple[int, ...] = (100, 500, 1_000, 2_000, 5_000)
    words: int = 10
    short_words: int = 3
    recipe: str = "smoke"
    second_recipe: str = "cpu"
    rank: int = 16
    alpha: int = 16
    learning_rate: float = 2e-4
    most_warmup_steps: int = 5
    weight_decay: float = 0.001
    max_seq_length: int = 2048

    @property
    def warmup_steps(self) -> int:
        """The notebooks' 5, or fewer if a training is too short for them."""
        return min(self.most_warmup_steps, self.steps // 2)

    @property
    def train_examples(self) -> int:
        return self.steps * self.examples_per_step

    def as_record(self) -> dict:
        """Return plain values for the results; a bank in a folder of this machine is given by its name."""
        return asdict(self) | {"bank": self.bank.rstrip("/").rsplit("/", 1)[-1]}


def quick(bank: str = "bundled") -> Settings:
    """Return sizes with which every program runs from start to end in minutes; the numbers mean nothing."""
    return Settings(
        quick=True,
        bank=bank,
        repeats=1,
        steps=2,
        examples_per_step=2,
        words=2,
        short_words=2,
        profiled_steps=1,
        loss_examples=2,
        evaluation_examples=4,
        prompts=3,
        new_tokens=6,
        check_prompts=2,
        check_examples=2,
        formatting_sizes=(100, 1_000),
        scoring_sizes=(4, 8),
        second_recipe="smoke",
    )
