"""Find the newest intact checkpoint of the same run."""

import json
import shutil
from pathlib import Path

from cefr_helpers.core.files import sha256, write_atomically
from cefr_helpers.models import model_files
from cefr_helpers.training import distributed

# Without these the trainer raises a raw error, or silently restarts the missing part.
_FILES = (
    model_files.ADAPTER_WEIGHTS,
    "adapter_config.json",
    "optimizer.pt",
    "scheduler.pt",
    "trainer_state.json",
    "training_args.bin",
)
SEAL = "seal.json"
_OTHER = "another recipe, data, seed, versions or number of processes"


def seal(checkpoint: Path) -> None:
    """Record that a checkpoint is complete, to which run it belongs, and the digest of each of its files."""
    files = sorted(path for path in checkpoint.iterdir() if path.is_file() and path.name != SEAL)
    found = {"run": checkpoint.parent.name, "files": {path.name: sha256(path) for path in files}}
    write_atomically(checkpoint / SEAL, json.dumps(found, indent=1))


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint in `folder` that is intact, and whose run's best checkpoint so far is intact too.

    Prints which newer ones are broken, and why training starts from the beginning although there are checkpoints.
    """
    found = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    for checkpoint in found:
        problem = _problem(checkpoint) or _problem_of_best(checkpoint)
        if problem is None:
            return checkpoint
        print(f"{checkpoint.name} is not complete ({problem}); trying the one before it", flush=True)
    others = [path for path in folder.parent.glob("*/checkpoint-*") if path.parent != folder]
    if found:
        print("No complete checkpoint is left: training starts from the beginning", flush=True)
    elif others:
        kept = ", ".join(sorted({str(path.parent) for path in others}))
        print(f"Checkpoints of {_OTHER} are not used: {kept}", flush=True)
    return None


def remove(folder: Path) -> None:
    """Remove a finished run's checkpoints, the best of which is now the published adapter."""
    shutil.rmtree(folder, ignore_errors=True)


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.split("-")[-1]
    return int(number) if number.isdigit() else -1


def _problem(checkpoint: Path) -> str | None:
    try:
        sealed = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
        run, files = sealed["run"], sealed["files"]
        if run != checkpoint.parent.name:
            return f"it is of the run {run}, {_OTHER}"
        for name in [*_FILES, *_random_states(), *files]:
            path = checkpoint / name
            if not path.is_file():
                return f"{name} is missing"
            if sha256(path) != files.get(name):
                return f"{name} has changed since it was written"
    except FileNotFoundError:
        return f"{SEAL} is missing, so it was never completed"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{SEAL}: {error}"
    return None


def _random_states() -> list[str]:
    """Return the files of random states; each process of a training has its own."""
    several = distributed.world_size() > 1
    return [f"rng_state_{rank}.pth" for rank in range(distributed.world_size())] if several else ["rng_state.pth"]


def _problem_of_best(checkpoint: Path) -> str | None:
    """Check the best checkpoint: if it can't be loaded, the trainer only warns and takes the last weights as best."""
    best = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["best_model_checkpoint"]
    if best is None or Path(best) == checkpoint:
        return None
    if Path(best).parent != checkpoint.parent:
        return f"the best one so far is {best}, in another folder"
    problem = _problem(Path(best))
    return f"the best one so far, {Path(best).name}: {problem}" if problem else None
