"""A stand-in for nvidia-smi on the PATH, with the output of drivers of several ages."""

from pathlib import Path

# name, driver, MiB, compute capability
T4 = ("Tesla T4", "580.82.07", "15360", "7.5")
H100 = ("NVIDIA H100 80GB HBM3", "580.159.04", "81559", "9.0")
P100 = ("Tesla P100-PCIE-16GB", "580.82.07", "16384", "6.0")
OLD_DRIVER = ("NVIDIA GeForce RTX 3060", "535.183.01", "12288", "8.6")
OLDER_DRIVER = ("Tesla V100-SXM2-16GB", "418.87.01", "16160", "")
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it is running."
)


def install(folder: Path, *gpus: tuple[str, str, str, str], fails_with: str = "") -> str:
    """Write the program into a folder; returns a PATH on which it comes first."""
    known, capabilities = "\n".join(", ".join(gpu[:3]) for gpu in gpus), "\n".join(gpu[3] for gpu in gpus)
    answer = f'echo "{capabilities}"' if all(gpu[3] for gpu in gpus) else "echo Field is not valid.; exit 2"
    told = f'case "$*" in *compute_cap*) {answer} ;; *index*) seq 0 {len(gpus) - 1} ;; *) echo "{known}" ;; esac'
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{f'echo {fails_with!r}; exit 9' if fails_with else told}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/local/bin:/usr/bin:/bin"
