"""A short self-training in a process of its own, since Unsloth patches it: give a specification as JSON.

`written` may be null: the control, without own sentences.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools import self_training

if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    settings = self_training.Settings(examples=6, learning_rate=1e-2)
    written = spec["written"] and Path(spec["written"])
    places = Path(spec["adapter"]), Path(spec["output"])
    self_training.main(
        self_training.check(settings, "B2", *places, spec["recipe"], "bundled", 3407, written), places[1]
    )
