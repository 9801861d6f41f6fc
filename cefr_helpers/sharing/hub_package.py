"""Collect and check what is uploaded to the hub of a level's model: files, card, licences, nothing private."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from cefr_helpers.core import files, levels, paths, secret_scan
from cefr_helpers.core.errors import InputError, required, shown
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.models import model_files
from cefr_helpers.sharing import model_card

KINDS = {"merged": ("merged_model",), "adapter": ("adapter",), "both": ("merged_model", "adapter")}
# Files allowed beside those of the record: the card, and texts that a licence requires.
BESIDE = (model_card.FILE, "LICENSE", "NOTICE", "USE_POLICY.md")
_VOCABULARY = "tokenizer.json"  # contains pieces of text such as /home, which are not paths
_HOME = re.compile(r"(?:/home/|/Users/|/root/|[A-Za-z]:\\+Users\\+)[\w.-]+")
_INTERVAL = re.compile(r"\[[−+-]?\d[\d.,]*, [−+-]?\d[\d.,]*\]")


@dataclass(frozen=True)
class HubUpload:
    """A complete published folder with a complete card, and its destination.

    Attributes:
        repo: account/name.
        sizes: name of each uploaded file -> bytes.
        summary: the commit's summary.
    """

    repo: str
    folder: Path
    sizes: dict[str, int]
    summary: str


def collect(workspace: Workspace, level: str, what: str, repo: str) -> list[HubUpload]:
    """Return the level's folders after checking them.

    Args:
        what: a key of KINDS.
        repo: an account, where each folder keeps its name, or account/name, for one folder.

    Raises:
        InputError: the level has no published model of ours, a name is not valid on the hub, or a folder is not ready
            for publication; the message has a line for each problem.
    """
    records = model_card.of_one_training(workspace, levels.check_level(level))
    record = workspace.record(level, "training")
    if records.adopted:
        raise InputError(f"{record}: this run was trained elsewhere; expected one of our own")
    kinds = KINDS[what]
    places = {kind: getattr(records.training.results, kind) for kind in kinds}
    for kind, place in places.items():
        if not (place.name and place.path and place.files):
            raise InputError(f"{record}: names no {kind} with its files; run 02_training for level {level} again")
    repos = {kind: _repo(repo, place.name, alone=len(kinds) == 1) for kind, place in places.items()}
    folders = {kind: paths.resolve(place.path) for kind, place in places.items()}
    found = [
        f"{folders[kind]}: {problem}" for kind in kinds for problem in problems(workspace, records, kind, folders[kind])
    ]
    if found:
        raise InputError("\n".join(found))
    return [HubUpload(repos[kind], folders[kind], _sizes(folders[kind]), _summary(records, kind)) for kind in kinds]


def describe(package: HubUpload, public: bool) -> str:
    """Return what is uploaded where, and its size, for people."""
    lines = [f"{package.folder}\n  -> {package.repo} ({'public' if public else 'private'})"]
    lines += [f"  {_written(size):>9}  {name}" for name, size in package.sizes.items()]
    total = sum(package.sizes.values())
    return "\n".join([*lines, f"  {_written(total):>9}  in {len(package.sizes)} files"])


def _repo(repo: str, name: str, alone: bool) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    account, slash, given = repo.partition("/")
    if given and not alone:
        raise InputError(f"repo: {shown(repo)} is one name for two folders; expected only the account: {account}")
    whole = repo if slash else f"{repo}/{name}"
    try:
        validate_repo_id(whole)
    except HFValidationError:
        account = ""
    if not account:
        raise InputError(f"repo: {shown(repo)}; expected an account on the hub, such as me, or me/name-of-the-model")
    return whole


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def _summary(records: LevelRecords, kind: str) -> str:
    return f"{getattr(records.training.results, kind).name}, trained at {required(records.training.commit)[:12]}"


def _written(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def problems(workspace: Workspace, records: LevelRecords, kind: str, folder: Path) -> list[str]:
    """Return what prevents a folder from being published, one sentence each; empty if nothing does.

    Args:
        records: the records of its training, and of the comparison made with it.
        kind: "adapter" or "merged_model".
    """
    if not folder.is_dir():
        return ["does not exist; expected the folder that the training's record names"]
    found = [*_files(folder, getattr(records.training.results, kind).files)]
    if found:  # what is not ours is not read either
        return found
    return [*_card(workspace, records, kind, folder / model_card.FILE), *_private(workspace, folder)]


def _files(folder: Path, recorded: dict[str, str]) -> Iterator[str]:
    there = {path.name: path for path in sorted(folder.iterdir())}
    for name in recorded.keys() - there.keys():
        yield f"{name} is missing"
    for name, path in there.items():
        if path.is_symlink() or not path.is_file():
            yield f"{name} is a link or a folder; expected only files"
        elif name in recorded and files.sha256(path) != recorded[name]:
            yield f"{name} has changed since it was published: its SHA-256 is not the record's"
        elif name not in recorded and name not in BESIDE:
            yield f"{name} is not one of the model's files; expected these and {', '.join(BESIDE)}"
        elif name.endswith(".safetensors"):
            try:
                model_files.check_weights(path)
            except InputError as error:
                yield str(error)


def _card(workspace: Workspace, records: LevelRecords, kind: str, path: Path) -> Iterator[str]:
    again = f"run 04_plotting for level {records.level}"
    if not path.is_file():
        yield f"{path.name} is missing; {again}"
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if model_card.MARK in text and text != model_card.card(workspace, records, kind):
        yield f"{path.name} does not agree with the current records; {again}"
    if not records.comparison or not records.dataset:
        yield f"the model was not compared with its base, or its data are not recorded; {again}, after 01 to 03"
        return
    base, header = records.training.results.base_model, _header(text)
    digests = {**records.dataset.inputs, **records.training.inputs}
    missing = {
        "the licence in its header": not header.get("license"),
        "the base model in its header": header.get("base_model") != model_card.hub_id(records),
        "the base's licence, or the sentence bank's": "not recorded" in " ".join(_licences(text)),
        "the SHA-256 of the base's weights": not base.sha256 or base.sha256 not in text,
        "the SHA-256 of each file of data": not digests or any(digest not in text for digest in digests.values()),
        "metrics with intervals": not _INTERVAL.search(text.partition("## Metrics")[2].partition("## Limits")[0]),
        "its limits": "\n## Limits\n" not in text,
    }
    for what, lacks in missing.items():
        if lacks:
            yield f"{path.name} lacks {what}; add it, and delete the line 'Made from the training's records …'"


def _header(text: str) -> dict:
    """Return the card's YAML header; empty if the hub could not read it."""
    from huggingface_hub import ModelCard

    try:
        return ModelCard(text).data.to_dict()
    except Exception:  # a hand-made header can raise anything
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
            yield f"{path.name} contains a path on a machine, {shown(told)}; expected none"
        if secret := secret_scan.found_in(text):
            yield f"{path.name} contains a secret ({secret}); remove it, and revoke it"


def _text(path: Path) -> str:
    """Return a file's text; for weights, their header's metadata."""
    if path.suffix != ".safetensors":
        return path.read_text(encoding="utf-8", errors="replace")
    from safetensors import safe_open

    with safe_open(path, "np") as tensors:
        return json.dumps(tensors.metadata() or {}, ensure_ascii=False)


def _absolute(path: Path) -> str | None:
    """Return the first value of a JSON file that is an absolute path."""
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
