"""Cache scores and answers of the base model, so that runs with the same data compute them once."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cefr_helpers.core import files, locks, records
from cefr_helpers.models import base_model

# Cached results become invalid when the code that computes them changes; not imported here, since some import torch.
_MODELS = Path(base_model.__file__).parent
_CODE = ("base_model", "chat_template", "attention", "generation", "growing_cache", "likelihood", "prompts")
_HARDWARE = ("cpu", "cores", "gpu")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class BaselineCache:
    """Cached results of one base model on this machine.

    Attributes:
        fingerprint: everything its results depend on besides the request: weights, configuration, tokenizer with chat
            template and end token, precision, machine, libraries, code.
        reused: names of the results that were read and not computed, in order; for the record.
    """

    fingerprint: dict
    reused: list[str] = field(default_factory=list)

    def result(self, name: str, examples: Sequence[dict], settings: dict, compute: Callable[[], Kept]) -> Kept:
        """Return the result of `compute`, as JSON stores it, computed once for the same name, examples and settings.

        If several processes request it at once, one computes it and the others wait.
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
    """Open the cache of a base model in a precision, for this machine with its present libraries and code."""
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
            "code": {name: files.sha256(_MODELS / f"{name}.py") for name in _CODE},
        }
    )


def _read(path: Path) -> Any:
    """Return a cached result, or None if there is none or it is incomplete."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept["result"] if kept["sha256"] == _sha256(kept["result"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(result: object) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
