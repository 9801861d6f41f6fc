"""Recognise models that this suite tuned, by their names, and build their training prompt."""

from collections.abc import Sequence
from pathlib import PureWindowsPath

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import EXPORT_RECORD
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.data import formatting
from cefr_helpers.models import prompts

AUTO, TUNED, PLAIN = "auto", "tuned", "plain"  # kinds of prompt; "auto" chooses by the model's name
WORDS_AT_A_TIME = formatting.WORDS_PER_EXAMPLE


def known_names(workspace: Workspace) -> dict[str, str]:
    """Return name of a model -> its level, for merged models, adapters and exports of this workspace."""
    found: dict[str, str] = {}
    for level in LEVELS:
        try:
            training = records.read_if_there(workspace, level, "training")
        except InputError:
            continue  # ignore a broken record here
        if training and not training.results.adopted:
            names = (training.results.merged_model.name, training.results.adapter.name)
            found |= {name: level for name in names if name}
    for path in workspace.exports().glob(f"*/{EXPORT_RECORD}"):
        try:
            record = files.read_json(path, "expected the record of an export")
        except InputError:
            continue
        if isinstance(record, dict) and record.get("level") in LEVELS:
            file = str(record.get("file"))
            found |= dict.fromkeys((path.parent.name, file, file.removesuffix(".gguf")), str(record["level"]))
    return {name: level for name, level in found.items() if name}


def level_of(model: str, known: dict[str, str]) -> str | None:
    """Return the level that a server's model was tuned for; None if it is not a known model.

    Args:
        model: the server's name for it, which may be a path, and may end in a tag such as ":latest".
        known: from `known_names`.
    """
    name = PureWindowsPath(model).name
    return known.get(name) or known.get(name.partition(":")[0])


def prompt(level: str, words: Sequence[str]) -> str:
    """Return the training prompt of a tuned model."""
    return prompts.prompt_text(formatting.make_prompt(level, words))
