"""Which checkpoint training may go on from: whole ones of the same run alone."""

import json
import shutil
from pathlib import Path

from cefr_helpers.data_parallel import count

# Without these the trainer raises a raw error, or silently restarts the missing part.
_FILES = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "optimizer.pt",
    "scheduler.pt",
    "trainer_state.json",
    "training_args.bin",
)


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint in `folder` whose files are all there and readable; a broken newer one is named."""
    found = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    for checkpoint in found:
        problem = _problem(checkpoint)
        if problem is None:
            return checkpoint
        print(f"{checkpoint.name} is not whole ({problem}); looking at the one before", flush=True)
    return None


def remove(folder: Path) -> None:
    """Remove a finished run's checkpoints: the published adapter is the best of them."""
    shutil.rmtree(folder, ignore_errors=True)


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.split("-")[-1]
    return int(number) if number.isdigit() else -1


def _problem(checkpoint: Path) -> str | None:
    import zipfile

    from safetensors import SafetensorError, safe_open

    states = ["rng_state.pth"] if count() == 1 else [f"rng_state_{rank}.pth" for rank in range(count())]
    for name in (*_FILES, *states):
        path = checkpoint / name
        if not path.is_file() or path.stat().st_size == 0:
            return f"{name} missing or empty"
        try:
            if name.endswith(".json"):
                json.loads(path.read_text(encoding="utf-8"))
            elif name.endswith(".safetensors"):
                with safe_open(path, "pt") as tensors:
                    list(tensors.keys())
            elif not zipfile.is_zipfile(path):
                return f"{name} is cut off"
        except (ValueError, SafetensorError) as error:
            return f"{name}: {error}"
    return None
