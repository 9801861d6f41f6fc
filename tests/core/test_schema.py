"""The schema of the records: names that the notebooks write, reading them back, and refusals with their messages."""

import json
from collections.abc import Iterator
from pathlib import Path

import hand_made_records
import pytest
from hand_made_records import change, write_records
from pydantic import ValidationError

from cefr_helpers.core import records, schema
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import LevelRecords, read_level
from cefr_helpers.core.paths import Stage, Workspace, project_root
from cefr_helpers.core.schema import RECORDS, BestStep, DatasetResults, Part, TrainingResults
from cefr_helpers.data import banks
from cefr_helpers.training import adoption

RUNS = project_root() / "docs" / "reference_run" / "runs"
WRITTEN = sorted(path for name in RECORDS for path in RUNS.glob(f"*/{name}.json"))
NOT_IN_THE_REFERENCE_RUN = {
    "Hardware.gpu",  # it ran on a CPU
    "Hardware.gpu_memory_bytes",
    "TrainingResults.processes",  # it is older
    "TrainingResults.adopted",  # of trainings that were run elsewhere
    "Adopted.read",
    "Memorisation.p",  # an interval without a test
    *("SentenceBank.read_as", "Opening.share"),  # the run is older
    *(f"{part}.{name}" for part in ("Placement", "PlacedSentence") for name in getattr(schema, part).model_fields),
    # of trainings that keep the checkpoint that writes best
    *(f"DevAnswers.{name}" for name in schema.DevAnswers.model_fields),
    *("TrainingResults.dev_answers", "BestStep.joint_success", "Step.joint_success", "Step.answers_s"),
    # of trainings that go on with sentences of their own
    *(f"SelfTraining.{name}" for name in schema.SelfTraining.model_fields),
    "TrainingResults.self_training",
    *("DatasetResults.placement", "Generation.human_scores", "ShownSlot.human_level"),
}


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "out", tmp_path / "user_data")


@pytest.fixture
def write_changed(workspace):
    """A function that writes a hand-made record of B2 with one value changed, given the keys that lead to it."""

    def write(name: str, keys: str, value: object) -> Path:
        write_records(workspace, hand_made_records.with_answers())
        path = workspace.record("B2", name)
        record = json.loads(path.read_text(encoding="utf-8"))
        *above, last = keys.split(".")
        part = record
        for key in above:
            part = part[int(key) if isinstance(part, list) else key]
        part[last] = value
        path.write_text(json.dumps(record), encoding="utf-8")
        return path

    return write


# In step with the notebooks


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_record_that_a_notebook_wrote_has_no_other_names_and_is_read_back_as_it_was(path):
    values = json.loads(path.read_text(encoding="utf-8"))
    record = RECORDS[path.stem].model_validate(values)  # refuses names that are not in the schema
    assert json.loads(records.as_text(record.as_dict())) == values


def parts_of(value: object) -> Iterator[Part]:
    """Every part that is given, at any depth."""
    if isinstance(value, Part):
        yield value
        for name in value.model_fields_set:
            yield from parts_of(getattr(value, name))
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts_of(one)


def test_every_name_of_the_schema_is_one_that_a_notebook_wrote():
    found = [RECORDS[path.stem].model_validate_json(path.read_text(encoding="utf-8")) for path in WRITTEN]
    assert {path.stem for path in WRITTEN} == set(RECORDS)
    written = {f"{type(part).__name__}.{name}" for part in parts_of(found) for name in part.model_fields_set}
    models = {one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, Part)}
    models -= {one for one in models if issubclass(one, schema.Record)} - set(RECORDS.values())
    known = {f"{model.__name__}.{name}" for model in models for name in model.model_fields}
    assert len(known) > 150 and known - written <= NOT_IN_THE_REFERENCE_RUN


def test_what_cleaning_dropped_by_hand_has_the_keys_that_a_bank_gives_it(tmp_path):
    bank = tmp_path / "bank.json"
    bank.write_text(json.dumps({"apple": ["She ate an apple.", "She ate an apple.", "He saw a pear."]}))
    dropped = banks.read(bank, "B2").summary()["dropped"]
    by_hand = hand_made_records.dataset().results.sentence_bank.dropped
    assert {*by_hand[0]} == {*dropped[0]}


# What is refused, and what is passed over


def test_a_name_that_is_not_in_the_schema_is_refused_by_code_that_writes():
    with pytest.raises(ValidationError, match="no_such_count"):
        DatasetResults(no_such_count=1)
    with pytest.raises(ValidationError, match="no_such_loss"):
        TrainingResults(best={"step": 1, "no_such_loss": 1.0})


def test_results_of_another_stage_are_refused_and_nothing_is_written(workspace):
    with pytest.raises(ValidationError):
        results = TrainingResults(duration_s=1.0)
        records.write(workspace, "dataset", level="B2", seed=1, recipe={}, inputs={}, results=results)
    assert not workspace.output_root.exists()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("dataset", "later"),
        ("training", "results.later"),
        ("training", "results.history.0.later"),
        ("training", "hardware.later"),
        ("comparison", "results.generation.measures.tuned.valid.later"),
    ],
)
def test_a_name_that_is_not_in_the_schema_is_passed_over_in_a_file(write_changed, workspace, name, keys):
    write_changed(name, keys, {"of": "a later version"})
    assert read_level(workspace, "B2") == hand_made_records.with_answers()


@pytest.mark.parametrize(
    ("name", "keys", "value", "told"),
    [
        ("dataset", "results.train_examples", "many", "results.train_examples: 'many'"),
        ("dataset", "results", [1], r"results: \[1\]"),
        ("training", "results.history.3.train_loss", "low", "results.history.3.train_loss: 'low'"),
        ("training", "results.best", 7, "results.best: 7"),
        ("comparison", "results.generation.measures.tuned.valid.value", "x", "measures.tuned.valid.value: 'x'"),
        ("comparison", "seed", 1.5, "seed: 1.5"),
    ],
)
def test_a_broken_value_is_named_with_its_file_its_key_and_the_stage_to_run(
    write_changed, workspace, name, keys, value, told
):
    path = write_changed(name, keys, value)
    with pytest.raises(InputError, match=told) as error:
        records.read(workspace, "B2", name)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith(f"; run {Stage.of_record(name)} for level B2 again")


@pytest.mark.parametrize("keys", ["results.best", "results.history", "results.hyperparameters", "hardware", "results"])
def test_null_in_a_file_is_an_empty_part(write_changed, workspace, keys):
    write_changed("training", keys, None)
    value = records.read(workspace, "B2", "training")
    for key in keys.split("."):
        value = getattr(value, key)
    assert not value and value is not None


# Missing parts


def test_a_part_that_is_missing_is_there_with_nothing_in_it_and_is_one_records_own():
    one, other = LevelRecords("B2"), LevelRecords("B2")
    assert one.training.results.best.eval_loss is None and not one.training.results.best and not one.is_done
    change(one.training.results.best, eval_loss=1.0)
    one.training.results.hyperparameters["epochs"] = 1
    assert other.training.results.best == BestStep() and other.training.results.hyperparameters == {}


def test_an_adopted_runs_record_is_read_with_what_its_logs_did_not_tell_empty(workspace, tmp_path):
    log = [{"step": 10, "epoch": 1.0, "loss": 1.5}, {"step": 10, "epoch": 1.0, "eval_loss": 1.25}]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "trainer_state.json").write_text(json.dumps({"global_step": 10, "log_history": log}))
    adoption.adopt(tmp_path / "run", "B2", workspace)
    found = read_level(workspace, "B2")
    assert found.adopted and found.is_done and found.best == BestStep(step=10, epoch=1.0, eval_loss=1.25)
    results = found.training.results
    assert not results.merged_model and not results.adapter and results.precision is None and results.history[0].step
    assert found.training.recipe["base_model"] is None and found.model_name is None and found.above_floor is None
