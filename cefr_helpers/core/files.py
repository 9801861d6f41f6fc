"""Files: JSON of others read, files and folders written whole or not at all, full disks named, cells of CSV files."""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cefr_helpers.core.errors import DiskFull, InputError, shown

_FULL_NUMBERS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# safetensors and PyTorch write by themselves and raise errors of their own
_FULL_TEXTS = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "PytorchStreamWriter failed",
    "file write failed",
)
# apostrophes of the text's own count too, or reading could not tell them from the one that is added
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
# text-generation-webui lists every entry of loras/ except those with this ending: where half-written folders belong
STAGING = "-np"


def read_json(path: Path, expected: str) -> object:
    """The content of a JSON file in UTF-8.

    Args:
        expected: what the message says should be there.

    Raises:
        InputError: the file can't be read, is not UTF-8, not JSON or nested too deep.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {expected}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deep; {expected}") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); {expected}") from None


def read_json_object(path: Path, expected: str) -> dict:
    """The content of a JSON file that holds an object.

    Args:
        expected: as for `read_json`.

    Raises:
        InputError: as `read_json`, or it holds something else.
    """
    found = read_json(path, expected)
    if not isinstance(found, dict):
        raise InputError(f"{path}: {shown(found)} is no JSON object; {expected}")
    return found


@contextmanager
def explain_full_disk(path: Path, needed: int) -> Iterator[None]:
    """Turn whatever a writer raises on a full disk into `DiskFull`.

    Args:
        path: what is being written.
        needed: its size, or what of it was to be written at least (bytes).
    """
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise DiskFull(path, needed, free_bytes(path)) from error


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that a disk, a quota or the largest size of a file was reached."""
    return getattr(error, "errno", None) in _FULL_NUMBERS or any(text in str(error) for text in _FULL_TEXTS)


def free_bytes(path: Path) -> int:
    """Bytes that can be written where `path` is or will be."""
    return shutil.disk_usage(nearest_folder(path)).free


def nearest_folder(path: Path) -> Path:
    """The nearest folder that is there, on the same disk as `path` will be."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def to_spreadsheet(value: object) -> object:
    """A CSV cell that no spreadsheet takes for a formula: an apostrophe comes before text that could begin one.

    The way of OWASP (https://owasp.org/www-community/attacks/CSV_Injection); a number is no formula.
    """
    live = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if live else value


def from_spreadsheet(text: str) -> str:
    """The text that `to_spreadsheet` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


@contextmanager
def atomic_file(path: Path, needed: int) -> Iterator[BinaryIO]:
    """A file to write, aside of `path` and moved there at the end: `path` is absent, old or whole at any moment.

    Args:
        needed: bytes that it will take, for the message where there is no room.

    Raises:
        DiskFull: there is no room for it.
    """
    aside = aside_of(path)
    try:
        with explain_full_disk(path, needed):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(aside, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def aside_of(path: Path) -> Path:
    """A temporary name beside `path`, unique across processes and nodes."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write all of `content` through `atomic_file`."""
    content = content.encode() if isinstance(content, str) else content
    with atomic_file(path, len(content)) as file:
        file.write(content)
    return path


def sha256(path: Path) -> str:
    """The hex digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def staged(folder: Path, needed: int) -> Iterator[Path]:
    """A folder aside to write in, under a name that text-generation-webui does not list, moved to `folder` at the end.

    Args:
        needed: bytes that it will take, for the message where there is no room.

    Raises:
        DiskFull: there is no room for it; whatever fails, nothing of it is left.
        FileExistsError: `folder` is there already.
    """
    staging = folder.with_name(f"{folder.name}{STAGING}")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with explain_full_disk(folder, needed):
            staging.mkdir(parents=True)
            yield staging
            _into_place(staging, folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _into_place(staging: Path, folder: Path) -> None:
    if folder.exists():
        raise FileExistsError(f"{folder}: exists already, and a published model is never overwritten")
    for file in staging.iterdir():
        with open(file, "rb") as written:
            os.fsync(written.fileno())
    os.rename(staging, folder)
