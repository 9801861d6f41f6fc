"""Errors the user can fix; shown without a traceback."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")

# A variable of the environment: try what a check before training would refuse. `--no-checks` and CHECKS=no set
# it; a notebook's cell may.
OVERRIDE = "CEFR_NO_CHECKS"


class InputError(ValueError):
    """Bad input or configuration; the message names file, place, value and what was expected.

    The command line prints only the message and ends with exit code 2.
    """


class Busy(InputError):
    """Another run is using a folder; the command line ends with exit code 1, since the input is sound."""

    def __init__(self, folder: object, what: str = "run"):
        super().__init__(f"{folder}: another {what} is already running here; wait for it or stop it first")


def shown(value: object) -> str:
    """Return a value for an error message, cut to 80 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4300 digits
        return "a number with thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."


def explain_validation(error: Mapping[str, Any], known: Collection[str] = (), missing: str = "") -> str:
    """Describe one of pydantic's errors in a line: key, value and expectation.

    Args:
        error: an entry of `ValidationError.errors()`.
        known: the known keys, for the message about an unknown one.
        missing: what to do about a missing key.
    """
    key = str(error["loc"][0]) if error["loc"] else "a key"  # a key may be something other than text
    if error["type"] == "missing":
        return f"{key}: missing{missing and f'; {missing}'}"
    if error["type"] == "extra_forbidden":
        return unknown_key(key, known)
    hint = ""
    if isinstance(error["input"], str) and error["type"].startswith(("float", "int")):
        hint = " (YAML reads 2e-4 as text: write 2.0e-4)"
    own = error["msg"].removeprefix("Value error, ")  # a message of our own validators, which stays unchanged
    message = own if own != error["msg"] else own[:1].lower() + own[1:]
    return f"{key}: {shown(error['input'])}: {message}{hint}"


def first_problem(problems: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Return place, value and message of the first of pydantic's errors about a file, `ValidationError.errors()`."""
    problem = problems[0]
    place = ".".join(map(str, problem["loc"])) or "the whole file"
    value = shown(problem["input"]) if problem["type"] != "missing" else "missing"
    return place, value, problem["msg"].removeprefix("Value error, ")


def unknown_key(key: str, known: Collection[str]) -> str:
    """Say that a key is unknown, with the likely key or all known ones."""
    near = difflib.get_close_matches(key, known, 1)
    return f"{key}: unknown key; " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}")


def required(value: Value | None) -> Value:
    """Return a value that may be missing in general, but not here: it was checked before, or this process wrote it.

    Raises:
        ValueError: it is missing; this is an error in the code, not of the user.
    """
    if value is None:
        raise ValueError("a value that is needed here is missing")
    return value


class DiskFull(OSError):
    """The disk has no room for a file; earlier files are unchanged."""

    def __init__(self, path: object, needed: int, free: int):
        self.path, self.needed, self.free = path, needed, free
        super().__init__(
            f"{path}: no room to write it: {needed / 1e6:,.1f} MB needed, {free / 1e6:,.1f} MB free there "
            "(a quota or a limit on the size of files may be lower); earlier files are untouched"
        )

    def __str__(self) -> str:
        return self.args[0]
