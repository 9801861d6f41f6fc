"""The published figures of the reference project, the one that this suite grew from; loss of the full text."""

import json
from pathlib import Path

_FOUND = json.loads(Path(__file__).with_name("reference_results.json").read_text(encoding="utf-8"))
TAKEN_DOWN: str = _FOUND["taken_down"]  # the day these figures were written down here
MODEL: str = _FOUND["model"]
EXAMPLES: dict[str, int] = _FOUND["examples"]
OVERLAP: list[float] = _FOUND["overlap"]  # share of its evaluation sentences that are in its training examples
LEVELS: dict[str, dict[str, float]] = _FOUND["levels"]
B2: dict[str, float] = _FOUND["b2"]
