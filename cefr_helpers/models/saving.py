"""Save adapter and merged model under `user_data`, with names, versions, and an atomic move into place."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.files import folder_bytes, sha256, staged
from cefr_helpers.core.paths import Workspace
from cefr_helpers.models import merging, model_files
from cefr_helpers.models.base_model import BaseModel


def next_name(workspace: Workspace, base: BaseModel, level: str) -> str:
    """Return the next free adapter name, `{model}-{level}-unsloth-v{n}`: an existing one is never overwritten."""
    stem = f"{base.slug}-{level.lower()}-unsloth-v"
    taken = [0]
    for folder in (workspace.adapters(), workspace.merged_models()):
        for path in folder.glob(f"{stem}*"):
            match = re.fullmatch(r"(\d+)(_merged)?", path.name.removeprefix(stem))
            taken += [int(match[1])] if match else []
    return f"{stem}{max(taken) + 1}"


def save_adapter(model, folder: Path, base: BaseModel) -> Path:
    """Save a LoRA adapter as text-generation-webui and PEFT read it: two files, no local path inside.

    Args:
        folder: the target folder; a temporary folder is moved to it when complete.

    Raises:
        DiskFull: there is no room for it; nothing of it is left.
    """
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    with staged(folder, size) as staging:
        model.save_pretrained(staging)
        for path in staging.iterdir():
            if path.name not in ("adapter_config.json", model_files.ADAPTER_WEIGHTS):
                path.unlink()
        config = json.loads((staging / "adapter_config.json").read_text())
        modules = config["target_modules"]  # PEFT has a set, whose order differs between processes
        config |= {"base_model_name_or_path": base.identifier, "revision": base.revision}
        config |= {"target_modules": sorted(modules) if isinstance(modules, list) else modules}
        (staging / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


def check_portable(base: BaseModel) -> None:
    """Before a training, write everything of its merged model except the weights, as a test.

    Raises:
        InputError: configuration or tokenizer differ when they are read again.
    """
    with tempfile.TemporaryDirectory(prefix="cefr") as place:
        try:
            merging.try_form(base.folder, Path(place))
        except Exception as error:  # of any library: it would also come after hours of training
            raise InputError(
                f"base_model: {base.source!r}: a model tuned on it could not be written in a form that other programs "
                f"read ({str(error).strip()[:300]}); use another base model"
            ) from error


def merge(base: BaseModel, adapter: Path, folder: Path, prompt: list[int]) -> dict:
    """Merge an adapter onto a fresh 16-bit base in a separate process, where no library is patched.

    Args:
        adapter: the saved adapter's folder.
        folder: the target folder of the merged model; a temporary folder is moved to it when complete.
        prompt: token ids on which merged, base + adapter and base are compared.

    Returns:
        The check's numbers, see `merging.merge`.

    Raises:
        RuntimeError: merging failed, or the merged model is not base + adapter, or is the base.
        DiskFull: there is no room for it; nothing of it is left.
    """
    with staged(folder, folder_bytes(base.folder)) as staging:
        command = [sys.executable, "-m", merging.__name__, str(base.folder), str(adapter), str(staging)]
        done = subprocess.run(command, input=json.dumps(prompt), capture_output=True, text=True)
        if done.returncode < 0:
            raise MemoryError(
                f"merging was killed by signal {-done.returncode}; the system does so when memory runs out"
            )
        if done.returncode != 0:
            raise RuntimeError(f"merging {adapter} onto {base.folder} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def describe(folder: Path, shown_from: Path) -> dict:
    """Describe a published folder for the record: name, path (relative to `shown_from` if inside) and file digests."""
    path = folder.relative_to(shown_from) if folder.is_relative_to(shown_from) else folder
    files = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.is_file()}
    return {"name": folder.name, "path": str(path), "files": files}
