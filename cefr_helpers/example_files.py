"""Writing and reading the formatted examples, apart from the making of them: later stages need no more."""

import json
from collections.abc import Iterable
from pathlib import Path

from cefr_helpers import json_files, records
from cefr_helpers.errors import InputError


def write(path: Path, examples: Iterable[dict]) -> Path:
    """Write examples as a JSON array, one a line, and into place only when whole."""
    rows = ",\n".join(json.dumps(example, ensure_ascii=False) for example in examples)
    return records.write_atomically(path, f"[\n{rows}\n]\n")


def read(path: Path) -> list[dict]:
    """The examples that stage 01 wrote.

    Raises:
        InputError: the file is missing or no array of examples; the message says which stage makes it.
    """
    if not path.is_file():
        raise InputError(f"{path}: missing; run 01_data_formatting first")
    examples = json_files.read(path, "run 01_data_formatting again")
    keys = {"instruction", "input", "output", "words"}
    if not isinstance(examples, list) or not all(isinstance(e, dict) and keys <= e.keys() for e in examples):
        raise InputError(
            f"{path}: expected an array of examples with {', '.join(sorted(keys))}; run 01_data_formatting"
        )
    return examples
