"""Keeps what the base model alone gave, scores and answers, so that runs with the same data compute it once."""

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cefr_helpers.core import files, locks, records
from cefr_helpers.models import attention, base_model, chat_template, generation, likelihood, prompts

# A change of what computes the results makes kept ones worthless.
_CODE = (base_model, chat_template, attention, generation, likelihood, prompts)
_HARDWARE = ("cpu", "cores", "gpu")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class BaselineCache:
    """Results of one base model on this machine.

    Attributes:
        fingerprint: all that its results depend on besides what is asked: weights, configuration, tokenizer with chat
            template and end token, precision, machine, libraries, code.
        reused: names of the results that were found and not computed, in order; for the record.
    """

    fingerprint: dict
    reused: list[str] = field(default_factory=list)

    def result(self, name: str, examples: Sequence[dict], settings: dict, compute: Callable[[], Kept]) -> Kept:
        """What `compute` gives, as JSON keeps it; computed once for the same name, examples and settings.

        Of several processes that ask at once one computes and the others wait.
        """
        asked = {"name": name, "examples": list(examples), "settings": settings, **self.fingerprint}
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        path = base_model.cache_folder() / "base_scores" / f"{key}.json"
        with locks.lease(path.with_suffix(".lease")):
            found = _read(path)
            if found is None:
                found = compute()
                files.write_atomically(path, json.dumps({"result": found, "sha256": _sha256(found)}))
            else:
                self.reused.append(name)
        return found


def open_cache(base: base_model.BaseModel, precision: str) -> BaselineCache:
    """The kept results of a base model in a precision, on this machine as it is now."""
    import torch

    hardware = records.hardware()
    return BaselineCache(
        {
            "weights": base.sha256,
            "files": base.files_sha256,
            "precision": precision,
            "hardware": {key: hardware.get(key) for key in _HARDWARE},
            "threads": torch.get_num_threads(),
            "versions": {key: records.versions().get(key) for key in ("torch", "transformers")},
            "code": {module.__name__: files.sha256(Path(inspect.getfile(module))) for module in _CODE},
        }
    )


def _read(path: Path) -> Any:
    """A kept result, or None where there is none that is whole."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept["result"] if kept["sha256"] == _sha256(kept["result"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(result: object) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
