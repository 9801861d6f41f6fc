"""Keeps secrets out of parameters, which papermill stores in the notebook and records repeat."""

import os
import re

from cefr_helpers.errors import InputError

_NAME = re.compile(r"(?i)token|key|secret|passw|credential")
_SHORTEST = 8  # a shorter value of the environment, such as "1", may stand in a parameter by chance


def refuse_secrets(where: str, parameters: dict) -> None:
    """Refuse a parameter whose name says it holds a secret, or whose value is one of the environment's.

    Raises:
        InputError: names the parameter and never its value.
    """
    secrets = [value for name, value in os.environ.items() if _NAME.search(name) and len(value) >= _SHORTEST]
    for name, value in parameters.items():
        if _NAME.search(name) or any(secret in str(value) for secret in secrets):
            raise InputError(
                f"{where}: parameter {name} holds a secret, and parameters are stored in notebooks and records; "
                "expected it in the environment alone, as HF_TOKEN"
            )
