"""`cefr doctor`: a real run here, and its output for other machines."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import fake_nvidia_smi as smi
import pytest

from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.pipeline import doctor, machine
from cefr_helpers.pipeline.machine import Torch

CUDA_13 = Torch("2.13.0+cu130", "13.0", codes=("sm_75", "sm_80", "sm_90"))
T4_BYTES = 15360 * 2**20


def with_gpu(total: int, capability: tuple[int, int]) -> Torch:
    gpu = {"free": total, "total": total, "capability": list(capability), "bf16": capability >= (8, 0)}
    return Torch("2.13.0+cu130", "13.0", (gpu,), CUDA_13.codes)


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return lambda *gpus, **fails: monkeypatch.setenv("PATH", smi.install(tmp_path, *gpus, **fails))


def test_a_real_run_tells_of_this_machine_and_names_no_folder(tmp_path):
    called = [sys.executable, "-m", "cefr_helpers.cli", "doctor", "--output-root", str(tmp_path / "out")]
    here = {"PYTHONPATH": str(project_root()), "HF_TOKEN": "hf_" + "x" * 34, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(called, capture_output=True, text=True, env=os.environ | here)
    assert done.returncode == 0, done.stderr
    text, found = (
        done.stdout,
        {name: re.escape(metadata.version(name)) for name in ("torch", "unsloth", "bitsandbytes")},
    )
    assert re.search(rf"^  PyTorch +{found['torch']}(\+\w+)?, built for C", text, flags=re.MULTILINE)
    assert re.search(rf"^  Unsloth +{found['unsloth']}, imports$", text, flags=re.MULTILINE)
    assert re.search(rf"^  bitsandbytes +{found['bitsandbytes']}, imports$", text, flags=re.MULTILINE)
    assert re.search(r"^  smoke +fits; a level's training took about \d+ min", text, flags=re.MULTILINE)
    assert re.search(r"^  reference +does not fit; load_in_4bit: true needs a GPU", text, flags=re.MULTILINE)
    assert not any(secret in text for secret in (str(Path.home()), str(tmp_path), here["HF_TOKEN"]))


def test_a_t4_trains_in_fp16(nvidia_smi):
    nvidia_smi(smi.T4)
    [found] = machine.of_gpus(with_gpu(T4_BYTES, (7, 5)))
    expected = "Tesla T4, 16.1 GB, driver 580.82.07, compute capability 7.5, no bf16: trains in fp16"
    assert (found.value, found.advice) == (expected, "")


def test_an_h100_has_bf16(nvidia_smi):
    nvidia_smi(smi.H100)
    [found] = machine.of_gpus(with_gpu(80 * 10**9, (9, 0)))
    assert found.value.endswith("compute capability 9.0, bf16") and not found.advice


@pytest.mark.parametrize(
    ("gpu", "torch", "advice"),
    [
        (smi.OLD_DRIVER, CUDA_13, "the NVIDIA driver 535.183.01 is too old for PyTorch 2.13.0+cu130"),
        (smi.P100, CUDA_13, "compute capability 6.0"),
        (smi.T4, Torch("2.13.0+cpu"), "PyTorch 2.13.0+cpu is a build for CPUs"),
        (smi.T4, CUDA_13, "PyTorch 2.13.0+cu130 does not find it: check that its device is passed into this container"),
    ],
)
def test_a_gpu_that_pytorch_cannot_use_says_why_and_what_to_do(nvidia_smi, gpu, torch, advice):
    nvidia_smi(gpu)
    [found] = machine.of_gpus(torch)
    assert found.value.endswith("PyTorch can't use it")
    assert advice in found.advice and "CUDA_VISIBLE_DEVICES= in front of the command" in found.advice


def test_no_gpu_a_hidden_one_and_a_broken_driver_are_told_apart(nvidia_smi, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.of_gpus(CUDA_13) == [machine.Finding("GPU", "none: everything runs on the CPU")]
    nvidia_smi(smi.T4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "Tesla T4, hidden by CUDA_VISIBLE_DEVICES" in machine.of_gpus(CUDA_13)[0].value
    nvidia_smi(fails_with=smi.NO_DRIVER)
    advice = machine.of_gpus(CUDA_13)[0].advice
    assert smi.NO_DRIVER.rstrip(".") in advice and "restart the machine" in advice


def test_the_reference_recipe_fits_a_t4_and_no_gpu_of_4_gb(tmp_path):
    reference = load_recipe("reference")
    fits, text = doctor.fit(reference, T4_BYTES, tmp_path)
    assert fits and "has 290 steps, 5 min on an NVIDIA H100; not measured here" in text
    assert doctor.fit(reference, 4 * 10**9, tmp_path) == (
        False,
        "it needs 8.0 GB of GPU memory, and there are 4.0 GB",
    )


def test_time_comes_from_runs_on_this_machine_where_there_are_some(tmp_path):
    """A training of 100 s in a notebook of 130 s, with the other stages 10, 40 and 5 s: 185 s for the same again."""
    from cefr_helpers.core import records

    shipped = json.loads((project_root() / "docs/reference_run/runs/B2/training.json").read_text())
    shipped["hardware"] |= {key: records.hardware()[key] for key in ("cpu", "cores", "system")}
    shipped["recipe"] = load_recipe("cpu").model_dump(mode="json")
    shipped["results"] |= {"duration_s": 100.0, "tokens_per_s": 200.0, "peak_memory_bytes": 3 * 10**9}
    folder = Workspace(tmp_path, tmp_path).run("B2")
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps(shipped))
    for stage, seconds in zip(doctor.STAGES, (10, 130, 40, 5), strict=True):
        notebook = {"metadata": {"papermill": {"duration": seconds}}}
        (folder / f"{stage}.ipynb").write_text(json.dumps(notebook))
    assert doctor.fit(load_recipe("cpu"), None, tmp_path) == (
        True,
        "a level takes about 3 min, by earlier runs on this machine",
    )


def test_a_library_that_cannot_be_imported_is_told_with_its_error(monkeypatch):
    told, error = machine.in_a_process("raise ImportError('libcudart.so.13: cannot open shared object file')")
    assert (told, error) == ("", "ImportError: libcudart.so.13: cannot open shared object file")


def test_gpu_kernels_need_a_compiler_and_the_cpu_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert "apt-get install gcc python3" in machine.of_compiler(has_gpu=True).advice
    assert machine.of_compiler(has_gpu=False).advice == ""


def test_a_hub_that_cannot_be_reached_leaves_two_ways(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    found = machine.of_hub()
    assert found.value == "not reachable (ConnectError)" and "`base_model: bundled`" in found.advice
