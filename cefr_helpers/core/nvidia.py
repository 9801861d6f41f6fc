"""NVIDIA GPUs and driver as nvidia-smi reports them, and why a build of PyTorch can't use one.

Only Python's standard library is imported, because the set-up calls this before anything is installed.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_VISIBLE = "CUDA_VISIBLE_DEVICES"
# CUDA's major version -> the oldest driver that runs programs built for it, by NVIDIA's compatibility table
_OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
HIDE = f"{_VISIBLE}= in front of the command hides the GPU and uses the CPU"


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        driver: its version, such as "580.65.06".
        capability: compute capability, such as (7, 5); None if the driver is too old to report it.
    """

    name: str
    driver: str
    memory_bytes: int
    capability: tuple[int, int] | None


def gpus() -> tuple[list[Gpu], str | None]:
    """Return this machine's GPUs, and the problem if nvidia-smi exists but fails; ([], None) without nvidia-smi."""
    try:
        lines = query("name,driver_version,memory.total")
    except FileNotFoundError:
        return [], None
    except (OSError, subprocess.SubprocessError) as error:
        return [], f"nvidia-smi: {_first_line(error)}"
    try:
        capabilities = query("compute_cap")
    except (OSError, subprocess.SubprocessError):  # drivers before 2021 do not know this query
        capabilities = [""] * len(lines)
    return [_gpu(line, capability) for line, capability in zip(lines, capabilities, strict=True)], None


def hidden() -> bool:
    """Return whether the environment hides every GPU from this process, as CUDA reads it."""
    given = os.environ.get(_VISIBLE)
    return given is not None and given.strip() in ("", "-1")


def oldest_driver(cuda: str) -> int | None:
    """Return the major version of the oldest driver for programs built for CUDA such as "13.0"; None if unknown."""
    return _OLDEST_DRIVER.get(int(cuda.split(".")[0]))


def problem(gpu: Gpu, torch: str, cuda: str | None, codes: Sequence[str] = ()) -> str | None:
    """Say why PyTorch can't use a GPU and what to do about it; None if no problem is known.

    Args:
        torch: PyTorch's version.
        cuda: the CUDA version it is built for, such as "13.0"; None for a CPU build.
        codes: the architectures that the build has code for, such as "sm_75"; empty if that is not known.
    """
    if cuda is None:
        return (
            f"PyTorch {torch} is a build for CPUs, and this machine has an {_branded(gpu)}: install PyTorch's build "
            "for CUDA"
        )
    oldest = oldest_driver(cuda)
    if oldest and int(gpu.driver.split(".")[0]) < oldest:
        return (
            f"the NVIDIA driver {gpu.driver} is too old for PyTorch {torch}, which is built for CUDA {cuda} and needs "
            f"driver {oldest} or newer: update the driver, or install a build of PyTorch for an older CUDA"
        )
    lowest = _lowest(codes)
    if gpu.capability and lowest and gpu.capability < lowest:
        have, need = (".".join(map(str, version)) for version in (gpu.capability, lowest))
        return (
            f"the {_branded(gpu)} has compute capability {have}, and PyTorch {torch} for CUDA {cuda} has code for "
            f"{need} and higher: use a newer GPU, or install a build of PyTorch for an older CUDA"
        )
    return None


def _lowest(codes: Sequence[str]) -> tuple[int, int] | None:
    """Return the lowest compute capability among names such as "sm_75" and "sm_90a"."""
    numbers = ["".join(filter(str.isdigit, code)) for code in codes if code.startswith("sm_")]
    return min(((int(number[:-1]), int(number[-1])) for number in numbers), default=None)


def _branded(gpu: Gpu) -> str:
    return gpu.name if gpu.name.startswith("NVIDIA") else f"NVIDIA {gpu.name}"


def query(fields: str) -> list[str]:
    """Return nvidia-smi's line for each GPU.

    Raises:
        OSError: there is no nvidia-smi.
        SubprocessError: it failed, or took more than half a minute.
    """
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _gpu(line: str, capability: str) -> Gpu:
    name, driver, mebibytes = (part.strip() for part in line.rsplit(",", 2))
    major, _, minor = capability.partition(".")
    known = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
    # machines that share memory with the processor report "[N/A]"
    return Gpu(name, driver, int(mebibytes) * 2**20 if mebibytes.isdigit() else 0, known)


def _first_line(error: Exception) -> str:
    told = (getattr(error, "stdout", None) or "") + (getattr(error, "stderr", None) or "")
    lines = [line.strip() for line in told.splitlines() if line.strip()] or [str(error)]
    return lines[0].rstrip(".")
