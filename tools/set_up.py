"""`python tools/set_up.py [--plan]`: create .venv with the Python that runs this, and install the suite there.

It needs only Python's standard library, and to fill the environment either ensurepip or a pip of this Python.
`--plan` prints what would be installed, and installs nothing.
"""

import json
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cefr_helpers.core import nvidia  # noqa: E402

VENV = ROOT / ".venv"
# pip would compile one module after another, which takes it longer than to install them; see `compile_modules`
_PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
_FOR_ALL = (
    ["-r", "requirements.txt", "-c", "constraints.txt"],
    ["--no-deps", "-r", "requirements-no-deps.txt"],
    ["--no-deps", "--no-build-isolation", "-e", "."],
)
_FOR_GPUS = ["-r", "requirements-gpu.txt", "-c", "constraints.txt"]
# What the package index gives for requirements.txt on Linux, for messages before it is installed
_EXPECTED = {"version": "2.13.0", "cuda": "13.0", "codes": []}
_TORCH = (
    "import json, torch; print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, "
    "'codes': torch.cuda.get_arch_list() if torch.cuda.is_available() else []}))"
)


def gpu_problem(gpu: nvidia.Gpu, torch: dict) -> str | None:
    """Say why training will not use a GPU; `torch` is the output of `_TORCH`."""
    problem = nvidia.problem(gpu, torch["version"], torch["cuda"], torch["codes"])
    return problem and f"{problem}; {nvidia.HIDE}"


def make_environment() -> Path:
    """Create .venv, replacing one of another Python, and return its Python."""
    own_pip = find_spec("ensurepip") is not None
    venv.create(VENV, with_pip=own_pip, symlinks=True, clear=_of_another_python())
    python = VENV / "bin" / "python"
    if not own_pip:  # as on Debian without python3-venv
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip"], check=True)
    return python


def library() -> Path:
    """Return the folder into which this Python's packages are installed in .venv."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))


def _of_another_python() -> bool:
    return VENV.exists() and not library().is_dir()


def compile_modules(folder: Path) -> None:
    """Compile a folder's modules on all cores; those that can't be, such as templates of packages, stay as they are."""
    command = [sys.executable, "-W", "ignore", "-m", "compileall", "-qq", "-j", "0", str(folder)]
    subprocess.run(command, check=False)


def install(gpus: list[nvidia.Gpu]) -> None:
    """Install into .venv; also what a GPU needs, if PyTorch is a build for CUDA.

    Raises:
        CalledProcessError: pip failed, and has printed why.
    """
    python = str(make_environment())
    for what in _FOR_ALL:
        subprocess.run([python, *_PIP, *what], cwd=ROOT, check=True)
    if gpus:
        torch = json.loads(subprocess.run([python, "-c", _TORCH], stdout=subprocess.PIPE, check=True).stdout)
        if torch["cuda"]:  # with a build for CPUs torchvision can't be imported, and then neither can transformers
            subprocess.run([python, *_PIP, *_FOR_GPUS], cwd=ROOT, check=True)
        print(gpu_problem(gpus[0], torch) or f"PyTorch {torch['version']} is built for this GPU.", flush=True)
    compile_modules(library())
    (VENV / "installed").touch()


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--plan"]):
        print(f"tools/set_up.py: {' '.join(arguments)}: expected nothing, or --plan", file=sys.stderr)
        return 2
    gpus, trouble = nvidia.gpus()
    version = ".".join(map(str, sys.version_info[:3]))
    kind = f"{gpus[0].name}, driver {gpus[0].driver}" if gpus else "no NVIDIA GPU"
    print(f"Setting up .venv with Python {version}, {kind} (once, a few minutes) ...", flush=True)
    # printed before the download, which takes minutes
    if said := trouble or (gpus and gpu_problem(gpus[0], _EXPECTED)):
        print(said, flush=True)
    if arguments:
        for what in (*_FOR_ALL, *([_FOR_GPUS] if gpus else [])):
            print(" ".join(["pip install", *what]))
        return 0
    try:
        install(gpus)
    except subprocess.CalledProcessError as error:
        print(f"{error}: see above, and run the same command again", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
