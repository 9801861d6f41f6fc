"""A full disk, told with the path that was being written and what it needs."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core.errors import DiskFull

_NUMBERS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# safetensors and PyTorch write by themselves and raise errors of their own
_TEXTS = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "PytorchStreamWriter failed",
    "file write failed",
)


@contextmanager
def told_when_full(path: Path, needed: int) -> Iterator[None]:
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
        if not is_full(error):
            raise
        raise DiskFull(path, needed, free(path)) from error


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, a quota or the largest size of a file was reached."""
    return getattr(error, "errno", None) in _NUMBERS or any(text in str(error) for text in _TEXTS)


def free(path: Path) -> int:
    """Bytes that can be written where `path` is or will be."""
    return shutil.disk_usage(there(path)).free


def there(path: Path) -> Path:
    """The nearest folder that is there, on the same disk as `path` will be."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
