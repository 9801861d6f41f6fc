"""Load the model that writes: a level's newest adapter, a given folder or hub id, or the base."""

from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError, required, shown
from cefr_helpers.core.paths import Workspace, resolve
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.models import base_model, model_files
from cefr_helpers.models.adapters import AdapterSwitcher


@dataclass(frozen=True)
class Writer:
    """A model in memory.

    Attributes:
        models: the switcher that holds it.
        name: name for people.
        identity: identifies its weights among all models.
        remark: what people should know about the choice, such as that the base writes; may be empty.
    """

    models: AdapterSwitcher
    name: str
    identity: str
    remark: str


def check(model: str | None) -> None:
    """Refuse an invalid model before anything is loaded.

    Raises:
        InputError: it is neither a folder with a model or an adapter nor a hub id.
    """
    if model is None or _adapter(model):
        return
    try:
        base_model.local_folder(model)
    except InputError as problem:
        raise InputError(str(problem).replace("base_model:", "model:", 1)) from None


def load(model: str | None, level: str, workspace: Workspace, recipe: Recipe) -> Writer:
    """Load the writer.

    Args:
        model: an adapter's folder, a merged model's, or a hub id; None for the adapter of the level's training record.
        recipe: names the base model of a level that was not trained yet.

    Raises:
        InputError: the model, or an adapter's base, can't be loaded.
    """
    models = AdapterSwitcher()
    if model is None:
        return _of_level(models, level, workspace, recipe)
    if folder := _adapter(model):
        return _with_adapter(models, folder, recipe)
    models.use(_on(recipe, model), None)
    base = base_model.resolve(model)
    return Writer(models, base.name, base.sha256, "")


def _of_level(models: AdapterSwitcher, level: str, workspace: Workspace, recipe: Recipe) -> Writer:
    training = records.read_if_there(workspace, level, "training")
    base = training.results.base_model if training else None
    if base is not None and base.source:
        recipe = recipe.model_copy(update={"base_model": base.source, "base_model_revision": base.revision})
    alone = models.use(recipe, training)
    if training is not None and alone is None:
        adapter = resolve(required(training.results.adapter.path))
        return Writer(models, adapter.name, files.sha256(adapter / model_files.ADAPTER_WEIGHTS), "")
    found = base_model.resolve(recipe.base_model, recipe.base_model_revision)
    remark = f"The base model writes, which was not tuned for {level}: {alone}."
    return Writer(models, found.name, found.sha256, remark)


def _with_adapter(models: AdapterSwitcher, folder: Path, recipe: Recipe) -> Writer:
    configuration = files.read_json(folder / "adapter_config.json", "expected an adapter's configuration")
    named = configuration.get("base_model_name_or_path") if isinstance(configuration, dict) else None
    if not isinstance(named, str) or not named:
        raise InputError(f"{folder / 'adapter_config.json'}: names no base model; expected base_model_name_or_path")
    model_files.check_weights(folder / model_files.ADAPTER_WEIGHTS)
    models.use(_on(recipe, "bundled" if named == base_model.BUNDLED_ID else named), None)
    try:
        models.switch_on(folder)
    except (RuntimeError, ValueError, KeyError, TypeError) as problem:
        raise InputError(f"{folder}: no adapter for {named} ({shown(str(problem))})") from None
    return Writer(models, folder.name, files.sha256(folder / model_files.ADAPTER_WEIGHTS), "")


def _on(recipe: Recipe, base: str) -> Recipe:
    return recipe.model_copy(update={"base_model": base, "base_model_revision": None})


def _adapter(model: str) -> Path | None:
    """Return the folder of an adapter, if the model is one."""
    folder = resolve(model)
    return folder if (folder / "adapter_config.json").is_file() else None
