"""Switch between adapters on a base model that is loaded once; with no adapter it is the base."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.paths import resolve
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.core.schema import TrainingRecord
from cefr_helpers.models import base_model, chat_template, generation, model_files, quiet

# as its products are computed in training; in 32 bits PEFT would cast input and output of each layer for each token
_IN_THE_BASES_PRECISION = {"autocast_adapter_dtype": False}


class AdapterSwitcher:
    """One base model in memory, with the adapters requested so far.

    Attributes:
        loads: how often a base was loaded; more than once only if levels were trained on different bases.
    """

    def __init__(self):
        self.loads = 0
        self._held: tuple[base_model.BaseModel, str] | None = None
        self._model: Any = None
        self._tokenizer: Any = None

    def use(self, settings: Recipe, training: TrainingRecord | None) -> str | None:
        """Load the base and, if there is one, the adapter.

        Args:
            settings: the recipe, which names the base model.
            training: the level's training record; None before any training.

        Returns:
            Why only the base answers; None if the tuned model answers too.

        Raises:
            InputError: the base model cannot be loaded.
        """
        base = base_model.resolve(settings.base_model, settings.base_model_revision)
        if training is None:
            self._load(base, self._precision(base, settings))
            return "no adapter has been trained yet; run 01_data_formatting and 02_training, or `make run`"
        path = training.results.adapter.path
        try:
            if path is None:
                raise InputError("the training record names no adapter; run 02_training")
            adapter = resolve(path)
            check_adapter(base, training, adapter)
        except InputError as problem:
            self._load(base, self._precision(base, settings))
            return str(problem)
        self._load(base, required(training.results.precision))
        self.switch_on(adapter)
        return None

    def answer(self, example: dict, tuned: bool, max_new_tokens: int, temperature: float = 0.0, seed: int = 0) -> str:
        """Return the answer of base or tuned model; call `use` first.

        Args:
            example: instruction and input.
            temperature: 0 for greedy decoding.
            seed: the seed of sampling, if the temperature is above 0.
        """
        with nullcontext() if tuned else self.base_alone():
            how: dict[str, Any] = {"sample_seed": seed, "temperature": temperature} if temperature else {}
            return generation.answer(self._model, self._tokenizer, [example], max_new_tokens, **how)[0]

    def _load(self, base: base_model.BaseModel, precision: str) -> None:
        if self._held != (base, precision):
            self._held = self._model = None  # two at a time might not fit
            self._model = base_model.load_model(base, precision)
            self._tokenizer = base_model.load_tokenizer(base)
            self._held = (base, precision)
            self.loads += 1

    @property
    def model(self):
        """The model in memory, with its adapter on if there is one."""
        return self._model

    @property
    def tokenizer(self):
        """The tokenizer of that model."""
        return self._tokenizer

    def base_alone(self):
        """Return a context in which the model is the base, without an adapter."""
        return self._model.disable_adapter() if hasattr(self._model, "disable_adapter") else nullcontext()

    def switch_on(self, adapter: Path) -> None:
        """Load an adapter's folder onto the base in memory and switch it on; the last one is used."""
        from peft import PeftModel

        try:
            if not isinstance(self._model, PeftModel):
                self._model = PeftModel.from_pretrained(
                    self._model, adapter, adapter_name=adapter.name, **_IN_THE_BASES_PRECISION
                )
            elif adapter.name not in self._model.peft_config:
                self._model.load_adapter(adapter, adapter_name=adapter.name, **_IN_THE_BASES_PRECISION)
            self._model.set_adapter(adapter.name)
        except BaseException:
            self._held = None  # if interrupted, it may have half an adapter, so the next use loads again
            raise
        self._model.eval()

    def _precision(self, base: base_model.BaseModel, settings: Recipe) -> str:
        """Return the precision for the base: as it is in memory already, or else as the recipe says."""
        import torch

        if self._held and self._held[0] == base:
            return self._held[1]
        if settings.precision != "auto":
            return settings.precision
        # a GPU before Ampere emulates bf16, many times slower, and PyTorch counts that as support unless told not to
        native = not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16" if native else "fp16"


def load(base: base_model.BaseModel, training: TrainingRecord, adapter: Path):
    """Load the tuned model of a training record in the precision it was trained in, and its tokenizer.

    Raises:
        InputError: see `check_adapter`, or the base's tokenizer or chat template has changed.
    """
    quiet.libraries()
    from peft import PeftModel

    check_adapter(base, training, adapter)
    tokenizer = base_model.load_tokenizer(base)
    taught = training.results.base_model.chat.example_sha256
    if taught not in (None, chat_template.describe(tokenizer)["example_sha256"]):
        raise InputError(
            f"base_model: {base.source!r} has another tokenizer or chat template than {adapter.name} was trained with: "
            "its prompts would differ from those it was trained on; run 02_training again"
        )
    model = base_model.load_model(base, required(training.results.precision))
    return PeftModel.from_pretrained(model, adapter, **_IN_THE_BASES_PRECISION).eval(), tokenizer


def check_adapter(base: base_model.BaseModel, training: TrainingRecord, adapter: Path) -> None:
    """Refuse an adapter that does not fit this base model.

    Raises:
        InputError: the adapter is gone, or was trained on another base model than the one given.
    """
    trained_on = training.results.base_model.sha256
    if trained_on is None:
        raise InputError(
            f"{adapter}: the run was adopted and does not say what base it was trained on; run 02_training"
        )
    if base.sha256 != trained_on:
        raise InputError(
            f"base_model: {base.source!r} has other weights than the base that {adapter.name} was trained on "
            f"(sha256 {base.sha256[:12]} instead of {trained_on[:12]}); run 02_training again"
        )
    if not (adapter / model_files.ADAPTER_WEIGHTS).is_file():
        raise InputError(f"{adapter}: the adapter of the training record is gone; run 02_training again")
    model_files.check_weights(adapter / model_files.ADAPTER_WEIGHTS)
