"""Three steps of DPO or GRPO in a process of their own, since Unsloth patches it: give a specification as JSON.

A tiny random model writes no sentence that a gate passes, so for GRPO its reward is the share of small letters.
"""

import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools import sentence_rewards, train_on_preferences

STEPS = {"steps": 3, "batch_size": 4, "learning_rate": 1e-2, "generations": 4}


@contextmanager
def small_letters(rewards):
    yield lambda words, answers: [sum(map(str.islower, answer)) / max(1, len(answer)) for answer in answers]


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    settings = replace(train_on_preferences.DEFAULTS[spec["method"]], **STEPS)
    output = Path(spec["output"])
    written = Path(spec["written"]) if spec["method"] == "dpo" else None
    sentence_rewards.in_own_process = small_letters
    adapter = Path(spec["adapter"])
    task = train_on_preferences.check(settings, "B2", adapter, output, spec["recipe"], "bundled", 3407, written)
    train_on_preferences.main(task, output)
