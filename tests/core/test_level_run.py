import pytest

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_run import LevelRun
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.schema import DatasetResults, TrainingResults


def start(tmp_path, stage=Stage.FORMAT, level="B2", recipe="smoke"):
    return LevelRun.start(stage, level, recipe, tmp_path / "out", tmp_path / "user_data", 7)


def test_a_record_names_all_that_was_read_and_what_was_asked(tmp_path):
    bank = tmp_path / "bank.csv"
    bank.write_text("word,sentence\n")
    first = start(tmp_path)
    first.add_inputs([bank])
    dataset = first.finish(DatasetResults(train_examples=3))
    record = records.read(first.workspace, "B2", "dataset")
    assert record.inputs == {str(bank): files.sha256(bank)}
    assert (record.seed, record.recipe["name"], record.recipe["epochs"]) == (7, "smoke", first.settings.epochs)

    second = start(tmp_path, Stage.TRAIN)
    assert second.read("dataset").results.train_examples == 3
    examples = second.workspace.formatted_file("B2", "train")
    examples.parent.mkdir(parents=True)
    examples.write_text("[]")
    assert second.formatted_files("train") == {"train": examples}
    second.finish(TrainingResults(total_steps=1))
    assert records.read(second.workspace, "B2", "training").inputs == {
        str(path): files.sha256(path) for path in (dataset, examples)
    }


@pytest.mark.parametrize(
    ("given", "named"), [({"level": "B3"}, "B3"), ({"recipe": "none-such"}, "none-such")], ids=["level", "recipe"]
)
def test_what_there_is_not_is_refused_before_anything_is_created(tmp_path, given, named):
    with pytest.raises(InputError, match=named):
        start(tmp_path, **given)
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_was_not_run_is_named(tmp_path):
    with pytest.raises(InputError, match="dataset.json"):
        start(tmp_path, Stage.TRAIN).read("dataset")
