"""Writing and reading the formatted examples, apart from the making of them: later stages need no more."""

import json
from collections.abc import Sequence
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError


def write(path: Path, examples: Sequence[dict]) -> Path:
    """Write examples as a JSON array, one a line, and into place only when whole.

    Raises:
        DiskFull: there is no room for it.
    """
    least = sum(len(example["input"]) + len(example["output"]) for example in examples)
    with files.atomic_file(path, least) as file:  # line by line: of a large bank the text is a gigabyte
        file.write(b"[\n")
        for number, example in enumerate(examples):
            file.write(b",\n" * bool(number) + json.dumps(example, ensure_ascii=False).encode())
        file.write(b"\n]\n")
    return path


def read(path: Path) -> list[dict]:
    """The examples that stage 01 wrote.

    Raises:
        InputError: the file is missing or no array of examples; the message says which stage makes it.
    """
    if not path.is_file():
        raise InputError(f"{path}: missing; run 01_data_formatting first")
    examples = files.read_json(path, "run 01_data_formatting again")
    keys = {"instruction", "input", "output", "words"}
    if not isinstance(examples, list) or not all(isinstance(e, dict) and keys <= e.keys() for e in examples):
        raise InputError(
            f"{path}: expected an array of examples with {', '.join(sorted(keys))}; run 01_data_formatting"
        )
    return examples
