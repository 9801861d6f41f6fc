"""Level B2 published by hand: small files in the place of adapter and merged model, records and cards around them."""

import hashlib
import json
from pathlib import Path

import hand_made_records
import numpy
from hand_made_records import write_records
from safetensors.numpy import save_file

from cefr_helpers.core import records
from cefr_helpers.core.files import sha256
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import LevelRecords
from cefr_helpers.sharing import model_card

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
FILES = {
    "adapter": {"adapter_config.json": {"base_model_name_or_path": SMOLLM2, "r": 8}},
    "merged_model": {
        "config.json": {"architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"},
        "tokenizer.json": {"model": {"vocab": {"</s>": 1}, "merges": ["/home/me /x"]}},
        "tokenizer_config.json": {"eos_token": "</s>"},
    },
}
WEIGHTS = {"adapter": "adapter_model.safetensors", "merged_model": "model.safetensors"}


def held(**base) -> LevelRecords:
    found = hand_made_records.with_answers()
    found.training["results"]["base_model"] |= {"identifier": SMOLLM2, **base}
    found.training["inputs"] = {"/home/someone/runs/B2/dataset.json": "11" * 32}
    return found


def write_linked(workspace: Workspace, found: LevelRecords) -> None:
    """Write the records, each with the digest of the one before among its inputs."""
    for before, after in (("dataset", found.training), ("training", found.comparison)):
        write_records(workspace, found)
        digest = hashlib.sha256(workspace.record("B2", before).read_bytes()).hexdigest()
        after["inputs"] = {f"/home/someone/runs/B2/{before}.json": digest}
    write_records(workspace, found)


def make(folder: Path, metadata: dict | None = None) -> Workspace:
    """Both folders under `folder`/user_data and the three records, each with the digest of the one before."""
    workspace = Workspace(folder / "out", folder / "user_data")
    held = hand_made_records.with_answers("B2")
    results = held.training["results"]
    results["base_model"] |= {"identifier": SMOLLM2, "source": "bundled"}
    held.dataset["inputs"] = {"B2.json": "44" * 32}
    for number, (kind, parent) in enumerate(
        (("adapter", workspace.adapters()), ("merged_model", workspace.merged_models()))
    ):
        place = parent / results[kind]["name"]
        place.mkdir(parents=True)
        for name, content in FILES[kind].items():
            (place / name).write_text(json.dumps(content))
        tensors = {"weights": numpy.full((64, 64), number, dtype=numpy.float32)}
        save_file(tensors, place / WEIGHTS[kind], metadata={"format": "pt", **(metadata or {})})
        digests = {path.name: sha256(path) for path in sorted(place.iterdir())}
        results[kind] = {"name": place.name, "path": str(place), "files": digests}
    for before, after in (("dataset", held.training), ("training", held.comparison)):
        write_records(workspace, held)
        digest = hashlib.sha256(workspace.record("B2", before).read_bytes()).hexdigest()
        after["inputs"] = {f"runs/B2/{before}.json": digest}
    write_records(workspace, held)
    model_card.write_cards(workspace, "B2")
    return workspace


def folder_of(workspace: Workspace, kind: str = "merged_model") -> Path:
    return Path(json.loads(workspace.record("B2", "training").read_text())["results"][kind]["path"])


def change_record(workspace: Workspace, name: str, change) -> None:
    """Change a record as `change` does to its dictionary; those that name it by its digest follow."""
    files = {one: workspace.record("B2", one) for one in records.NAMES if workspace.record("B2", one).is_file()}
    before = {one: sha256(path) for one, path in files.items()}
    record = json.loads(files[name].read_text())
    change(record)
    files[name].write_text(json.dumps(record))
    for path in files.values():  # in the order in which they name one another
        text = path.read_text()
        for one, digest in before.items():
            text = text.replace(digest, sha256(files[one]))
        path.write_text(text)


def take_in(workspace: Workspace, kind: str, name: str, text: str) -> None:
    """Write a file of the folder as if it had been published so: with its digest in the record, and cards renewed."""
    path = folder_of(workspace, kind) / name
    path.write_text(text)
    digest = sha256(path)
    change_record(workspace, "training", lambda record: record["results"][kind]["files"].update({name: digest}))
    model_card.write_cards(workspace, "B2")
