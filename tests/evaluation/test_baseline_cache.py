"""The base's results are computed once for the same input, and never reused for other input or from a broken file."""

from dataclasses import replace

import pytest

from cefr_helpers.evaluation import baseline_cache
from cefr_helpers.models.base_model import BaseModel


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return BaseModel(tmp_path, "name", "source", "identifier", None, "ab" * 32)


class Work:
    def __init__(self, result):
        self.result, self.times = result, 0

    def __call__(self):
        self.times += 1
        return self.result


def ask(base, work, *, name="answers", examples=({"words": ["a"]},), settings=None, precision="bf16"):
    kept = baseline_cache.open_cache(base, precision)
    return kept.result(name, examples, settings or {"max_new_tokens": 5}, work), kept.reused


def test_the_same_question_is_computed_once(base):
    rows = [{"nll_nats": 0.1 + 0.2, "tokens": 3}]
    work = Work(rows)
    assert ask(base, work) == (rows, [])
    assert ask(base, work) == (rows, ["answers"])
    assert work.times == 1


@pytest.mark.parametrize(
    "other",
    [
        {"name": "likelihood"},
        {"examples": ({"words": ["b"]},)},
        {"settings": {"max_new_tokens": 6}},
        {"precision": "fp32"},
    ],
)
def test_another_question_is_computed(base, other):
    ask(base, Work("first"))
    assert ask(base, Work("second"), **other) == ("second", [])


def test_other_weights_and_code_are_computed(base, monkeypatch):
    ask(base, Work("first"))
    changed = BaseModel(base.folder, base.name, base.source, base.identifier, None, "cd" * 32)
    assert ask(changed, Work("second")) == ("second", [])
    changed = replace(base, files_sha256="another chat template")
    assert ask(changed, Work("second")) == ("second", [])
    monkeypatch.setattr(baseline_cache.files, "sha256", lambda path: "other code")
    assert ask(base, Work("third")) == ("third", [])


@pytest.mark.parametrize("content", ["", "{}", '{"result": "wrong", "sha256": "0"}', "[1]"])
def test_a_broken_file_is_computed_again(base, tmp_path, content):
    ask(base, Work("right"))
    (path,) = (tmp_path / "cache").rglob("*.json")
    path.write_text(content)
    assert ask(base, Work("right")) == ("right", [])
    assert ask(base, Work("unused")) == ("right", ["answers"])


def test_a_failure_is_not_kept(base):
    def fail():
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        ask(base, fail)
    assert ask(base, Work("right")) == ("right", [])
