"""The peers' environments: one per peer, made once from its pinned requirements, in the cache folder."""

import shutil
import subprocess
import sys
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.models import base_model

PEERS = Path(__file__).parent / "peers"
OWN = "suite"
_SHOWN_CHARACTERS = 400


class NotInstalled(Exception):
    """A peer's requirements could not be installed; the message has pip's last lines."""


def requirements(name: str) -> Path:
    """Return the file that pins everything a peer needs, including its dependencies."""
    return PEERS / f"{name}.txt"


def python(name: str) -> Path:
    """Return the interpreter of a peer's environment, installing it if necessary; "suite" is the present one.

    Raises:
        NotInstalled: pip failed.
    """
    if name == OWN:
        return Path(sys.executable)
    file = requirements(name)
    folder = base_model.cache_folder() / "benchmarks" / "environments" / f"{name}-{files.sha256(file)[:12]}"
    interpreter, installed = folder / "bin" / "python", folder / "installed"
    if not installed.is_file():
        print(f"Installing {name} into {folder} (once, some minutes) ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _call([sys.executable, "-m", "venv", str(folder)])
        # every package is pinned, so that nothing is left to resolve, and what a peer declares but a CPU does not
        # need stays out
        _call([str(interpreter), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(file)])
        installed.touch()
    return interpreter


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = " / ".join(line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip())
        raise NotInstalled(f"{command[-1]}: {said[-_SHOWN_CHARACTERS:]}")
