"""The records of one level, read together, and values that depend on several of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cefr_helpers.core import files, ratings, records
from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.core.paths import ANSWER_PLOT_FILES, Workspace
from cefr_helpers.core.ratings import RatingsRecord
from cefr_helpers.core.recipes import EVAL_LOSS, JOINT_SUCCESS
from cefr_helpers.core.schema import (
    MEASURES,
    BestStep,
    ComparisonRecord,
    DatasetRecord,
    Generation,
    Step,
    TrainingRecord,
)

EXPORT_RECORD = "export.json"
_EXPORT_KEYS = {"merged_model", "quantisation", "file", "bytes", "sha256"}


@dataclass(frozen=True)
class LevelRecords:
    """The records of a level's three stages and of its readers; a missing record is empty, and so false."""

    level: str
    dataset: DatasetRecord = field(default_factory=DatasetRecord)
    training: TrainingRecord = field(default_factory=TrainingRecord)
    comparison: ComparisonRecord = field(default_factory=ComparisonRecord)
    ratings: RatingsRecord = field(default_factory=RatingsRecord)

    @property
    def is_done(self) -> bool:
        """Whether the level was trained."""
        return bool(self.training)

    @property
    def adopted(self) -> bool:
        """Whether the training was run elsewhere and imported by `cefr adopt`."""
        return bool(self.training.results.adopted)

    @property
    def model_name(self) -> str | None:
        """The base model, as the training record names it."""
        return self.training.results.base_model.name or self.training.recipe.get("base_model")

    @property
    def generation(self) -> Generation:
        """The measures of the answers."""
        return self.comparison.results.generation

    @property
    def best(self) -> BestStep:
        """The best evaluation: the recorded one, or else the lowest of the history; empty if there is none."""
        recorded, lowest = self.training.results.best, self.lowest
        if recorded.eval_loss is not None or lowest.eval_loss is None:
            return recorded
        return BestStep(step=lowest.step, epoch=lowest.epoch, eval_loss=lowest.eval_loss)

    @property
    def lowest(self) -> Step:
        """The evaluation with the lowest loss, which is the best one unless that was chosen by Joint Success."""
        return min(self.history("eval_loss"), key=lambda entry: required(entry.eval_loss), default=Step())

    @property
    def kept_by(self) -> str:
        """The measure that chose the checkpoint: "eval_loss" or "joint_success"."""
        return JOINT_SUCCESS if self.best.joint_success is not None else EVAL_LOSS

    @property
    def above_floor(self) -> float | None:
        """The best evaluation loss minus the memoriser's floor of the same measure and examples, in nats per token."""
        lowest, ground = self.best.eval_loss, self.training_floor(self.loss_measure("eval_loss"))
        return None if lowest is None or ground is None else lowest - ground

    def history(self, key: str) -> list[Step]:
        """Return the entries of the training history that have a value for `key`, in step order."""
        known = [entry for entry in self.training.results.history if getattr(entry, key) is not None]
        return sorted((entry for entry in known if entry.step is not None), key=lambda entry: entry.step or 0)

    def loss_measure(self, key: str) -> str | None:
        """Return what a loss of the history was computed on: "completion", "full_text", or None if that is unknown.

        Our own evaluations always score the completion, whatever the training loss uses; those of an adopted run are
        the trainer's, on the same part as its training loss.

        Args:
            key: "train_loss" or "eval_loss".
        """
        if key == "eval_loss" and not self.adopted:
            return "completion"
        measure = self.training.results.hyperparameters.get("loss_on")
        return measure if measure in MEASURES else None

    @property
    def evaluated_on(self) -> str | None:
        """The examples that the trainer evaluated and by which the checkpoint was chosen: "dev", with words that are
        not reported; "test", the reported examples, as in older records; or None if it is not known."""
        if self.adopted or not self.dataset:
            return None
        return "dev" if self.dataset.results.dev_examples else "test"

    def floor(self, measure: str | None) -> float | None:
        """Return the memoriser's floor of the test examples, in nats per token, on "completion" or "full_text"."""
        return getattr(self.dataset.results.memoriser_floor, measure).nats_per_token if measure else None

    def training_floor(self, measure: str | None) -> float | None:
        """Return the floor to compare the trainer's losses with: that of the development examples, if there are any."""
        if self.evaluated_on != "dev":
            return self.floor(measure)
        return getattr(self.dataset.results.dev_memoriser_floor, measure).nats_per_token if measure else None

    @property
    def merged_identity(self) -> dict:
        """The name of the merged model and the digests of its files, which identify it."""
        merged = self.training.results.merged_model
        return {"name": merged.name, "files": merged.files}


def read_level(workspace: Workspace, level: str) -> LevelRecords:
    """Read the records of `level`.

    Raises:
        InputError: the level is unknown or a record is broken.
    """
    check_level(level)
    return LevelRecords(
        level,
        records.read_if_there(workspace, level, "dataset") or DatasetRecord(),
        records.read_if_there(workspace, level, "training") or TrainingRecord(),
        records.read_if_there(workspace, level, "comparison") or ComparisonRecord(),
        ratings.read_if_there(workspace, level) or RatingsRecord(),
    )


def read_trained(workspace: Workspace, level: str) -> LevelRecords:
    """Read the records of a level that was trained.

    Raises:
        InputError: the level is unknown, has no training record, or a record is broken.
    """
    records.read(workspace, check_level(level), "training")
    return read_level(workspace, level)


def read_levels(workspace: Workspace, levels: Iterable[str] = LEVELS) -> dict[str, LevelRecords]:
    """Return level -> its records, in the order of LEVELS; a level that has not been run has empty ones."""
    wanted = {check_level(level) for level in levels}
    return {level: read_level(workspace, level) for level in LEVELS if level in wanted}


def gguf_exports(workspace: Workspace, of: LevelRecords) -> list[dict]:
    """Return the export records of the level's merged model, sorted by file name.

    Anything else in the folder is ignored, so that it cannot make a model card fail.
    """
    there = []
    for path in workspace.exports().glob(f"*/{EXPORT_RECORD}"):
        try:
            record = files.read_json(path, "expected the record of an export")
        except InputError:
            continue
        if isinstance(record, dict) and record.keys() >= _EXPORT_KEYS and record["merged_model"] == of.merged_identity:
            there += [record] if (path.parent / record["file"]).is_file() else []
    return sorted(there, key=lambda record: record["file"])


def figure_files(generation: Generation) -> dict[str, str]:
    """Return the figures of a level's answers; without the figure of levels if no sentence has a level."""
    scored = any([*generation.scores.values(), *generation.human_scores.values()])
    return {name: file for name, file in ANSWER_PLOT_FILES.items() if scored or name != "level_scores"}


def changed_since(workspace: Workspace, level: str) -> str | None:
    """Return the name of a file that changed since a level's note and records were made from it; None if none did.

    A missing file does not count as changed: a finished run may be kept without its bank or its examples.
    """
    note = workspace.note(level)
    found = {name: records.read_if_there(workspace, level, name) for name in records.NAMES}
    for name, record in found.items():
        if note.is_file() and records.created_s(record) > note.stat().st_mtime:
            return workspace.record(level, name).name
    made_of = [record.inputs for record in found.values() if record]
    changed = (path.name for digests in made_of for path, there in records.changed_files(digests) if there)
    return next(changed, None)
