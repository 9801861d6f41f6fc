"""Run stage 03 twice as the batch does: after a first training, and after another one on the same data and base."""

import os
from pathlib import Path

import yaml

from benchmarks.peers import common
from benchmarks.programs import run_notebooks
from cefr_helpers.core import recipes, records
from cefr_helpers.core.paths import Stage
from cefr_helpers.models import base_model
from cefr_helpers.pipeline.configuration import RunConfig

KINDS = {
    "loading": run_notebooks.LOADING,
    "losses": ("comparison.score(", "comparison.agreement("),
    "answers": ("comparison.answers(", "baselines.sampled_answers("),
    "measures": ("level_scorers.train(", "summary.measure("),
}
FIRST, SECOND = "first", "second"
# A key that changes the training and nothing of the data or the base; its value does not change what an answer costs.
_CHANGED, _FACTOR = "learning_rate", 0.8


def main(spec: dict) -> None:
    folder = Path(spec["folder"])
    _empty_cache(folder / "cache")
    found, reused = {}, {}
    for name, recipe in ((FIRST, spec["recipe"]), (SECOND, str(_other_recipe(spec["recipe"], folder)))):
        settings = run_notebooks.settings_of(spec, recipe)
        for stage in (Stage.FORMAT, Stage.TRAIN) if name == FIRST else (Stage.TRAIN,):
            run_notebooks.timed(stage, spec["level"], settings)
        found[name] = run_notebooks.timed(Stage.COMPARE, spec["level"], settings, KINDS)
        reused[name] = _reused(settings, spec["level"])
    check(reused)
    common.write(spec, ["torch", "transformers", "peft", "papermill"], stages=found, reused=sorted(reused[SECOND]))


def check(reused: dict[str, set[str]]) -> None:
    """Refuse runs of which the first found results of the base, or the second did not find all kinds of them.

    Judgements of sentences may be reused in the first: two of its rows can have the same sentences.
    """
    base = {"likelihood", "answers", "answers_with_examples", "answers_one_word"}
    if base & reused[FIRST] or not base | {"fluency", "gaps"} <= reused[SECOND]:
        raise RuntimeError(
            f"the two runs reused {reused}; expected nothing of the base in the first, all in the second"
        )


def _empty_cache(folder: Path) -> None:
    """Let this process and its stages use a cache that has the converted model and no result of the base."""
    models = base_model.cache_folder() / "base_models"
    os.environ["XDG_CACHE_HOME"] = str(folder)
    own = base_model.cache_folder() / "base_models"
    own.parent.mkdir(parents=True)
    own.symlink_to(models)


def _other_recipe(recipe: str, folder: Path) -> Path:
    values = recipes.load_recipe(recipe).model_dump(mode="json")
    path = folder / "another_training.yaml"
    path.write_text(yaml.safe_dump(values | {_CHANGED: values[_CHANGED] * _FACTOR}), encoding="utf-8")
    return path


def _reused(settings: RunConfig, level: str) -> set[str]:
    return set(records.read(settings.workspace, level, "comparison").results.base_results_reused)


if __name__ == "__main__":
    main(common.specification())
