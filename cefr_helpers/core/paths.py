"""The folders and file names of the project and of its runs, in one place."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown


class Stage(StrEnum):
    """A stage of the pipeline; its value is the name of its notebook."""

    FORMAT = "01_data_formatting"
    TRAIN = "02_training"
    COMPARE = "03_baseline_comparison"
    PLOT = "04_plotting"
    REPORT = "05_final_report"
    EXPERIMENT = "06_experiment_report"

    @property
    def record(self) -> str | None:
        """The name of the record that it writes; None if it only writes notes."""
        return {Stage.FORMAT: "dataset", Stage.TRAIN: "training", Stage.COMPARE: "comparison"}.get(self)

    @property
    def rule(self) -> str:
        """The name of its rules in the Snakefile; the rules of a level end with the level and the run."""
        return self.name.lower()

    @property
    def on_gpu(self) -> bool:
        """Whether it computes on a GPU, if there is one."""
        return self in (Stage.TRAIN, Stage.COMPARE)

    @property
    def computes(self) -> bool:
        """Whether it computes results; the other stages show them."""
        return self.record is not None

    @classmethod
    def of_record(cls, name: str) -> "Stage":
        """Return the stage that writes a record."""
        return next(stage for stage in cls if stage.record == name)


# The stages of a level, in order.
STAGES = (Stage.FORMAT, Stage.TRAIN, Stage.COMPARE, Stage.PLOT)
PLOT_FILES = {
    "training_loss": "1_training_loss.png",
    "eval_loss": "2_eval_loss.png",
    "combined_loss": "3_combined_loss.png",
    "learning_rate": "4_learning_rate.png",
    "gradient_norm": "5_gradient_norm.png",
}
# drawn with the note, if answers were measured
ANSWER_PLOT_FILES = {"answer_measures": "6_answer_measures.png", "level_scores": "7_level_scores.png"}


def project_root() -> Path:
    """Return the project folder, which holds this package beside recipes/ and notebooks/.

    Raises:
        InputError: the package was installed elsewhere, as a copy.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "Snakefile").is_file():
        raise InputError(f"{folder}: no Snakefile beside the package; install it from its clone: `pip install -e .`")
    return folder


def resolve(path: str | Path) -> Path:
    """Return an absolute path; a relative one starts at the project folder, wherever a notebook was opened.

    Raises:
        InputError: no file system accepts it: it is not text, blank, has control characters, is too long, or is in the
            home of a user that does not exist.
    """
    check_path(path)
    path = Path(path).expanduser()
    return path if path.is_absolute() else (project_root() / path).resolve()


def check_path(path: str | Path) -> None:
    """Raise InputError for a path that `resolve` refuses."""
    if problem := path_problem(path):
        raise InputError(f"{shown(str(path))}: {problem}; expected a path")


def path_problem(path: object) -> str | None:
    """Say why no file system accepts `path`, or return None."""
    if not isinstance(path, (str, Path)) or not str(path).strip():
        return "not the name of a file or folder"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
        return "contains control characters, or is not UTF-8"
    try:
        Path(path).expanduser().exists()
    except (OSError, RuntimeError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


@dataclass(frozen=True)
class Workspace:
    """The folders of one set of runs; all methods return absolute paths and create nothing."""

    output_root: Path
    user_data: Path

    @classmethod
    def at(cls, output_root: str | Path, user_data: str | Path) -> "Workspace":
        """Return the workspace for the notebooks' parameters; relative paths start at the project folder."""
        return cls(resolve(output_root), resolve(user_data))

    def formatted_file(self, level: str, split: str) -> Path:
        """The formatted examples of a level; `split` is "train", "dev" or "eval" (test)."""
        folder = self.output_root / "formatted_data" / level
        return folder / f"training_data_{level.lower()}_list_format_{split}.json"

    def run(self, level: str) -> Path:
        """Executed notebooks, records, checkpoints and logs of a level."""
        return self.output_root / "runs" / level

    def record(self, level: str, name: str) -> Path:
        """A record; `name` is that of a stage's record, "dataset", "training" or "comparison", or "ratings"."""
        return self.run(level) / f"{name}.json"

    def plots(self, level: str) -> Path:
        return self.output_root / "training_plots" / level

    def notes(self) -> Path:
        return self.output_root / "Notes"

    def note(self, level: str) -> Path:
        return self.notes() / f"{level}_FINE_TUNING_RESULTS.md"

    def final_report(self) -> Path:
        return self.notes() / "FINAL_REPORT.md"

    def site(self) -> Path:
        """The static pages of the results."""
        return self.output_root / "site"

    def rating(self, level: str) -> Path:
        """The page on which readers judge a level's sentences, and its key."""
        return self.output_root / "rating" / level

    def rating_page(self, level: str) -> Path:
        return self.rating(level) / f"rate_{level}.html"

    def rating_key(self, level: str) -> Path:
        """The file that says who wrote each sentence of the page; readers must not get it."""
        return self.rating(level) / "key.json"

    def experiment(self, name: str) -> Path:
        """The folder of an experiment, with its plan and an output folder for each run."""
        return self.output_root / "experiments" / name

    def experiment_plan(self, name: str) -> Path:
        return self.experiment(name) / "experiment.json"

    def experiment_note(self, name: str) -> Path:
        return self.notes() / f"experiment_{name}.md"

    def favourites(self, level: str) -> Path:
        """The sentence bank of the sentences chosen in the playground."""
        return self.user_data / "favourites" / f"{level}.json"

    def made_bank(self, level: str) -> Path:
        """The sentence bank that a model wrote, unless another path was given."""
        return self.user_data / "banks" / f"{level}.json"

    def written(self, word_list: str, level: str) -> Path:
        """The folder of the sentences written for a word list, unless another one was given."""
        return self.output_root / "sentences" / f"{word_list}_{level}"

    def adapters(self) -> Path:
        """The folder of adapters: text-generation-webui lists every entry as an adapter, so put nothing else there."""
        return self.user_data / "loras"

    def merged_models(self) -> Path:
        return self.user_data / "models"

    def exports(self) -> Path:
        """The folder of GGUF files, each in its own folder; a .gguf among models/ would change the loader there."""
        return self.user_data / "gguf"
