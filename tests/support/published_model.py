"""Level B2 published by hand: small files instead of adapter and merged model, with their records and cards."""

import json
import shutil
from pathlib import Path

import hand_made_records
import numpy
from hand_made_records import change, write_records
from safetensors.numpy import save_file

from cefr_helpers.core.files import sha256
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import RECORDS
from cefr_helpers.models import merging, saving
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
NAME = "smollm2-135m-b2-unsloth-v1"
WEIGHTS = {"adapter": "adapter_model.safetensors", "merged_model": "model.safetensors"}


def records_of_b2(**base) -> LevelRecords:
    """Records of level B2, its base model named as on the hub; with `base`, other values of the base model."""
    records = hand_made_records.with_answers()
    change(records.training.results.base_model, **({"identifier": SMOLLM2} | base))
    change(records.training, inputs={"/home/someone/runs/B2/dataset.json": "11" * 32})
    return records


def write_linked(workspace: Workspace, records: LevelRecords, runs: str = "/home/someone/runs") -> None:
    """Write the records, each with the digest of the one before among its inputs."""
    for before, after in (("dataset", records.training), ("training", records.comparison)):
        write_records(workspace, records)
        after.inputs = {f"{runs}/B2/{before}.json": sha256(workspace.record("B2", before))}
    write_records(workspace, records)


def make(folder: Path, metadata: dict | None = None) -> Workspace:
    """Both folders under `folder`/user_data and the three records, each with the digest of the one before."""
    workspace = Workspace(folder / "out", folder / "user_data")
    records = hand_made_records.with_answers("B2")
    results = records.training.results
    change(results.base_model, identifier=SMOLLM2, source="bundled")
    change(records.dataset, inputs={"B2.json": "44" * 32})
    for number, (kind, parent) in enumerate(
        (("adapter", workspace.adapters()), ("merged_model", workspace.merged_models()))
    ):
        place = parent / getattr(results, kind).name
        place.mkdir(parents=True)
        for name, content in FILES[kind].items():
            (place / name).write_text(json.dumps(content))
        tensors = {"weights": numpy.full((64, 64), number, dtype=numpy.float32)}
        save_file(tensors, place / WEIGHTS[kind], metadata={"format": "pt", **(metadata or {})})
        digests = {path.name: sha256(path) for path in sorted(place.iterdir())}
        change(results, **{kind: {"name": place.name, "path": str(place), "files": digests}})
    write_linked(workspace, records, "runs")
    model_card.write_cards(workspace, "B2")
    return workspace


def folder_of(workspace: Workspace, kind: str = "merged_model") -> Path:
    return Path(json.loads(workspace.record("B2", "training").read_text())["results"][kind]["path"])


def change_record(workspace: Workspace, name: str, changing) -> None:
    """Change a record as `changing` does to its dictionary; those that name it by its digest follow."""
    files = {one: workspace.record("B2", one) for one in RECORDS if workspace.record("B2", one).is_file()}
    before = {one: sha256(path) for one, path in files.items()}
    record = json.loads(files[name].read_text())
    changing(record)
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


def publish(folder: Path, model: Path) -> Workspace:
    """Level B2 published with `model` as its merged model."""
    workspace, records = Workspace(folder / "out", folder / "user_data"), records_of_b2()
    merged = workspace.merged_models() / f"{NAME}_merged"
    shutil.copytree(model, merged, ignore=shutil.ignore_patterns("converted.json", "README.md"))
    merging.make_portable(merged)
    change(records.training.results, merged_model=saving.describe(merged, folder) | {"path": str(merged)})
    write_linked(workspace, records)
    return workspace
