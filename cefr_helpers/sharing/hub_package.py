"""What would go up to the Hugging Face Hub: a published folder, looked at whole before anything is sent."""

from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import levels, paths, schema
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import LevelRecords, find
from cefr_helpers.sharing import hub_checks, model_card

KINDS = {"merged": ("merged_model",), "adapter": ("adapter",), "both": ("merged_model", "adapter")}


@dataclass(frozen=True)
class Package:
    """A published folder that is whole, with a complete card, and where it goes.

    Attributes:
        repo: account/name.
        sizes: the names of the files that go up -> bytes.
        summary: of the commit.
    """

    repo: str
    folder: Path
    sizes: dict[str, int]
    summary: str


def collect(workspace: Workspace, level: str, what: str, repo: str) -> list[Package]:
    """The level's folders, checked.

    Args:
        what: a key of KINDS.
        repo: an account, where each folder goes under its own name, or account/name, for one folder.

    Raises:
        InputError: the level has no published model of ours, a name on the hub can't be so, or a folder is not fit to
            be seen by all; the message has a line for each thing that is wrong.
    """
    held = model_card.of_one_training(workspace, levels.check_level(level))
    record = workspace.record(level, "training")
    if schema.adopted(held):
        raise InputError(f"{record}: this run was trained elsewhere; expected one of our own")
    kinds = KINDS[what]
    places = {kind: find(held.training, f"results.{kind}") for kind in kinds}
    for kind, place in places.items():
        if not isinstance(place, dict) or not {"name", "path", "files"} <= place.keys():
            raise InputError(f"{record}: names no {kind} with its files; run 02_training for level {level} again")
    repos = {kind: _repo(repo, place["name"], alone=len(kinds) == 1) for kind, place in places.items()}
    folders = {kind: paths.resolve(place["path"]) for kind, place in places.items()}
    problems = [
        f"{folders[kind]}: {problem}"
        for kind in kinds
        for problem in hub_checks.problems(workspace, held, kind, folders[kind])
    ]
    if problems:
        raise InputError("\n".join(problems))
    return [Package(repos[kind], folders[kind], _sizes(folders[kind]), _summary(held, kind)) for kind in kinds]


def shown_whole(package: Package, public: bool) -> str:
    """What goes where and how large it is, for people."""
    lines = [f"{package.folder}\n  -> {package.repo} ({'public' if public else 'private'})"]
    lines += [f"  {_written(size):>9}  {name}" for name, size in package.sizes.items()]
    total = sum(package.sizes.values())
    return "\n".join([*lines, f"  {_written(total):>9}  in {len(package.sizes)} files"])


def _repo(repo: str, name: str, alone: bool) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    account, slash, given = repo.partition("/")
    if given and not alone:
        raise InputError(f"repo: {shown(repo)} is one name for two folders; expected the account alone: {account}")
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


def _summary(held: LevelRecords, kind: str) -> str:
    return f"{find(held.training, f'results.{kind}.name')}, trained at {held.training['commit'][:12]}"


def _written(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
