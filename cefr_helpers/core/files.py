"""JSON that others may have written: read whole, or refused with its file's name."""

import json
from pathlib import Path

from cefr_helpers.core.errors import InputError


def read(path: Path, expected: str) -> object:
    """The content of a JSON file in UTF-8.

    Args:
        expected: what the message says should be there.

    Raises:
        InputError: the file can't be read, is not UTF-8, not JSON or nested too deep.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {expected}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deep; {expected}") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); {expected}") from None
