import json

import pytest

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import DatasetResults


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "out", tmp_path / "user_data")


def write(workspace, **results):
    results = DatasetResults(**results)
    return records.write(workspace, "dataset", level="B2", seed=1, recipe={}, inputs={}, results=results)


def test_what_is_written_is_read_back(workspace):
    path = write(workspace, train_examples=3)
    record = records.read(workspace, "B2", "dataset")
    assert path == workspace.record("B2", "dataset")
    assert record.results == DatasetResults(train_examples=3)
    assert json.loads(path.read_text())["results"] == {"train_examples": 3}  # nothing that was not given
    assert (record.schema_version, record.level, record.seed) == (records.SCHEMA, "B2", 1)
    assert record.hardware.cores >= 1 and record.versions["torch"].startswith("2.")


def test_an_earlier_record_stays_in_history(workspace, monkeypatch):
    from datetime import UTC, datetime, timedelta

    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz=None):
            cls.hours += 1
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=cls.hours)

    monkeypatch.setattr(records, "datetime", Clock)
    write(workspace, train_examples=1)
    write(workspace, train_examples=2)
    kept = sorted((workspace.run("B2") / "history").glob("dataset-*.json"))
    assert [json.loads(path.read_text())["results"]["train_examples"] for path in kept] == [1, 2]


@pytest.mark.parametrize("removed", [False, True], ids=["there", "removed by the batch"])
def test_the_same_content_again_leaves_the_record_as_it_was(workspace, monkeypatch, capsys, removed):
    path = write(workspace, train_examples=1)
    text = path.read_text().replace('"commit": "', '"commit": "0')  # as made with other code
    for kept in (path, *(workspace.run("B2") / "history").iterdir()):
        kept.write_text(text)
    if removed:
        path.unlink()
    write(workspace, train_examples=1)
    assert path.read_text() == text
    assert "dataset.json: same content as of 20" in capsys.readouterr().out
    write(workspace, train_examples=2)
    assert path.read_text() != text and "0" + records.code_version.commit() not in path.read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"recipe": {"train_examples": 8}},
        {"inputs": {"bank.csv": "1" * 64}},
        {"results": DatasetResults(eval_examples=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_shapes_a_stage_makes_another_record(workspace, change):
    given = {"level": "B2", "seed": 1, "recipe": {"train_examples": 9, "epochs": 1}, "inputs": {"bank.csv": "0" * 64}}
    given["results"] = DatasetResults(train_examples=1)
    path = records.write(workspace, "dataset", **given)
    text = path.read_text()
    free = {"recipe": {"train_examples": 9, "epochs": 2}, "inputs": {"elsewhere/bank.csv": "0" * 64}}
    assert records.write(workspace, "dataset", **given | free).read_text() == text
    assert records.write(workspace, "dataset", **given | change).read_text() != text


def test_missing_record_names_the_stage_to_run(workspace):
    with pytest.raises(InputError, match="run 02_training for level B2 first"):
        records.read(workspace, "B2", "training")
    assert records.read_if_there(workspace, "B2", "training") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_broken_record_is_refused(workspace, content):
    path = workspace.record("B2", "dataset")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(InputError, match="dataset.json"):
        records.read(workspace, "B2", "dataset")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = files.write_atomically(tmp_path / "a.json", "old")

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_not_finite_numbers_are_refused(workspace):
    with pytest.raises(ValueError):
        write(workspace, sentence_words={"mean": float("nan")})
    assert not workspace.record("B2", "dataset").exists()
