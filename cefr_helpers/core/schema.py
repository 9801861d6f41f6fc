"""The three records of a level as types: what each stage writes, and what notes, site and cards read.

Every value may be missing (None) when a record is read: a training that was run elsewhere has fewer values, and older
records lack later additions. A missing part is present but empty, so that readers need no guards:
`record.results.best.eval_loss` is a number or None. A name that is not in the schema is an error in code that writes,
and is ignored in a file that is read.
"""

from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEASURES = ("completion", "full_text")
ROWS = ("base", "base_three_examples", "base_one_word", "base_sampled", "tuned", "tuned_sampled", "gold", "trivial")
UNTUNED = ("base", "base_three_examples", "base_one_word")  # the greedy rows that tuning has to beat
# The version of Joint Success's gates; raise it with each change, since figures of two versions cannot be compared.
# 2: fluency instead of a word order learnt from the bank, fewer of Harper's rules, 1.25 levels instead of 1.0.
MEASURE_VERSION = 2
GATES = ("valid", "covered", "level_ok", "grammar_clean", "not_copied", "not_repetitive")
RATES = ("joint_success", *GATES)
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
        """Return the part from a file's values; names that this version does not know are ignored."""
        return cls.model_validate(values, extra="ignore")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for a file: only those that were set."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def __bool__(self) -> bool:
        """Return whether any value is set."""
        return bool(self.model_fields_set)


# Shared by several records


class Hardware(Part):
    """The machine a stage ran on; memory in bytes.

    Attributes:
        cpu: the processor's name.
        cores: number of cores that the stage could use.
        memory_bytes: memory of the machine.
        system: operating system and kind of processor, such as "Linux x86_64".
        gpu: the GPU's name; missing if there is none.
        gpu_memory_bytes: memory of the GPU.
    """

    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    system: str | None = None
    gpu: str | None = None
    gpu_memory_bytes: int | None = None


class Files(Part):
    """A folder that was written: its name, its path (inside the project relative to it), and file -> sha256.

    Attributes:
        name: the folder's name.
        path: the folder's path; inside the project it is relative to it.
        files: name of a file -> its SHA-256.
    """

    name: str | None = None
    path: str | None = None
    files: dict[str, str] = {}


class Interval(Part):
    """An estimate with its 95 % interval, and the p value of a test if there is one.

    Attributes:
        estimate: the observed value.
        low: lower end of the interval.
        high: upper end of the interval.
        resamples: number of times the examples or prompts were resampled for it.
        p: p value of the paired permutation test over prompts, if there is one.
    """

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    resamples: int | None = None
    p: float | None = None


# The dataset record, written by 01


class SentenceBank(Part):
    """The bank as it was read and after cleaning.

    Attributes:
        name: "bundled", or the file's or folder's name.
        read_as: the format, and how the columns were read.
        words_read: words in the bank's file.
        sentences_read: sentences in the bank's file.
        words: words left after cleaning.
        sentences: sentences left after cleaning.
        dropped: what cleaning changed or left out: `reason`, `count` and a few `examples` each.
    """

    name: str | None = None
    read_as: str | None = None
    words_read: int | None = None
    sentences_read: int | None = None
    words: int | None = None
    sentences: int | None = None
    dropped: list[dict[str, Any]] = []


class HeldOutCounts(Part):
    """How many are for training and how many are held out.

    Attributes:
        train: for training.
        dev: for development: checkpoints and recipes are chosen by them; missing in older records.
        held_out: for the test: only reported.
    """

    train: int | None = None
    dev: int | None = None
    held_out: int | None = None


class PartCounts(Part):
    """How many are in the examples of each part.

    Attributes:
        train: in the training examples.
        dev: in the development examples.
        eval: in the test examples.
    """

    train: int | None = None
    dev: int | None = None
    eval: int | None = None


class TokenCounts(Part):
    """Tokens per example; `truncated` examples are longer than max_seq_length.

    Attributes:
        counted: examples whose tokens were counted.
        mean: mean number of tokens of an example.
        p95: number of tokens that 95 % of the examples do not exceed.
        longest: number of tokens of the longest example.
        truncated: examples that are longer than `max_seq_length` and are cut.
    """

    counted: int | None = None
    mean: float | None = None
    p95: int | None = None
    longest: int | None = None
    truncated: int | None = None


class Tokens(Part):
    """Token counts of the parts.

    Attributes:
        train: of the training examples.
        dev: of the development examples.
        eval: of the test examples.
    """

    train: TokenCounts = TokenCounts()
    dev: TokenCounts = TokenCounts()
    eval: TokenCounts = TokenCounts()


class SentenceWords(Part):
    """Words per sentence of the bank.

    Attributes:
        mean: mean over the sentences.
        median: median over the sentences.
    """

    mean: float | None = None
    median: float | None = None


class Split(Part):
    """How words were held out.

    Attributes:
        policy: "words" if held-out words are in no training example, or "examples" if only examples differ.
        hash: identifies the split.
        held_out_share: requested share of test words.
        dev_share: requested share of development words.
    """

    policy: str | None = None
    hash: str | None = None
    held_out_share: float | None = None
    dev_share: float | None = None


class Leak(Part):
    """How much of one part is in another part too.

    Attributes:
        count: how many.
        share: of the first part's, from 0 to 1.
    """

    count: int | None = None
    share: float | None = None


class LeakAudit(Part):
    """How much of one part's finished examples also occurs in another part, "the seen" examples.

    Attributes:
        word_overlap: target words that are target words of the seen examples too.
        sentence_overlap: sentences that are also seen sentences.
        near_duplicates: sentences that are near-duplicates of a seen sentence.
        held_out_words_in_training_sentences: target words that occur in a seen sentence of another word.
    """

    word_overlap: Leak = Leak()
    sentence_overlap: Leak = Leak()
    near_duplicates: Leak = Leak()
    held_out_words_in_training_sentences: Leak = Leak()


class FloorLoss(Part):
    """The memoriser's floor of one part of an example.

    Attributes:
        nats_per_example: loss per example.
        nats_per_token: loss per token, comparable with the losses of training.
    """

    nats_per_example: float | None = None
    nats_per_token: float | None = None


class MemoriserFloor(Part):
    """The loss of a model that knows every sentence and only has to guess which one comes.

    Attributes:
        sentences_per_word: mean number of the bank's sentences per word, of which one is drawn.
        completion: loss of the answer only.
        full_text: loss of prompt and answer.
    """

    sentences_per_word: float | None = None
    completion: FloorLoss = FloorLoss()
    full_text: FloorLoss = FloorLoss()


class ExampleFiles(Part):
    """Names of the formatted files.

    Attributes:
        train: of the training examples.
        dev: of the development examples.
        eval: of the test examples.
    """

    train: str | None = None
    dev: str | None = None
    eval: str | None = None


class PlacedSentence(Part):
    """A sentence of the bank and its level on the human scale.

    Attributes:
        sentence: as the bank has it.
        score: from 1 (A1) to 5 (C1).
    """

    sentence: str | None = None
    score: float | None = None


class Placement(Part):
    """Where people would place the bank's sentences: their levels on the human scale, from 1 (A1) to 5 (C1).

    Attributes:
        reads_like: the level nearest to the mean.
        sentences: number of scored sentences: all of a small bank, a sample of a larger one.
        of: number of sentences of the bank.
        mean: mean of the scores.
        sd: their standard deviation, in levels.
        within_one: share of the sentences at most one level from the level they are labelled with.
        furthest: sentences furthest from their label, the furthest first.
    """

    reads_like: str | None = None
    sentences: int | None = None
    of: int | None = None
    mean: float | None = None
    sd: float | None = None
    within_one: float | None = None
    furthest: list[PlacedSentence] = []


class DatasetResults(Part):
    """The results of 01.

    Attributes:
        sentence_bank: the bank.
        placement: where people would place the bank's sentences.
        train_examples: number of training examples.
        dev_examples: number of development examples, which choose the checkpoint; in older records test examples did.
        eval_examples: number of test examples.
        words_per_example: number of words in a prompt.
        words: number of the bank's words in each part of the split.
        sentences: number of the bank's sentences in each part of the split.
        unique_words_used: words that are in an example.
        tokens: number of tokens of the examples.
        max_seq_length: the longest sequence that training accepts, in tokens.
        sentence_words: length of the bank's sentences.
        split: how words were held out.
        leak_audit: how much of the test examples occurs in the training examples.
        dev_leak_audit: how much of the development examples occurs in the training examples.
        test_in_dev_leak_audit: how much of the test examples occurs in the development examples.
        memoriser_floor: the lowest loss on the test examples that knowing the bank by heart could give.
        dev_memoriser_floor: the same on the development examples, to compare the trainer's evaluation losses with.
        files: the formatted files.
    """

    sentence_bank: SentenceBank = SentenceBank()
    placement: Placement = Placement()
    train_examples: int | None = None
    dev_examples: int | None = None
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
    dev_leak_audit: LeakAudit = LeakAudit()
    test_in_dev_leak_audit: LeakAudit = LeakAudit()
    memoriser_floor: MemoriserFloor = MemoriserFloor()
    dev_memoriser_floor: MemoriserFloor = MemoriserFloor()
    files: ExampleFiles = ExampleFiles()


# The training record, written by 02, or by `cefr adopt`


class Difference(Part):
    """A setting that differed from the recipe.

    Attributes:
        setting: the recipe's key.
        asked: its value in the recipe.
        ran: the value that was used.
        why: the reason.
    """

    setting: str
    asked: Any = None
    ran: Any = None
    why: str | None = None


class Step(Part):
    """An entry of the training history.

    Attributes:
        step: optimizer step.
        epoch: epochs completed; 1 means that all examples were seen once.
        train_loss: mean since the previous entry, in nats per token.
        eval_loss: on the development examples, in nats per token; in older records on the test examples.
        learning_rate: at this step.
        grad_norm: before clipping.
        joint_success: share of the requested development words whose sentence passes all gates, from 0 to 1; only of
            evaluations with `keep_best_by: joint_success`.
        answers_s: seconds that writing and judging these answers took.
    """

    step: int | None = None
    epoch: float | None = None
    train_loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    joint_success: float | None = None
    answers_s: float | None = None


class LossChange(Part):
    """First, last and lowest loss, and the reduction in per cent.

    Attributes:
        first: first value of the history.
        last: last value of the history.
        best: lowest value of the history.
        reduction_pct: from the first to the last training loss, or to the best evaluation loss; in per cent.
    """

    first: float | None = None
    last: float | None = None
    best: float | None = None
    reduction_pct: float | None = None


class BestStep(Part):
    """The evaluation whose checkpoint was kept: of lowest loss, or of highest Joint Success (`keep_best_by`).

    Attributes:
        step: optimizer step.
        epoch: epochs completed by then.
        eval_loss: in nats per token.
        joint_success: Joint Success on development prompts, from 0 to 1, if the checkpoint was chosen by it.
    """

    step: int | None = None
    epoch: float | None = None
    eval_loss: float | None = None
    joint_success: float | None = None


class DevAnswers(Part):
    """The answers to development prompts by whose Joint Success the checkpoint was chosen; times in seconds.

    Attributes:
        measure_version: version of the gates of Joint Success.
        prompts: number of prompts that each evaluation answered.
        slots: number of words that they request, each once.
        evaluations: number of evaluations with answers, with those of before an interruption.
        preparation_s: time of preparing the gates.
        seconds_per_evaluation: mean time that writing and judging the answers took.
        seconds: time of it all, in addition to that of a training by evaluation loss.
    """

    measure_version: int | None = None
    prompts: int | None = None
    slots: int | None = None
    evaluations: int | None = None
    preparation_s: float | None = None
    seconds_per_evaluation: float | None = None
    seconds: float | None = None


class SelfTraining(Part):
    """How the training went on with sentences that the model wrote itself; times in seconds.

    Attributes:
        examples: number of examples, each seen once; 0 if the model wrote too few sentences that pass.
        own_examples: how many of them have the model's own sentences; the others are the bank's.
        words: number of training words that the model wrote for.
        candidates: number of sentences that it wrote.
        sentences: number of different ones in the examples.
        writing_s: time of writing and choosing.
        duration_s: time of the training with them.
        learning_rate: its highest learning rate.
        steps: number of optimizer steps, in addition to `total_steps`.
        eval_loss: on the development examples at its end, in nats per token.
        history: losses, learning rate and gradient norm by step, counted from its beginning.
    """

    examples: int | None = None
    own_examples: int | None = None
    words: int | None = None
    candidates: int | None = None
    sentences: int | None = None
    writing_s: float | None = None
    duration_s: float | None = None
    learning_rate: float | None = None
    steps: int | None = None
    eval_loss: float | None = None
    history: list[Step] = []


class ChatInfo(Part):
    """How the base model is prompted: in training, in the comparison, and in the tuned model's own chat template.

    Attributes:
        end_of_turn: the token that ends an answer.
        thinking: "off" if the model could think before it answers; missing if it could not.
        date: the date in its prompts; missing if there is none.
        example_sha256: SHA-256 of the tokens of an example, which shows whether tokenizer or template differ.
    """

    end_of_turn: str | None = None
    thinking: str | None = None
    date: str | None = None
    example_sha256: str | None = None


class BaseModelInfo(Part):
    """The base model.

    Attributes:
        name: name in notes.
        source: "bundled", or the value in the recipe.
        identifier: id on the Hugging Face Hub, or the folder's name.
        revision: the hub's commit, if the recipe requests one.
        sha256: SHA-256 of the weights.
        parameters: number of weights.
        chat: how it is prompted.
    """

    name: str | None = None
    source: str | None = None
    identifier: str | None = None
    revision: str | None = None
    sha256: str | None = None
    parameters: int | None = None
    chat: ChatInfo = ChatInfo()


class MergeCheck(Part):
    """Logits of the merged model compared with those of base + adapter and of the base.

    Attributes:
        largest_difference_from_base_plus_adapter: before rounding to 16 bits.
        rounding_difference: mean absolute difference caused by rounding to 16 bits.
        difference_from_base: mean absolute difference from the base without the adapter.
    """

    largest_difference_from_base_plus_adapter: float | None = None
    rounding_difference: float | None = None
    difference_from_base: float | None = None


class Adopted(Part):
    """A training that was run elsewhere.

    Attributes:
        read: name of the file that it was read from.
    """

    read: str | None = None


class TrainingResults(Part):
    """The results of 02; times in seconds, sizes in bytes.

    Attributes:
        hyperparameters: the settings that ran, by the recipe's keys.
        differences_from_recipe: settings that differed from the recipe.
        precision: "bf16", "fp16" or "fp32".
        device: "cpu" or "cuda".
        processes: number of processes that trained together.
        device_reason: why this device was used.
        base_parameters: number of the base model's weights.
        trainable_parameters: number of the adapter's weights.
        duration_s: time of the training only.
        total_steps: number of optimizer steps run.
        steps_per_epoch: number of optimizer steps in which all examples are seen once.
        epochs: number of epochs run.
        tokens: number of tokens trained on, without padding.
        tokens_per_s: training speed.
        peak_memory_bytes: peak memory of the process.
        peak_gpu_memory_bytes: peak memory on the GPU; missing without one.
        history: losses, learning rate and gradient norm by step.
        train_loss: how the training loss changed.
        eval_loss: how the evaluation loss changed.
        best: the evaluation whose adapter was kept.
        dev_answers: answers to development prompts; only with `keep_best_by: joint_success`.
        self_training: how training went on afterwards; only with `self_training_examples` in the recipe.
        resumed_from_step: step of the checkpoint from which an interrupted training resumed.
        trainer_arguments: all arguments of the trainer, including defaults, without folders.
        adapter: the adapter's folder.
        merged_model: the merged model's folder.
        base_model: the base model.
        merge_check: how the merged model was checked.
        adopted: present only if the training was run elsewhere.
    """

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
    dev_answers: DevAnswers = DevAnswers()
    self_training: SelfTraining = SelfTraining()
    resumed_from_step: int | None = None
    trainer_arguments: dict[str, Any] = {}
    adapter: Files = Files()
    merged_model: Files = Files()
    base_model: BaseModelInfo = BaseModelInfo()
    merge_check: MergeCheck = MergeCheck()
    adopted: Adopted = Adopted()


# The comparison record, written by 03


class Likelihood(Part):
    """Loss in nats per token over all examples.

    Attributes:
        loss: mean in nats per token.
        perplexity: exp(loss).
        bits_per_character: comparable between models with different tokens.
    """

    loss: float | None = None
    perplexity: float | None = None
    bits_per_character: float | None = None


class LikelihoodComparison(Part):
    """Base against tuned on the same text.

    Attributes:
        base: likelihood under the base model.
        tuned: likelihood under the tuned model.
        loss_reduction_pct: in per cent of the base's loss.
        perplexity_reduction_pct: in per cent of the base's perplexity.
        difference: tuned minus base loss, with its interval over examples.
    """

    base: Likelihood = Likelihood()
    tuned: Likelihood = Likelihood()
    loss_reduction_pct: float | None = None
    perplexity_reduction_pct: float | None = None
    difference: Interval = Interval()


class TextCounts(Part):
    """A count for completions and for full texts.

    Attributes:
        completion: in the answers only.
        full_text: in prompts and answers.
    """

    completion: int | None = None
    full_text: int | None = None


class Agreement(Part):
    """The comparison's loss of the tuned model against the trainer's.

    Attributes:
        training_best_eval_loss: the trainer's lowest evaluation loss or, after self-training, the one at its end.
        comparison_tuned_loss: the comparison's loss on the same examples, the development ones.
        comparison_bits_per_character: of the tuned model on these examples; compares models with different tokens.
        relative_difference: the difference as a share of the trainer's loss.
    """

    training_best_eval_loss: float | None = None
    comparison_tuned_loss: float | None = None
    comparison_bits_per_character: float | None = None
    relative_difference: float | None = None


class Memorisation(Interval):
    """How much more tuning helps on training examples than on held-out ones.

    Attributes:
        examples: number of training examples that were scored, as many as held-out ones.
        base: loss of the base model on training examples.
        tuned: loss of the tuned model on training examples.
    """

    examples: int | None = None
    base: float | None = None
    tuned: float | None = None


class Answer(Part):
    """A prompt with the answers of base and tuned model and the bank's own sentences.

    Attributes:
        words: the requested words.
        prompt: the prompt that the model got.
        reference: the bank's sentences.
        base: the base model's answer.
        base_one_word: its answers to one word at a time after four examples; only for prompts that are measured.
        tuned: the tuned model's answer.
    """

    words: list[str] = []
    prompt: str | None = None
    reference: str | None = None
    base: str | None = None
    base_one_word: str | None = None
    tuned: str | None = None


class Metric(Part):
    """A metric of one system, with its interval if it has one.

    Attributes:
        value: the observed value.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None


class ShownSlot(Part):
    """A requested word, the tuned model's sentence for it, and the gates that the sentence failed.

    Attributes:
        prompt: number of the prompt, from 1.
        slot: number within the prompt, from 1.
        word: the requested word.
        sentence: the tuned model's sentence; missing if there is no valid one.
        score: its level on the scale of the level scorer, as the bank teaches it.
        human_level: its level on the human scale, as people label it.
        failed: names of the gates that it failed.
    """

    prompt: int | None = None
    slot: int | None = None
    word: str | None = None
    sentence: str | None = None
    score: float | None = None
    human_level: float | None = None
    failed: list[str] = []


class ScorerQuality(Part):
    """How well a level scorer predicts the level of sentences that it was not trained on.

    Attributes:
        qwk: Cohen's kappa with quadratic weights.
        accuracy: share of sentences with the right level.
        within_one: share of sentences at most one level off.
        rmse: root mean square error of the scores, in levels.
    """

    qwk: float | None = None
    accuracy: float | None = None
    within_one: float | None = None
    rmse: float | None = None


class LevelScorerReport(Part):
    """The level scorer of a comparison, cross-validated; rows of `confusion` are the labels.

    Attributes:
        levels: the levels of the bank, in order.
        sentences: number of sentences it was trained and tested with.
        folds: number of folds of the cross-validation.
        groups: number of groups of words that are never divided between folds.
        confusion: sentences by level; columns are the predictions.
        full: with all features.
        length_free: without features that depend on a sentence's length.
        length_only: with only the length.
    """

    levels: list[str] = []
    sentences: int | None = None
    folds: int | None = None
    groups: int | None = None
    confusion: list[list[int]] = []
    full: ScorerQuality = ScorerQuality()
    length_free: ScorerQuality = ScorerQuality()
    length_only: ScorerQuality = ScorerQuality()


class Opening(Part):
    """How most sentences of a row begin, and how many of the bank's sentences for the same words do.

    Attributes:
        words: the first word, or the first two if a third of the sentences share both.
        sentences: number of sentences that begin so.
        of: number of valid sentences of the row.
        bank: number of the bank's sentences for the same slots that begin so.
        share: share of the row's sentences that begin so, with its interval over prompts.
    """

    words: str | None = None
    sentences: int | None = None
    of: int | None = None
    bank: int | None = None
    share: Metric = Metric()


class GateQuality(Part):
    """How the grammar gate judged sentences of the bundled bank at the time of the record (tools/measure_gates.py).

    Attributes:
        right: share of right sentences that pass.
        mistakes: share of sentences with a mistake made by rule that are stopped.
        shuffled: share of sentences with shuffled words that are stopped.
    """

    right: float | None = None
    mistakes: float | None = None
    shuffled: float | None = None


class Generation(Part):
    """The measured answers of all systems.

    Attributes:
        measure_version: version of the gates, see MEASURE_VERSION; records without it are of version 1.
        gate_quality: how the grammar gate judges right and wrong sentences.
        prompts: number of prompts that were measured.
        slots: number of requested words, over all prompts.
        words: number of different words among them.
        decoding: "greedy".
        samples: number of further answers per prompt that were sampled.
        temperature: temperature of the sampled answers.
        max_new_tokens: maximum number of tokens of an answer.
        measures: system -> name of the metric -> value.
        differences: name of the rate -> tuned minus base, over prompts.
        strongest_untuned: the base's greedy row with the highest Joint Success, with which the verdict compares.
        differences_from_strongest: name of the rate -> tuned minus that row, over prompts.
        openings: system -> how most of its sentences begin.
        sentences_compared: number of sentences of each system on which diversity is measured.
        slots_shown: the tuned model's first slots, as shown in the note.
        scores: system -> levels of its valid sentences on the scorer's scale.
        human_scores: system -> levels of its valid sentences on the human scale.
        scorer: the level scorer; missing if none could be trained.
        file: the table with all slots, beside the record.
    """

    measure_version: int = 1
    gate_quality: GateQuality = GateQuality()
    prompts: int | None = None
    slots: int | None = None
    words: int | None = None
    decoding: str | None = None
    samples: int | None = None
    temperature: float | None = None
    max_new_tokens: int | None = None
    measures: dict[str, dict[str, Metric]] = {}
    differences: dict[str, Interval] = {}
    strongest_untuned: str | None = None
    differences_from_strongest: dict[str, Interval] = {}
    openings: dict[str, Opening] = {}
    sentences_compared: int | None = None
    slots_shown: list[ShownSlot] = []
    scores: dict[str, list[float]] = {}
    human_scores: dict[str, list[float]] = {}
    scorer: LevelScorerReport = LevelScorerReport()
    file: str | None = None

    def metric(self, system: str, name: str) -> Metric:
        """Return a system's metric; empty if it was not measured."""
        return self.measures.get(system, {}).get(name, Metric())

    def value(self, system: str, name: str) -> float | None:
        """Return a system's metric without its interval."""
        return self.metric(system, name).value


class ComparisonResults(Part):
    """The results of 03.

    Attributes:
        completion: likelihood of the answers only.
        full_text: likelihood of prompts and answers.
        examples: number of test examples that were scored.
        tokens: number of tokens that were scored.
        characters: number of characters that were scored.
        agreement: whether training and comparison measure the same.
        memorisation: how much of the gain is memory.
        answers: some prompts with their answers.
        base_results_reused: results of the base, and judgements of sentences, that an earlier comparison had computed.
        generation: measures of the model's own sentences.
    """

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

    Attributes:
        schema_version: version of the schema that the file follows; there it is called `schema`.
        level: CEFR level.
        created: time in UTC, by ISO 8601; a stage that gives the same result again does not change its record.
        commit: the project's commit; it ends in "+changes" if code, notebooks' cells or recipes differed from it.
        versions: Python and library -> version.
        hardware: the machine.
        seed: seed of everything that is drawn at random.
        recipe: all its keys, and its `name`.
        inputs: file that the stage read -> its SHA-256.
        results: the stage's results.
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
