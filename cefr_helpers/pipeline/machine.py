"""Examine this machine for what the suite uses, with advice on what is missing or can't be used."""

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cefr_helpers.core import code_version, files, nvidia, records
from cefr_helpers.core.paths import Workspace
from cefr_helpers.models import base_model

_IMPORT_LIMIT_S = 300
_HUB_LIMIT_S = 3
# Environment and models of three levels, as README.md states
_DISK_BYTES = 6e9
_REMAKE = "`make clean`, then `make setup`, installs it"
_TORCH = """
import json, torch
told = {"version": torch.__version__, "cuda": torch.version.cuda, "gpus": [], "codes": []}
if torch.cuda.is_available():
    told["codes"] = torch.cuda.get_arch_list()
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        capability = torch.cuda.get_device_capability(index)
        told["gpus"].append({"free": free, "total": total, "capability": capability, "bf16": capability >= (8, 0)})
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Finding:
    """One result of the examination; `advice` says what to do if it is missing or can't be used, or is empty."""

    name: str
    value: str
    advice: str = ""


@dataclass(frozen=True)
class Torch:
    """PyTorch as a separate process reports it; `error` is why it could not be imported, or None.

    Attributes:
        gpus: for each GPU that it can use: bytes `free` and `total`, `capability`, and whether it has `bf16`.
        codes: the architectures that the build has code for, such as "sm_75".
    """

    version: str = "missing"
    cuda: str | None = None
    gpus: tuple[dict, ...] = ()
    codes: tuple[str, ...] = ()
    error: str | None = None


def examine(workspace: Workspace) -> tuple[list[Finding], list[dict]]:
    """Return all findings, and the GPUs that PyTorch can use (`Torch.gpus`)."""
    torch = _torch()
    found = [*_of_python(torch), *of_gpus(torch), *_of_libraries(), of_compiler(bool(torch.gpus))]
    return [*found, _of_disk(workspace), of_hub(), _of_chromium()], list(torch.gpus)


def _of_python(torch: Torch) -> list[Finding]:
    import psutil

    hardware, memory = records.hardware(), psutil.virtual_memory()
    problem = f"{torch.error}; {_REMAKE}" if torch.error else ""
    build = f"built for CUDA {torch.cuda}" if torch.cuda else "built for CPUs"
    return [
        Finding("suite", f"commit {code_version.commit()[:10]}"),
        Finding("system", f"{hardware['system']}, {_distribution()}"),
        Finding("processor", f"{hardware['cpu']}, {hardware['cores']} cores"),
        Finding("memory", f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free"),
        Finding("Python", platform.python_version()),
        Finding("PyTorch", "can't be imported" if problem else f"{torch.version}, {build}", problem),
    ]


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return platform.release()


def of_gpus(torch: Torch) -> list[Finding]:
    """Return the GPUs that nvidia-smi lists and whether PyTorch can use them; if not, why."""
    listed, trouble = nvidia.gpus()
    if trouble:
        advice = f"{trouble}; reinstall the driver, or restart the machine after its update"
        return [Finding("GPU", "nvidia-smi does not work", advice)]
    if not listed:
        count = len(torch.gpus)
        return [Finding("GPU", f"{count} by PyTorch, no nvidia-smi" if count else "none: everything runs on the CPU")]
    if nvidia.hidden():
        return [Finding("GPU", f"{listed[0].name}, hidden by CUDA_VISIBLE_DEVICES: everything runs on the CPU")]
    return [_of_gpu(gpu, torch) for gpu in listed]


def _of_gpu(gpu: nvidia.Gpu, torch: Torch) -> Finding:
    capability = ".".join(map(str, gpu.capability)) if gpu.capability else "unknown"
    text = f"{gpu.name}, {gpu.memory_bytes / 1e9:.1f} GB, driver {gpu.driver}, compute capability {capability}"
    problem = None if torch.error else nvidia.problem(gpu, torch.version, torch.cuda, torch.codes)
    if not problem and not torch.gpus and not torch.error:
        problem = f"PyTorch {torch.version} does not find it: check that its device is passed into this container"
    if problem:
        return Finding("GPU", f"{text}; PyTorch can't use it", f"{problem}; {nvidia.HIDE}")
    bf16 = gpu.capability and gpu.capability >= (8, 0)
    return Finding("GPU", f"{text}, {'bf16' if bf16 else 'no bf16: trains in fp16'}")


def _torch() -> Torch:
    told, error = in_a_process(_TORCH)
    if error:
        return Torch(error=error)
    found = json.loads(told.splitlines()[-1])
    return Torch(found["version"], found["cuda"], tuple(found["gpus"]), tuple(found["codes"]))


def _of_libraries() -> list[Finding]:
    """Check Unsloth and bitsandbytes, each imported in a separate process, because Unsloth changes other libraries."""
    found = []
    for name, module in (("Unsloth", "unsloth"), ("bitsandbytes", "bitsandbytes")):
        _, error = in_a_process(f"import {module}")
        advice = f"{error}; {_REMAKE}" if error else ""
        found.append(Finding(name, "can't be imported" if error else f"{metadata.version(module)}, imports", advice))
    return found


def in_a_process(code: str) -> tuple[str, str | None]:
    """Run Python code in a separate process, and return what it prints and the last line of its error, or None."""
    environment = os.environ | {"UNSLOTH_DISABLE_STATISTICS": "1", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_IMPORT_LIMIT_S, env=environment
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer in {_IMPORT_LIMIT_S} s"
    if done.returncode == 0:
        return done.stdout, None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return "", lines[-1][:300] if lines else f"ended with {done.returncode}"


def of_compiler(has_gpu: bool) -> Finding:
    """Check for a C compiler and Python's headers, with which Triton compiles launchers of Unsloth's GPU kernels."""
    compiler = next(
        (name for name in (os.environ.get("CC"), "gcc", "cc", "clang") if name and shutil.which(name)), None
    )
    headers = (Path(sysconfig.get_path("include")) / "Python.h").is_file()
    text = f"{Path(compiler).name if compiler else 'none'}, {'with' if headers else 'without'} Python's headers"
    if compiler and headers:
        return Finding("C compiler", text)
    version = ".".join(platform.python_version_tuple()[:2])
    advice = f"Unsloth's GPU kernels need both (Debian, Ubuntu: apt-get install gcc python{version}-dev)"
    return Finding("C compiler", text if has_gpu else f"{text}; only a GPU needs it", advice if has_gpu else "")


def _of_disk(workspace: Workspace) -> Finding:
    places = {"results": workspace.output_root, "models": workspace.user_data, "cache": base_model.cache_folder()}
    free = {name: files.free_bytes(place) for name, place in places.items()}
    short = [name for name, size in free.items() if size < _DISK_BYTES]
    text = ", ".join(f"{size / 1e9:.0f} GB free for {name}" for name, size in free.items())
    advice = f"less than {_DISK_BYTES / 1e9:.0f} GB free for {', '.join(short)}: make room" if short else ""
    return Finding("disk", text, advice)


def of_hub() -> Finding:
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Finding("model hub", "not asked: HF_HUB_OFFLINE is set", "unset it to fetch a base model")
    try:
        httpx.head(constants.ENDPOINT, timeout=_HUB_LIMIT_S)
    except httpx.HTTPError as error:
        advice = "no base model can be downloaded; `base_model: bundled` and local folders need no hub"
        return Finding("model hub", f"not reachable ({type(error).__name__})", advice)
    return Finding("model hub", f"reachable, {'with' if os.environ.get('HF_TOKEN') else 'without'} a token")


def _of_chromium() -> Finding:
    there = [name for name in ("chromium", "chromedriver") if shutil.which(name)]
    if len(there) == 2:
        return Finding("Chromium", "there, with its driver")
    advice = "tests in a browser are skipped without it (Debian: apt-get install chromium chromium-driver)"
    return Finding("Chromium", f"{' and '.join(there) or 'none'}", advice)
