"""What was exported of a merged model, by the record that lies beside each GGUF file."""

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import LevelRecords, find

RECORD = "export.json"
_KEYS = {"merged_model", "quantisation", "file", "bytes", "sha256"}


def identity(held: LevelRecords) -> dict:
    """What tells one merged model from another: its name and the digests of its files."""
    return {key: find(held.training, f"results.merged_model.{key}") for key in ("name", "files")}


def found(workspace: Workspace, held: LevelRecords) -> list[dict]:
    """The records of the exports of the level's merged model that are there, by name of file.

    What else lies in the folder is passed over: it is no reason for a model card to fail.
    """
    there = []
    for path in workspace.exports().glob(f"*/{RECORD}"):
        try:
            record = files.read(path, "expected the record of an export")
        except InputError:
            continue
        if isinstance(record, dict) and record.keys() >= _KEYS and record["merged_model"] == identity(held):
            there += [record] if (path.parent / record["file"]).is_file() else []
    return sorted(there, key=lambda record: record["file"])
