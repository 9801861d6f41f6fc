"""Models that this suite tuned: known by the names of what was trained and exported here, asked as they were taught."""

from collections.abc import Sequence
from pathlib import PureWindowsPath

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import EXPORT_RECORD
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.data import formatting
from cefr_helpers.models import prompts

AUTO, TUNED, PLAIN = "auto", "tuned", "plain"  # the ways to ask; the first is to find out which
WORDS_AT_A_TIME = formatting.WORDS_PER_EXAMPLE


def known_names(workspace: Workspace) -> dict[str, str]:
    """Name of a model -> its level: merged models, adapters and exports of this workspace, as servers may call them."""
    found: dict[str, str] = {}
    for level in LEVELS:
        try:
            training = records.read_if_there(workspace, level, "training")
        except InputError:
            continue  # a broken record says nothing of a server
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
    """The level that a server's model was tuned for; None where it is none of the known ones.

    Args:
        model: the server's name for it, which may be a path, and may end in a tag such as ":latest".
        known: from `known_names`.
    """
    name = PureWindowsPath(model).name
    return known.get(name) or known.get(name.partition(":")[0])


def prompt(level: str, words: Sequence[str]) -> str:
    """What a tuned model is asked, as in its training."""
    return prompts.prompt_text(formatting.make_prompt(level, words))
