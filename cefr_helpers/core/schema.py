"""The three records of a level as types: what each stage writes, and what notes, site and cards read.

Every value may be missing (None) when a record is read: a training that was run elsewhere knows less, and older records
lack what came later. A part that is missing is there all the same, with nothing in it, so that readers need no guards:
`record.results.best.eval_loss` is a number or None. A name that is not in the schema is an error in code that writes,
and is passed over in a file that is read.
"""

from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEASURES = ("completion", "full_text")
ROWS = ("base", "base_three_examples", "base_sampled", "tuned", "tuned_sampled", "gold", "trivial")
GATES = ("valid", "covered", "level_ok", "grammar_clean", "not_copied", "not_repetitive")
RATES = ("joint_success", *GATES)
SCORERS = ("full", "length_free", "length_only")
QUALITIES = ("qwk", "accuracy", "within_one", "rmse")


class Part(BaseModel):
    """A part of a record; equal values make equal parts."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _null_is_an_empty_part(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            key: value
            for key, value in values.items()
            if value is not None or key not in fields or fields[key].default is None
        }

    @classmethod
    def of_file(cls, values: dict) -> Self:
        """The part from a file's values; names that this version does not know are passed over."""
        return cls.model_validate(values, extra="ignore")

    def as_dict(self) -> dict[str, Any]:
        """Plain values as a file holds them: what was given, and nothing that was not."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.model_fields_set)


# Shared by several records


class Hardware(Part):
    """The machine a stage ran on; memory in bytes."""

    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    system: str | None = None
    gpu: str | None = None
    gpu_memory_bytes: int | None = None


class Files(Part):
    """A folder that was written: its name, its path (inside the project relative to it), and file -> sha256."""

    name: str | None = None
    path: str | None = None
    files: dict[str, str] = {}


class Interval(Part):
    """An estimate with its 95 % interval; `p` of the test where there is one."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    resamples: int | None = None
    p: float | None = None


# The dataset record, written by 01


class SentenceBank(Part):
    """The bank as it was read, and what cleaning left of it."""

    name: str | None = None
    words_read: int | None = None
    sentences_read: int | None = None
    words: int | None = None
    sentences: int | None = None
    dropped: list[dict[str, Any]] = []


class HeldOutCounts(Part):
    """How many are for training and how many are held out."""

    train: int | None = None
    held_out: int | None = None


class PartCounts(Part):
    """How many are in the training examples and how many in the evaluation examples."""

    train: int | None = None
    eval: int | None = None


class TokenCounts(Part):
    """Tokens per example; `truncated` examples are longer than max_seq_length."""

    counted: int | None = None
    mean: float | None = None
    p95: int | None = None
    longest: int | None = None
    truncated: int | None = None


class Tokens(Part):
    """Token counts of both parts."""

    train: TokenCounts = TokenCounts()
    eval: TokenCounts = TokenCounts()


class SentenceWords(Part):
    """Words per sentence of the bank."""

    mean: float | None = None
    median: float | None = None


class Split(Part):
    """How words were held out; `hash` tells one split from another."""

    policy: str | None = None
    hash: str | None = None
    held_out_share: float | None = None


class Leak(Part):
    """How much of the evaluation is in the training examples too; share of 1."""

    count: int | None = None
    share: float | None = None


class LeakAudit(Part):
    """What the finished files have in common."""

    word_overlap: Leak = Leak()
    sentence_overlap: Leak = Leak()
    near_duplicates: Leak = Leak()
    held_out_words_in_training_sentences: Leak = Leak()


class FloorLoss(Part):
    """The memoriser's floor of one part of an example."""

    nats_per_example: float | None = None
    nats_per_token: float | None = None


class MemoriserFloor(Part):
    """The loss of a model that knows every sentence and has only to guess which comes."""

    sentences_per_word: float | None = None
    completion: FloorLoss = FloorLoss()
    full_text: FloorLoss = FloorLoss()


class ExampleFiles(Part):
    """Names of the formatted files."""

    train: str | None = None
    eval: str | None = None


class DatasetResults(Part):
    """What 01 found."""

    sentence_bank: SentenceBank = SentenceBank()
    train_examples: int | None = None
    eval_examples: int | None = None
    words_per_example: int | None = None
    words: HeldOutCounts = HeldOutCounts()
    sentences: HeldOutCounts = HeldOutCounts()
    unique_words_used: PartCounts = PartCounts()
    tokens: Tokens = Tokens()
    max_seq_length: int | None = None
    sentence_words: SentenceWords = SentenceWords()
    split: Split = Split()
    leak_audit: LeakAudit = LeakAudit()
    memoriser_floor: MemoriserFloor = MemoriserFloor()
    files: ExampleFiles = ExampleFiles()


# The training record, written by 02, or by `cefr adopt`


class Difference(Part):
    """A setting that ran otherwise than the recipe asks."""

    setting: str
    asked: Any = None
    ran: Any = None
    why: str | None = None


class Step(Part):
    """An entry of the training history."""

    step: int | None = None
    epoch: float | None = None
    train_loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None


class LossChange(Part):
    """First, last and best loss, and the reduction in per cent."""

    first: float | None = None
    last: float | None = None
    best: float | None = None
    reduction_pct: float | None = None


class BestStep(Part):
    """The evaluation with the lowest loss, whose checkpoint was kept."""

    step: int | None = None
    epoch: float | None = None
    eval_loss: float | None = None


class BaseModelInfo(Part):
    """The base model; `parameters` counts its weights."""

    name: str | None = None
    source: str | None = None
    identifier: str | None = None
    revision: str | None = None
    sha256: str | None = None
    parameters: int | None = None


class MergeCheck(Part):
    """Logits of the merged model beside base + adapter and beside the base."""

    largest_difference_from_base_plus_adapter: float | None = None
    rounding_difference: float | None = None
    difference_from_base: float | None = None


class Adopted(Part):
    """A training that was run elsewhere: the file that it was read from."""

    read: str | None = None


class TrainingResults(Part):
    """What 02 ran; seconds and bytes."""

    hyperparameters: dict[str, Any] = {}
    differences_from_recipe: list[Difference] = []
    precision: str | None = None
    device: str | None = None
    processes: int | None = None
    device_reason: str | None = None
    base_parameters: int | None = None
    trainable_parameters: int | None = None
    duration_s: float | None = None
    total_steps: int | None = None
    steps_per_epoch: int | None = None
    epochs: float | None = None
    tokens: int | None = None
    tokens_per_s: float | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_memory_bytes: int | None = None
    history: list[Step] = []
    train_loss: LossChange = LossChange()
    eval_loss: LossChange = LossChange()
    best: BestStep = BestStep()
    resumed_from_step: int | None = None
    trainer_arguments: dict[str, Any] = {}
    adapter: Files = Files()
    merged_model: Files = Files()
    base_model: BaseModelInfo = BaseModelInfo()
    merge_check: MergeCheck = MergeCheck()
    adopted: Adopted = Adopted()


# The comparison record, written by 03


class Likelihood(Part):
    """Loss in nats per token over all examples."""

    loss: float | None = None
    perplexity: float | None = None
    bits_per_character: float | None = None


class LikelihoodComparison(Part):
    """Base against tuned on the same text."""

    base: Likelihood = Likelihood()
    tuned: Likelihood = Likelihood()
    loss_reduction_pct: float | None = None
    perplexity_reduction_pct: float | None = None
    difference: Interval = Interval()


class TextCounts(Part):
    """A count for completions and for full texts."""

    completion: int | None = None
    full_text: int | None = None


class Agreement(Part):
    """The tuned loss of the comparison beside the trainer's."""

    training_best_eval_loss: float | None = None
    comparison_tuned_loss: float | None = None
    relative_difference: float | None = None


class Memorisation(Interval):
    """How much more tuning helps on training examples than on held-out ones."""

    examples: int | None = None
    base: float | None = None
    tuned: float | None = None


class Answer(Part):
    """A prompt with the answers of base and tuned model and the bank's own sentences."""

    words: list[str] = []
    prompt: str | None = None
    reference: str | None = None
    base: str | None = None
    tuned: str | None = None


class Metric(Part):
    """A metric of one system, with its interval where it has one."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class ShownSlot(Part):
    """One word that was asked for, the tuned model's sentence for it, and the gates that it failed."""

    prompt: int | None = None
    slot: int | None = None
    word: str | None = None
    sentence: str | None = None
    score: float | None = None
    failed: list[str] = []


class ScorerQuality(Part):
    """How well a level scorer finds the level of sentences that it was not taught."""

    qwk: float | None = None
    accuracy: float | None = None
    within_one: float | None = None
    rmse: float | None = None


class LevelScorerReport(Part):
    """The level scorer of a comparison, cross-validated; rows of `confusion` are the labels."""

    levels: list[str] = []
    sentences: int | None = None
    folds: int | None = None
    groups: int | None = None
    confusion: list[list[int]] = []
    full: ScorerQuality = ScorerQuality()
    length_free: ScorerQuality = ScorerQuality()
    length_only: ScorerQuality = ScorerQuality()


class Generation(Part):
    """The answers of all systems, measured: system -> metric -> value."""

    prompts: int | None = None
    slots: int | None = None
    words: int | None = None
    decoding: str | None = None
    samples: int | None = None
    temperature: float | None = None
    max_new_tokens: int | None = None
    measures: dict[str, dict[str, Metric]] = {}
    differences: dict[str, Interval] = {}
    sentences_compared: int | None = None
    slots_shown: list[ShownSlot] = []
    scores: dict[str, list[float]] = {}
    scorer: LevelScorerReport = LevelScorerReport()
    file: str | None = None

    def metric(self, system: str, name: str) -> Metric:
        """A system's metric; empty where it was not measured."""
        return self.measures.get(system, {}).get(name, Metric())

    def value(self, system: str, name: str) -> float | None:
        """A system's metric without its interval."""
        return self.metric(system, name).value


class ComparisonResults(Part):
    """What 03 measured."""

    completion: LikelihoodComparison = LikelihoodComparison()
    full_text: LikelihoodComparison = LikelihoodComparison()
    examples: int | None = None
    tokens: TextCounts = TextCounts()
    characters: TextCounts = TextCounts()
    agreement: Agreement = Agreement()
    memorisation: Memorisation = Memorisation()
    answers: list[Answer] = []
    base_results_reused: list[str] = []
    generation: Generation = Generation()


# Records


Results = TypeVar("Results", DatasetResults, TrainingResults, ComparisonResults)


class Record(Part, Generic[Results]):
    """A stage's record: where it comes from, and its results.

    `commit` ends in "+changes" where the working tree differed; `inputs` maps a file to its sha256.
    """

    schema_version: int | None = Field(default=None, alias="schema")
    level: str | None = None
    created: str | None = None
    commit: str | None = None
    versions: dict[str, str] = {}
    hardware: Hardware = Hardware()
    seed: int | None = None
    recipe: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    results: Results


class DatasetRecord(Record[DatasetResults]):
    """Written by 01_data_formatting."""

    results: DatasetResults = DatasetResults()


class TrainingRecord(Record[TrainingResults]):
    """Written by 02_training, or by `cefr adopt`."""

    results: TrainingResults = TrainingResults()


class ComparisonRecord(Record[ComparisonResults]):
    """Written by 03_baseline_comparison."""

    results: ComparisonResults = ComparisonResults()


RECORDS: dict[str, type[DatasetRecord] | type[TrainingRecord] | type[ComparisonRecord]] = {
    "dataset": DatasetRecord,
    "training": TrainingRecord,
    "comparison": ComparisonRecord,
}
