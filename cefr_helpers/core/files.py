"""Read JSON files, write files and folders atomically, report full disks, and protect cells of CSV files."""

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
# safetensors and PyTorch write files themselves and raise their own errors
_FULL_TEXTS = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "PytorchStreamWriter failed",
    "file write failed",
)
# apostrophes in the text count too; otherwise reading could not tell them from the one that is added
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
# text-generation-webui lists every entry of loras/ except those with this ending, which half-written folders get
STAGING = "-np"


def read_json(path: Path, expected: str) -> object:
    """Return the content of a JSON file in UTF-8.

    Args:
        expected: what the error message says was expected.

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
    """Turn any error that a writer raises on a full disk into `DiskFull`.

    Args:
        path: what is being written.
        needed: its size, or the least of it that had to be written (bytes).
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
    """Return whether an error says that a disk is full, or that a quota or the maximum file size was reached."""
    return getattr(error, "errno", None) in _FULL_NUMBERS or any(text in str(error) for text in _FULL_TEXTS)


def free_bytes(path: Path) -> int:
    """Return how many bytes can be written where `path` is or will be."""
    return shutil.disk_usage(nearest_folder(path)).free


def nearest_folder(path: Path) -> Path:
    """Return the nearest folder that exists, which is on the disk where `path` will be."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def folder_bytes(folder: Path) -> int:
    """Return the total size of the files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def to_spreadsheet(value: object) -> object:
    """Return a CSV cell that no spreadsheet reads as a formula: text that could begin one gets an apostrophe.

    This is OWASP's advice (https://owasp.org/www-community/attacks/CSV_Injection); numbers stay unchanged.
    """
    live = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if live else value


def from_spreadsheet(text: str) -> str:
    """Return the text that `to_spreadsheet` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


@contextmanager
def atomic_file(path: Path, needed: int) -> Iterator[BinaryIO]:
    """Open a temporary file that is moved to `path` at the end, so `path` is always absent, old or complete.

    Args:
        needed: its size in bytes, for the message if there is no room.

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
    """Return a temporary name beside `path`, unique across processes and nodes."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write `content` through `atomic_file`, and return `path`."""
    content = content.encode() if isinstance(content, str) else content
    with atomic_file(path, len(content)) as file:
        file.write(content)
    return path


def sha256(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def staged(folder: Path, needed: int) -> Iterator[Path]:
    """Open a temporary folder, whose name text-generation-webui does not list, that is moved to `folder` at the end.

    Args:
        needed: its size in bytes, for the message if there is no room.

    Raises:
        DiskFull: there is no room for it; after any failure nothing of it is left.
        FileExistsError: `folder` exists already.
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
