"""Whether a published folder is fit to be seen by all: whole, with a complete card, without paths and secrets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from cefr_helpers.core import files, paths, secret_scan
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import LevelRecords, find
from cefr_helpers.models import model_files
from cefr_helpers.sharing import model_card

# What may lie beside the files of the record: the card, and texts that a licence asks for.
BESIDE = (model_card.FILE, "LICENSE", "NOTICE", "USE_POLICY.md")
_VOCABULARY = "tokenizer.json"  # holds pieces of text such as /home, which are no paths
_HOME = re.compile(r"(?:/home/|/Users/|/root/|[A-Za-z]:\\+Users\\+)[\w.-]+")
_INTERVAL = re.compile(r"\[[−+-]?\d[\d.,]*, [−+-]?\d[\d.,]*\]")


def problems(workspace: Workspace, held: LevelRecords, kind: str, folder: Path) -> list[str]:
    """What keeps a folder from being published, a sentence each; empty where it is fit.

    Args:
        held: the records of its training, and of the comparison made with it.
        kind: "adapter" or "merged_model".
    """
    if not folder.is_dir():
        return ["is not there; expected the folder that the training's record names"]
    found = [*_files(folder, find(held.training, f"results.{kind}.files"))]
    if found:  # what is not ours is not read either
        return found
    return [*_card(workspace, held, kind, folder / model_card.FILE), *_private(workspace, folder)]


def _files(folder: Path, recorded: dict[str, str]) -> Iterator[str]:
    there = {path.name: path for path in sorted(folder.iterdir())}
    for name in recorded.keys() - there.keys():
        yield f"{name} is missing"
    for name, path in there.items():
        if path.is_symlink() or not path.is_file():
            yield f"{name} is a link or a folder; expected files alone"
        elif name in recorded and files.sha256(path) != recorded[name]:
            yield f"{name} is not as it was published: its SHA-256 is not the record's"
        elif name not in recorded and name not in BESIDE:
            yield f"{name} is none of the model's files; expected these and {', '.join(BESIDE)}"
        elif name.endswith(".safetensors"):
            try:
                model_files.check_weights(path)
            except InputError as error:
                yield str(error)


def _card(workspace: Workspace, held: LevelRecords, kind: str, path: Path) -> Iterator[str]:
    again = f"run 04_plotting for level {held.level}"
    if not path.is_file():
        yield f"{path.name} is missing; {again}"
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if model_card.MARK in text and text != model_card.card(workspace, held, kind):
        yield f"{path.name} is not what the records say now; {again}"
    if not held.comparison or not held.dataset:
        yield f"the model was not compared with its base, or its data are not recorded; {again}, after 01 to 03"
        return
    base, header = find(held.training, "results.base_model") or {}, _header(text)
    digests = {**(find(held.dataset, "inputs") or {}), **held.training["inputs"]}
    missing = {
        "the licence in its header": not header.get("license"),
        "the base model in its header": header.get("base_model") != model_card.hub_id(held),
        "the base's licence, or the sentence bank's": "not recorded" in " ".join(_licences(text)),
        "the SHA-256 of the base's weights": not base.get("sha256") or base["sha256"] not in text,
        "the SHA-256 of each file of data": not digests or any(digest not in text for digest in digests.values()),
        "metrics with intervals": not _INTERVAL.search(text.partition("## Metrics")[2].partition("## Limits")[0]),
        "its limits": "\n## Limits\n" not in text,
    }
    for what, lacks in missing.items():
        if lacks:
            yield f"{path.name} lacks {what}; write it in, and take out the line 'Made from the training's records …'"


def _header(text: str) -> dict:
    """The card's YAML header; empty where the hub could not read it."""
    from huggingface_hub import ModelCard

    try:
        return ModelCard(text).data.to_dict()
    except Exception:  # whatever a hand-made header makes of it
        return {}


def _licences(text: str) -> list[str]:
    return re.findall(r"^(?:\| )?Licen[cs]e\b.*", text, re.MULTILINE) or ["not recorded"]


def _private(workspace: Workspace, folder: Path) -> Iterator[str]:
    places = {str(place) for place in (paths.project_root(), workspace.output_root, workspace.user_data, Path.home())}
    for path in sorted(folder.iterdir()):
        text = _text(path)
        told = next((place for place in sorted(places) if len(place) > 1 and f"{place}/" in text), None)
        if path.name != _VOCABULARY:
            home = _HOME.search(text)
            told = told or (home and home[0]) or _absolute(path)
        if told:
            yield f"{path.name} holds a path of some machine, {shown(told)}; expected none"
        if secret := secret_scan.found_in(text):
            yield f"{path.name} holds a secret ({secret}); take it out, and out of use"


def _text(path: Path) -> str:
    """A file's text; of weights what their header holds beside the tensors."""
    if path.suffix != ".safetensors":
        return path.read_text(encoding="utf-8", errors="replace")
    from safetensors import safe_open

    with safe_open(path, "np") as tensors:
        return json.dumps(tensors.metadata() or {}, ensure_ascii=False)


def _absolute(path: Path) -> str | None:
    """The first value of a JSON file that is an absolute path."""
    if path.suffix != ".json":
        return None
    return next((text for text in _values(files.read_json(path, "expected JSON")) if _is_absolute(text)), None)


def _values(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, (dict, list)):
        for value in found.values() if isinstance(found, dict) else found:
            yield from _values(value)


def _is_absolute(text: str) -> bool:
    posix = PurePosixPath(text).is_absolute() and len(PurePosixPath(text).parts) > 2
    return posix or text.startswith("~/") or PureWindowsPath(text).is_absolute()
