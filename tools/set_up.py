"""`python tools/set_up.py [--plan]`: makes .venv with the Python that runs this, and installs the suite there.

It needs nothing but Python's own library, and for an environment with pip either ensurepip or a pip of its own.
"""

import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
_PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def installations() -> list[list[str]]:
    """pip's arguments, call by call."""
    return [
        [*_PIP, "-r", "requirements.txt", "-c", "constraints.txt"],
        [*_PIP, "--no-deps", "-r", "requirements-no-deps.txt"],
        [*_PIP, "--no-deps", "--no-build-isolation", "-e", "."],
    ]


def make_environment() -> Path:
    """A new .venv in place of one of another Python; returns its Python."""
    own_pip = find_spec("ensurepip") is not None
    venv.create(VENV, with_pip=own_pip, symlinks=True, clear=_of_another_python())
    python = VENV / "bin" / "python"
    if not own_pip:  # as on Debian without python3-venv
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip"], check=True)
    return python


def _of_another_python() -> bool:
    library = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))
    return VENV.exists() and not library.is_dir()


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--plan"]):
        print(f"tools/set_up.py: {' '.join(arguments)}: expected nothing, or --plan", file=sys.stderr)
        return 2
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Setting up .venv with Python {version} (once, a few minutes) ...", flush=True)
    if arguments:
        print("\n".join(" ".join(["python", *call]) for call in installations()))
        return 0
    python = make_environment()
    for call in installations():
        done = subprocess.run([str(python), *call], cwd=ROOT)
        if done.returncode != 0:
            print(f"pip ended with {done.returncode}: see above; run the same command again", file=sys.stderr)
            return 1
    (VENV / "installed").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
