"""Keep secrets out of parameters, which papermill stores in notebooks and records repeat, and out of the hub."""

import os
import re
from pathlib import Path

from cefr_helpers.core.errors import InputError

_NAME = re.compile(r"(?i)token|key|secret|passw|credential")
_SHORTEST = 8  # a shorter value of the environment, such as "1", may be in a parameter by chance
_TOKENS = {
    "a token of the Hugging Face Hub": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "an API key": re.compile(r"\bsk-[\w-]{32,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}


def refuse_secrets(where: str, parameters: dict) -> None:
    """Refuse a parameter whose name says it holds a secret, or whose value is one of the environment's.

    Raises:
        InputError: names the parameter, never its value.
    """
    secrets = list(_secrets().values())
    for name, value in parameters.items():
        if _NAME.search(name) or any(secret in str(value) for secret in secrets):
            raise InputError(
                f"{where}: parameter {name} holds a secret, and parameters are stored in notebooks and records; "
                "expected it only in the environment, as HF_TOKEN"
            )


def found_in(text: str) -> str | None:
    """Return which secret a text contains: the environment variable's name or the kind of token, never its value."""
    for name, value in _secrets().items():
        if value in text:
            return f"the value of {name}"
    return next((kind for kind, form in _TOKENS.items() if form.search(text)), None)


def _secrets() -> dict[str, str]:
    """Return name -> value of the environment's secrets, by their names; a path, as in KEY_DIR, is not a secret."""
    named = {name: value for name, value in os.environ.items() if _NAME.search(name) and len(value) >= _SHORTEST}
    return {name: value for name, value in named.items() if not _is_place(value)}


def _is_place(value: str) -> bool:
    """Return whether a value is an existing path, or an absolute path whose first folder exists; "~" is expanded."""
    path = Path(os.path.expanduser(value))
    try:
        return path.exists() or (len(path.parts) > 2 and Path(*path.parts[:2]).is_dir() and path.is_absolute())
    except (OSError, ValueError):  # too long for a name, as a token may be
        return False
