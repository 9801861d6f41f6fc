"""Upload a published folder to the Hugging Face Hub as one commit.

Files that the hub has already are not sent again, and nothing is overwritten unless requested.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.files import sha256
from cefr_helpers.sharing.hub_package import HubUpload

_HUBS_OWN = {".gitattributes"}  # the hub adds it to each new repository


class Failed(RuntimeError):
    """The hub was not reached or did not accept the upload; the same call resumes where this one ended."""


def token() -> str:
    """Return the user's token, read only from the environment.

    Raises:
        InputError: there is none.
    """
    found = os.environ.get("HF_TOKEN", "").strip()
    if not found:
        raise InputError("HF_TOKEN: not set; expected a write token for the hub, in the environment")
    return found


def send(package: HubUpload, key: str, public: bool = False, replace: bool = False) -> str:
    """Upload a checked folder to the hub as one commit, and compare the result with the folder.

    Args:
        key: the user's token.
        public: whether the repository is public; an existing one has to be so too.
        replace: replace files of the same names, in a new commit.

    Returns:
        What was done, for people.

    Raises:
        InputError: the token, or the content of the repository, forbids it; nothing was changed.
        Failed: the hub was not reached, or did not accept the upload.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    hub = HfApi(token=key)
    with _told(package.repo):
        there = _look(hub, package.repo) or _create(hub, package.repo, public)
        _check(package, there, public, replace)
        due = _differing(package, there)
        url = f"{hub.endpoint}/{package.repo}"
        if not due:
            return f"{url}: has the same files already; nothing was sent"
        files = [CommitOperationAdd(name, package.folder / name) for name in due]
        # based on the commit that was checked: the hub refuses it if another commit came in between
        hub.create_commit(package.repo, files, commit_message=package.summary, parent_commit=there.sha)
        left = _differing(package, _look(hub, package.repo))
    if left:
        raise Failed(f"{package.repo}: {', '.join(left)} differ on the hub from here; look at them there")
    return f"{url}: sent {', '.join(due)}"


def _look(hub, repo: str):
    """Return the hub's information on the repository and its files; None if the token can see no such repository."""
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
        raise InputError(f"{package.repo}: is {kind} on the hub and would be uploaded as {other}; change one of them")
    names = {file.rfilename for file in there.siblings}
    if others := sorted(names - package.sizes.keys() - _HUBS_OWN):
        raise InputError(f"{package.repo}: has files of something else ({', '.join(others)}); use another name")
    if (changed := sorted(names & set(_differing(package, there)))) and not replace:
        raise InputError(
            f"{package.repo}: has another version of {', '.join(changed)}; use another name, or --replace to "
            "replace it (the hub keeps the earlier commit)"
        )


def _differing(package: HubUpload, there) -> list[str]:
    """Return the package's files that the hub does not have in this version."""
    held = {file.rfilename: file for file in there.siblings}
    return [name for name in package.sizes if not _is_same(package.folder / name, held.get(name))]


def _is_same(path: Path, held) -> bool:
    from huggingface_hub.utils.sha import git_hash

    if held is None or held.lfs:
        return held is not None and held.lfs.sha256 == sha256(path)
    return held.blob_id == git_hash(path.read_bytes())


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """Turn errors of the hub or of the connection into one line without the request."""
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
                f"HF_TOKEN: the hub does not accept it for {repo} ({status}: {said}); expected one that may write there"
            ) from None
        if status in (409, 412):
            raise Failed(
                f"{repo}: was changed on the hub meanwhile ({status}: {said}); look at it, and run again"
            ) from None
        raise Failed(f"{repo}: the hub answered {status} ({said}); run again to resume") from None
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = str(error.__cause__ or error).strip() or type(error).__name__
        raise Failed(f"{repo}: not sent ({reason.splitlines()[0][:200]}); run again to resume") from error
