"""The output of nvidia-smi with drivers of several ages, and the reasons why training is impossible with them."""

import re

import fake_nvidia_smi as smi
import pytest

from cefr_helpers.core import nvidia
from cefr_helpers.core.errors import InputError
from cefr_helpers.training import preflight

CODES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with these GPUs, or with an nvidia-smi that fails."""

    def with_gpus(*gpus, **fails):
        monkeypatch.setenv("PATH", smi.install(tmp_path, *gpus, **fails))

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return with_gpus


def test_without_nvidia_smi_there_is_no_gpu_and_nothing_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia.gpus() == ([], None)
    preflight.check_gpu()


def test_gpus_are_read(machine):
    machine(smi.T4, smi.H100)
    t4 = nvidia.Gpu("Tesla T4", "580.82.07", 15360 * 2**20, (7, 5))
    h100 = nvidia.Gpu("NVIDIA H100 80GB HBM3", "580.159.04", 81559 * 2**20, (9, 0))
    assert nvidia.gpus() == ([t4, h100], None)


def test_a_driver_that_does_not_know_compute_capability_still_lists_its_gpu(machine):
    machine(smi.OLDER_DRIVER)
    assert nvidia.gpus() == ([nvidia.Gpu("Tesla V100-SXM2-16GB", "418.87.01", 16160 * 2**20, None)], None)


def test_a_driver_that_is_not_loaded_is_told_in_its_own_words(machine):
    machine(fails_with=smi.NO_DRIVER)
    assert nvidia.gpus() == ([], f"nvidia-smi: {smi.NO_DRIVER.rstrip('.')}")


def gpu(described) -> nvidia.Gpu:
    name, driver, mebibytes, capability = described
    return nvidia.Gpu(name, driver, int(mebibytes) * 2**20, tuple(map(int, capability.split("."))))


@pytest.mark.parametrize(
    ("described", "cuda", "expected"),
    [
        (smi.T4, "13.0", None),
        (smi.H100, "13.0", None),
        (smi.OLD_DRIVER, "12.6", None),
        (smi.OLD_DRIVER, "13.0", "driver 535.183.01 is too old for PyTorch 2.13.0, .* CUDA 13.0 and needs driver 580"),
        (smi.P100, "13.0", "Tesla P100-PCIE-16GB has compute capability 6.0, .* has code for 7.5 and higher"),
        (smi.T4, None, "PyTorch 2.13.0 is a build for CPUs, and this machine has an NVIDIA Tesla T4"),
    ],
)
def test_what_stands_against_a_gpu_is_named(described, cuda, expected):
    found = nvidia.problem(gpu(described), "2.13.0", cuda, CODES)
    if expected is None:
        assert found is None
    else:
        assert re.search(expected, found)


def test_training_refuses_a_gpu_that_pytorch_cannot_use(machine, monkeypatch):
    """This machine's PyTorch has no GPU to use, whatever its build: a driver from 2019 is too old for any of them."""
    machine(smi.OLDER_DRIVER)
    with pytest.raises(InputError, match="418.87.01 is too old|build for CPUs.*CUDA_VISIBLE_DEVICES= in front"):
        preflight.check_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    preflight.check_gpu()
