"""What several tests share: a hand-made bank's examples and a tiny random model with the real tokenizer."""

import os
from pathlib import Path

import elsewhere
import pytest
from hypothesis import settings
from tiny_models import make_bytes, make_example, make_tiny

# The same made-up cases at each run; `--hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def checks_are_made():
    """A command without its checks sets this for its process; here many tests share one."""
    from cefr_helpers.core.errors import OVERRIDE

    yield
    os.environ.pop(OVERRIDE, None)


@pytest.fixture(scope="session")
def examples() -> list[dict]:
    """Ten examples over the same ten words; the last two are cut short, so that lengths differ."""
    made = [make_example(shift) for shift in range(10)]
    for example, lines in zip(made[-2:], (1, 4), strict=True):
        example["output"] = "\n".join(example["output"].split("\n")[:lines])
    return made


@pytest.fixture(scope="session")
def bundled():
    from cefr_helpers.models import base_model

    return base_model.resolve("bundled")


@pytest.fixture(scope="session")
def tiny_folder(bundled, tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny-llama", bundled)


@pytest.fixture(scope="session")
def byte_folder(tmp_path_factory) -> Path:
    return make_bytes(tmp_path_factory.mktemp("models") / "byte-llama")


@pytest.fixture(scope="session")
def in_transformers_4(tmp_path_factory):
    """A reader of models that has transformers 4."""
    yield from _reader(elsewhere.transformers_4(), tmp_path_factory)


@pytest.fixture(scope="session")
def in_transformers_5(tmp_path_factory):
    """A reader of models that has this project's libraries."""
    yield from _reader(elsewhere.transformers_5(), tmp_path_factory)


def _reader(python: Path, tmp_path_factory):
    reader = elsewhere.Reader(python, tmp_path_factory.mktemp("reader") / "said.txt")
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium; where there is none the test is skipped, or fails if CEFR_NEEDS_CHROMIUM is set."""
    import browser

    if lacks := browser.missing():
        (pytest.fail if os.environ.get("CEFR_NEEDS_CHROMIUM") else pytest.skip)(lacks)
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver
