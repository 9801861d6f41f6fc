"""Check a level's files after a kill: each must be complete and true, and the final result must not depend on kills."""

import json
from collections import Counter
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.core.paths import PLOT_FILES, Workspace, project_root
from cefr_helpers.core.records import AnyRecord
from cefr_helpers.core.schema import ComparisonRecord, TrainingRecord
from cefr_helpers.data import formatting
from cefr_helpers.pipeline.notebooks import EXPLORE

LEVEL = "B2"


def what_is_there(folder: Path) -> Counter:
    """Read all files that a run left, and return the number of each kind.

    Raises:
        Exception: a file is incomplete or not true.
    """
    workspace, found = Workspace(folder, folder / "user_data"), Counter()
    for part in ("train", "dev", "eval"):
        if (path := workspace.formatted_file(LEVEL, part)).is_file():
            assert formatting.read_examples(path)
            found["examples"] += 1
    for name in records.NAMES:
        if record := records.read_if_there(workspace, LEVEL, name):
            _true(record, workspace, name)
            found["records"] += 1
    for path in (workspace.run(LEVEL) / "history").glob("[!.]*.json"):
        assert json.loads(path.read_text())["schema"] == records.SCHEMA
    _notebooks(workspace, found)
    _pictures_and_note(workspace, found)
    _models(workspace, found)
    return found


def _true(record: AnyRecord, workspace: Workspace, name: str) -> None:
    """Check what a record says about files: its inputs are the existing ones, and the models it names are complete."""
    for path, digest in record.inputs.items():
        assert files.sha256(project_root() / path) == digest, f"{name}: {path} is another"
    for folder in (record.results.adapter, record.results.merged_model) if isinstance(record, TrainingRecord) else ():
        for file, digest in folder.files.items():
            path = project_root() / folder.path / file
            assert file == "README.md" or files.sha256(path) == digest, path
    if isinstance(record, ComparisonRecord):
        generation = record.results.generation
        table = (workspace.run(LEVEL) / generation.file).read_text()
        assert len(table.splitlines()) > generation.slots


def _notebooks(workspace: Workspace, found: Counter) -> None:
    import nbformat

    for path in workspace.run(LEVEL).glob("[!.]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        if not path.name.endswith(".failed.ipynb"):
            ran = [cell for cell in notebook.cells if EXPLORE not in cell.metadata.get("tags", [])]
            assert all(cell.execution_count for cell in ran if cell.cell_type == "code"), path
            found["notebooks"] += 1


def _pictures_and_note(workspace: Workspace, found: Counter) -> None:
    from PIL import Image

    for path in workspace.plots(LEVEL).glob("[!.]*.png"):
        with Image.open(path) as picture:
            picture.load()
        found["plots"] += 1
    if workspace.note(LEVEL).is_file():
        text = workspace.note(LEVEL).read_text(encoding="utf-8")
        assert text.startswith("# ") and text.endswith("\n") and all(name in text for name in PLOT_FILES.values())
        found["notes"] += 1


def _models(workspace: Workspace, found: Counter) -> None:
    from peft import PeftConfig
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder in _published(workspace.adapters()):
        assert PeftConfig.from_pretrained(folder).peft_type == "LORA"
        assert load_file(folder / "adapter_model.safetensors")
        found["adapters"] += 1
    for folder in _published(workspace.merged_models()):
        AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        found["merged models"] += 1


def _published(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if not path.name.endswith("-np")]


def outcome(folder: Path, level: str = LEVEL) -> dict:
    """Return the results that must be the same however often a run was killed."""
    workspace = Workspace(folder, folder / "user_data")
    dataset, training, comparison = (records.read(workspace, level, name).results for name in records.NAMES)
    return {
        "examples": [files.sha256(workspace.formatted_file(level, part)) for part in ("train", "dev", "eval")],
        "split": dataset.split,
        "history": training.history,
        "adapter": training.adapter.files["adapter_model.safetensors"],
        "merged_model": training.merged_model.files["model.safetensors"],
        "losses": [getattr(comparison, part) for part in ("completion", "full_text")],
        "answers": comparison.answers,
    }
