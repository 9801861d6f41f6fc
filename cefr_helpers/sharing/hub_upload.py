"""Send a published folder to the Hugging Face Hub as one commit.

Files that are there already are not sent again, and nothing is overwritten unless requested.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.files import sha256
from cefr_helpers.sharing.hub_package import HubUpload

_HUBS_OWN = {".gitattributes"}  # what each new repository begins with


class Failed(RuntimeError):
    """The hub was not reached or did not take it; the same call goes on where this one ended."""


def token() -> str:
    """The user's token, from the environment alone.

    Raises:
        InputError: there is none.
    """
    found = os.environ.get("HF_TOKEN", "").strip()
    if not found:
        raise InputError("HF_TOKEN: not set; expected a write token for the hub, in the environment")
    return found


def send(package: HubUpload, key: str, public: bool = False, replace: bool = False) -> str:
    """Bring a checked folder to the hub as one commit, and look whether it lies there as it lies here.

    Args:
        key: the user's token.
        public: whether all may see the repository; one that is there already has to be so too.
        replace: put these files in the place of others of the same names, in a new commit.

    Returns:
        What was done, for people.

    Raises:
        InputError: the token, or what the repository holds already, forbids it; nothing was changed.
        Failed: the hub was not reached, or did not take it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    hub = HfApi(token=key)
    with _told(package.repo):
        there = _look(hub, package.repo) or _create(hub, package.repo, public)
        _check(package, there, public, replace)
        due = _differing(package, there)
        url = f"{hub.endpoint}/{package.repo}"
        if not due:
            return f"{url}: is there already as it is here; nothing was sent"
        files = [CommitOperationAdd(name, package.folder / name) for name in due]
        # made on what was looked at: the hub refuses where another commit came between
        hub.create_commit(package.repo, files, commit_message=package.summary, parent_commit=there.sha)
        left = _differing(package, _look(hub, package.repo))
    if left:
        raise Failed(f"{package.repo}: {', '.join(left)} came out otherwise on the hub than here; look at it there")
    return f"{url}: sent {', '.join(due)}"


def _look(hub, repo: str):
    """What the hub says of the repository and its files; None where there is none that the token may see."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return hub.model_info(repo, files_metadata=True)
    except RepositoryNotFoundError as error:
        if error.response.status_code == 404:
            return None
        raise


def _create(hub, repo: str, public: bool):
    hub.create_repo(repo, private=not public)
    return _look(hub, repo)


def _check(package: HubUpload, there, public: bool, replace: bool) -> None:
    if there.private is public:
        kind, other = ("private", "public") if there.private else ("public", "private")
        raise InputError(f"{package.repo}: is {kind} on the hub and would be sent as {other}; change one of the two")
    names = {file.rfilename for file in there.siblings}
    if others := sorted(names - package.sizes.keys() - _HUBS_OWN):
        raise InputError(f"{package.repo}: holds what is not this model's ({', '.join(others)}); take another name")
    if (changed := sorted(names & set(_differing(package, there)))) and not replace:
        raise InputError(
            f"{package.repo}: holds another version of {', '.join(changed)}; take another name, or say --replace to "
            "put these on top (the hub keeps the earlier commit)"
        )


def _differing(package: HubUpload, there) -> list[str]:
    """The package's files that the hub does not hold as they are here."""
    held = {file.rfilename: file for file in there.siblings}
    return [name for name in package.sizes if not _is_same(package.folder / name, held.get(name))]


def _is_same(path: Path, held) -> bool:
    from huggingface_hub.utils.sha import git_hash

    if held is None or held.lfs:
        return held is not None and held.lfs.sha256 == sha256(path)
    return held.blob_id == git_hash(path.read_bytes())


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """What goes wrong at the hub or on the way there, in one line without the request."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except InputError:
        raise
    except HfHubHTTPError as error:
        status, said = error.response.status_code, error.server_message or "no reason given"
        if status in (401, 403):
            raise InputError(
                f"HF_TOKEN: the hub does not take it for {repo} ({status}: {said}); expected one that may write there"
            ) from None
        if status in (409, 412):
            raise Failed(
                f"{repo}: was changed on the hub meanwhile ({status}: {said}); look at it, and run again"
            ) from None
        raise Failed(f"{repo}: the hub answered {status} ({said}); run again to go on") from None
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = str(error.__cause__ or error).strip() or type(error).__name__
        raise Failed(f"{repo}: not sent ({reason.splitlines()[0][:200]}); run again to go on") from error
