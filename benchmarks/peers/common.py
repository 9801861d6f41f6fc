"""Common code of measured programs: read the specification, write the result. Uses only Python's standard library."""

import json
import os
import statistics
import sys
import time
from importlib import metadata
from pathlib import Path


def specification() -> dict:
    """Return the content of the JSON file named on the command line."""
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


def read(path: str) -> list[dict]:
    """Read examples or rows of the workload."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def prompts(spec: dict) -> list[list[int]]:
    """Return the tokens of the prompts: everything before the labels."""
    rows = read(spec["eval_rows"])[: spec["prompts"]]
    return [row["input_ids"][: row["labels"].count(-100)] for row in rows]


def write(spec: dict, libraries: list[str], **found) -> None:
    """Write the result, with this process's peak memory and its libraries' versions."""
    found |= {
        "peak_memory_bytes": peak_memory_bytes(),
        "versions": {name: metadata.version(name) for name in libraries},
    }
    aside = f"{spec['result']}.tmp"
    Path(aside).write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    os.replace(aside, spec["result"])


def write_answers(spec: dict, libraries: list[str], seconds: float, new_tokens: int, answers: list[str] | None) -> None:
    """Write the speed of answers, with the answers themselves if they will be compared."""
    kept = answers if spec["keep_answers"] else None
    write(spec, libraries, seconds=seconds, new_tokens=new_tokens, tokens_per_s=new_tokens / seconds, answers=kept)


def peak_memory_bytes() -> int:
    """Return the peak resident memory; getrusage would include the process that started this one."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def step_clock():
    """Return a trainer's callback that times each step, to its end on the GPU: `median_s()` excludes the first quarter.

    The first steps compile; a training of hundreds of steps pays for that once.
    """
    import torch
    from transformers import TrainerCallback

    class StepClock(TrainerCallback):
        def __init__(self):
            self.seconds = []

        def on_step_begin(self, args, state, control, **kwargs):
            self.started = time.monotonic()

        def on_step_end(self, args, state, control, **kwargs):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.seconds.append(time.monotonic() - self.started)

        def median_s(self) -> float:
            return statistics.median(self.seconds[len(self.seconds) // 4 :])

    return StepClock()


class Clock:
    """Seconds of one piece of work: `with Clock() as clock: ...`, then `clock.seconds`."""

    def __enter__(self):
        self._started = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self._started
