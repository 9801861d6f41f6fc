"""Runs trained elsewhere: their logs become a training record, plots and a note, in which unknown values are marked."""

import json
import os
from pathlib import Path

import pytest

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import BestStep, Files, Step, TrainingResults
from cefr_helpers.notes import results_note, training_figures
from cefr_helpers.training import adoption

EVALUATIONS = {50: 0.61, 100: 0.42, 150: 0.36, 200: 0.34, 250: 0.35}
TRAIN = {10: 1.83, 50: 0.72, 100: 0.48, 200: 0.32, 290: 0.28}


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    """An empty project."""
    root = tmp_path / "project"
    (root / "recipes").mkdir(parents=True)
    (root / "Snakefile").touch()
    monkeypatch.chdir(root)
    return Workspace(root, root / "user_data")


def state(**changes) -> dict:
    """A trainer_state.json as transformers writes it, with the reference run's published figures."""
    log = [
        {"step": step, "epoch": step / 29, "loss": loss, "learning_rate": 1e-4, "grad_norm": 0.5}
        for step, loss in TRAIN.items()
    ]
    log += [
        {"step": step, "epoch": step / 29, "eval_loss": loss, "eval_runtime": 2.0} for step, loss in EVALUATIONS.items()
    ]
    log = sorted(log, key=lambda entry: entry["step"])
    log.append({"step": 290, "epoch": 10.0, "train_loss": 0.5, "train_runtime": 390.0, "total_flos": 1e15})
    made = {
        "global_step": 290,
        "max_steps": 290,
        "num_train_epochs": 10,
        "train_batch_size": 16,
        "logging_steps": 10,
        "eval_steps": 50,
        "num_input_tokens_seen": 0,
        "log_history": log,
    }
    return made | changes


def write_run(folder: Path, content: dict | str, name: str = "trainer_state.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def add_adapter(folder: Path, base: str | None = "unsloth/Llama-3.2-1B-Instruct") -> None:
    config = {"r": 128, "lora_alpha": 256, "lora_dropout": 0.05, "target_modules": ["v_proj", "q_proj"]}
    write_run(folder, config | ({"base_model_name_or_path": base} if base else {}), "adapter_config.json")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")


def adopted(source: Path, workspace: Workspace, **options) -> TrainingResults:
    adoption.adopt(source, "B2", workspace, **options)
    return records.read(workspace, "B2", "training").results


def test_a_trainer_state_becomes_a_training_record(tmp_path, workspace):
    source = write_run(tmp_path / "earlier run", state())
    results = adopted(source, workspace)
    assert results.best == BestStep(step=200, epoch=200 / 29, eval_loss=0.34)
    assert results.train_loss.first == 1.83 and results.train_loss.last == 0.28
    assert results.train_loss.reduction_pct == pytest.approx(84.699, abs=0.001)
    assert results.eval_loss.reduction_pct == pytest.approx(44.262, abs=0.001)
    assert (results.duration_s, results.total_steps) == (390.0, 290)
    assert (results.steps_per_epoch, results.epochs) == (29, 10)
    assert results.hyperparameters["batch_size"] == 16 and results.hyperparameters["eval_steps"] == 50
    assert len(results.history) == 10
    assert results.history[2] == Step(step=50, epoch=50 / 29, eval_loss=0.61)
    unknown = ("precision", "tokens", "tokens_per_s", "peak_memory_bytes")
    assert [getattr(results, key) for key in unknown] == [None] * len(unknown)
    assert results.adapter == results.merged_model == Files()
    assert results.hyperparameters["learning_rate"] is None and results.hyperparameters["lora_rank"] is None
    assert results.adopted.read == "earlier run/trainer_state.json"


def test_the_newest_checkpoint_by_number_is_read_and_its_adapter_described(tmp_path, workspace):
    source = tmp_path / "run"
    early = state(global_step=50, log_history=state()["log_history"][:3])
    write_run(source / "checkpoint-50", early)
    write_run(source / "checkpoint-290", state())
    os.utime(source / "checkpoint-290", (0, 0))  # the number decides, not the time
    add_adapter(source / "final_adapter")
    results = adopted(source, workspace)
    assert results.adopted.read == "run/checkpoint-290/trainer_state.json"
    assert results.base_model.name == "unsloth/Llama-3.2-1B-Instruct"
    assert results.adapter.name == "final_adapter"
    assert list(results.adapter.files) == ["adapter_config.json", "adapter_model.safetensors"]
    ran = results.hyperparameters
    assert [ran[key] for key in ("lora_rank", "lora_alpha", "lora_dropout")] == [128, 256, 0.05]
    assert ran["lora_target_modules"] == ["q_proj", "v_proj"]


@pytest.mark.parametrize(
    ("card", "name"),
    [
        (b"---\nbase_model: meta/Some-Model\ntags: [lora]\n---\n# Card\n", "meta/Some-Model"),
        (b"---\r\nbase_model: [meta/Some-Model, other/One]\r\n---\r\n", "meta/Some-Model"),
        (b"---\nbase_model: meta/Some-Model\nmodel-index: 3\n4: 5\n---\n", "meta/Some-Model"),
        (b"---\nbase_model: [3]\n---\n", None),
        (b"---\nbase_model: [a\n---\n", None),
        (b"---\n- a list\n---\n", None),
        (b"---\nbase_model: \xe9\n---\n", None),
        (b"# Card\n", None),
        (b"", None),
        (None, None),
    ],
)
def test_the_base_model_comes_from_the_model_card_where_the_adapter_does_not_say(tmp_path, workspace, card, name):
    source = write_run(tmp_path / "run", state())
    add_adapter(source, base=None)
    if card is not None:
        (source / "README.md").write_bytes(card)
    assert adopted(source, workspace).base_model.name == name


def test_an_absolute_path_of_another_machine_is_cut_to_its_name(tmp_path, workspace):
    source = write_run(tmp_path / "run", state())
    add_adapter(source, base="/home/someone/models/Llama-3.2-1B-Instruct")
    assert adopted(source, workspace).base_model.name == "Llama-3.2-1B-Instruct"


def test_event_files_become_a_training_record(tmp_path, workspace):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "run" / "runs" / "Nov22") as writer:
        arguments = {"learning_rate": 2e-4, "optim": "adamw_8bit", "seed": 3407, "per_device_train_batch_size": 16}
        writer.add_text("args", json.dumps(arguments))
        for step, loss in TRAIN.items():
            writer.add_scalar("train/loss", loss, step)
            writer.add_scalar("train/learning_rate", 2e-4, step)
            writer.add_scalar("train/epoch", step / 29, step)
        for step, loss in EVALUATIONS.items():
            writer.add_scalar("eval/loss", loss, step)
        writer.add_scalar("train/train_runtime", 390.0, 290)
    results = adopted(tmp_path / "run", workspace)
    assert results.best.step == 200 and results.best.eval_loss == 0.34
    assert results.best.epoch == pytest.approx(6.8966, abs=1e-4)
    assert results.history[0].as_dict() == {
        "step": 10,
        "epoch": pytest.approx(0.3448, abs=1e-4),
        "train_loss": 1.83,
        "learning_rate": 0.0002,
    }
    assert len(results.history) == len(TRAIN) + len(EVALUATIONS)
    assert results.duration_s == 390.0 and results.total_steps == 290
    ran = results.hyperparameters
    assert (ran["learning_rate"], ran["optimizer"], ran["batch_size"]) == (2e-4, "adamw_8bit", 16)
    assert records.read(workspace, "B2", "training").seed == 3407


@pytest.mark.parametrize(("language", "unknown"), [("en", "unknown"), ("tr", "bilinmiyor")])
def test_plots_and_note_of_an_adopted_run_say_what_is_unknown(tmp_path, workspace, language, unknown):
    adopted(write_run(tmp_path / "run", state()), workspace)
    assert len(training_figures.draw_all(workspace, "B2", language)) == 5
    text = results_note.write_results_note(workspace, "B2", language).read_text(encoding="utf-8")
    model, hardware, best = {
        "en": ("Base model", "Hardware", "| 6.90 | 200 | 0.32 | 0.34 | best |"),
        "tr": ("Temel model", "Donanım", "| 6,90 | 200 | 0,32 | 0,34 | en iyi |"),
    }[language]
    for line in (f"| {model} | {unknown} |", f"| {hardware} | {unknown} |", best):
        assert line in text.splitlines()
    assert "None" not in text and "null" not in text


def test_records_are_never_overwritten_in_silence(tmp_path, workspace):
    source = write_run(tmp_path / "run", state())
    adopted(source, workspace)
    before = workspace.record("B2", "training").read_bytes()
    with pytest.raises(InputError, match="has records already"):
        adoption.adopt(source, "B2", workspace)
    assert workspace.record("B2", "training").read_bytes() == before
    files.write_atomically(workspace.record("B2", "comparison"), "{}")
    write_run(source, state(log_history=[{"step": 1, "epoch": 1.0, "eval_loss": 2.0}], global_step=1))
    assert adopted(source, workspace, replace=True).best.eval_loss == 2.0
    assert not workspace.record("B2", "comparison").exists()  # it compared another training


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "has no list log_history"),
        ({"log_history": 3}, "has no list log_history"),
        ({"log_history": []}, "contains no loss at any step"),
        ({"log_history": [{"step": 1, "loss": float("nan")}]}, "contains no loss at any step"),
    ],
)
def test_broken_states_are_told_with_the_file(tmp_path, workspace, content, said):
    source = write_run(tmp_path / "run", content)
    with pytest.raises(InputError, match=f"trainer_state.json: {said}"):
        adoption.adopt(source, "B2", workspace)
    assert not workspace.record("B2", "training").exists()


def test_folders_without_logs_or_with_several_runs_are_told(tmp_path, workspace):
    with pytest.raises(InputError, match="no such folder"):
        adoption.adopt(tmp_path / "nowhere", "B2", workspace)
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="contains neither trainer_state.json"):
        adoption.adopt(tmp_path / "run", "B2", workspace)
    for name in ("one", "two"):
        write_run(tmp_path / "run" / name, "", "events.out.tfevents.1.x")
    with pytest.raises(InputError, match="event files in 2 folders"):
        adoption.adopt(tmp_path / "run", "B2", workspace)
    with pytest.raises(InputError, match="'Z9' is not a CEFR level"):
        adoption.adopt(tmp_path / "run", "Z9", workspace)
