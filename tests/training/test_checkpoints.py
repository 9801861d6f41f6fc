"""The checkpoint from which a killed training resumes."""

import json
import shutil
from pathlib import Path

import pytest

from cefr_helpers.core import recipes, records
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import checkpoints, tuning

FILES = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "training_args.bin",
    "tokenizer.json",
)


def make(folder: Path, step: int, best: int | None = None) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    for name in FILES:
        (checkpoint / name).write_bytes(f"{name} of {step}".encode())
    state = {"global_step": step, "best_model_checkpoint": str(folder / f"checkpoint-{best}") if best else None}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    checkpoints.seal(checkpoint)
    return checkpoint


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two whole checkpoints, 4 and 10, of one run; the earlier is the best."""
    folder = tmp_path / "0123456789ab"
    make(folder, 4, best=4)
    make(folder, 10, best=4)
    return folder


def test_the_newest_by_number_is_taken(folder):
    assert checkpoints.newest_whole(folder) == folder / "checkpoint-10"


@pytest.mark.parametrize("name", [*FILES, checkpoints.SEAL])
@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "one bit"])
def test_a_harmed_file_is_named_and_the_checkpoint_before_taken(folder, capsys, name, harm):
    path = folder / "checkpoint-10" / name
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "cut":
        path.write_bytes(content[:-1])
    else:
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert checkpoints.newest_whole(folder) == folder / "checkpoint-4"
    printed = capsys.readouterr().out
    assert "checkpoint-10 is not complete (" in printed and name in printed


def test_a_checkpoint_of_another_run_is_refused(folder, capsys):
    other = folder.with_name("ba9876543210")
    shutil.copytree(folder, other)
    assert checkpoints.newest_whole(other) is None
    printed = capsys.readouterr().out
    assert "it is of the run 0123456789ab" in printed and "training starts from the beginning" in printed


def test_checkpoints_of_another_recipe_are_named_where_there_are_none_of_this(folder, capsys):
    assert checkpoints.newest_whole(folder.with_name("ba9876543210")) is None
    assert f"not used: {folder}" in capsys.readouterr().out


def test_a_checkpoint_whose_best_one_is_broken_is_not_taken(folder, capsys):
    (folder / "checkpoint-4" / "adapter_model.safetensors").write_bytes(b"")
    assert checkpoints.newest_whole(folder) is None
    assert "the best one so far, checkpoint-4: adapter_model.safetensors" in capsys.readouterr().out


def test_a_moved_run_does_not_lose_its_best_checkpoint_in_silence(folder, tmp_path, capsys):
    """The trainer stores the best checkpoint's absolute path, and only warns if nothing is there."""
    moved = Path(shutil.move(folder, tmp_path / "elsewhere" / folder.name))
    assert checkpoints.newest_whole(moved) is None
    assert "in another folder" in capsys.readouterr().out


def test_nothing_there_starts_in_silence(tmp_path, capsys):
    assert checkpoints.newest_whole(tmp_path / "none" / "0123456789ab") is None
    assert capsys.readouterr().out == ""


def test_whatever_shapes_a_training_makes_it_another_run(monkeypatch):
    base = BaseModel(Path("m"), "m", "m", "m", None, "a" * 64)
    settings, data = recipes.load_recipe("smoke"), {"train": "1" * 64, "eval": "2" * 64}
    first = tuning.fingerprint(base, settings, 1, data)
    changed = {
        "seed": tuning.fingerprint(base, settings, 2, data),
        "base": tuning.fingerprint(BaseModel(Path("m"), "m", "m", "m", None, "b" * 64), settings, 1, data),
        "data": tuning.fingerprint(base, settings, 1, data | {"eval": "3" * 64}),
    }
    for key, value in settings.part((*recipes.TRAINING_KEYS, "max_seq_length")).items():
        other = {bool: lambda v: not v, str: lambda v: v + "x", list: lambda v: v[:-1]}.get(
            type(value), lambda v: v + 1
        )
        different = settings.model_copy(update={key: other(value)})
        changed[key] = tuning.fingerprint(base, different, 1, data)
    # the batches of an evaluation shape time and memory alone
    assert changed.pop("eval_batch_size") == first
    monkeypatch.setattr(records, "versions", lambda: {"torch": "2.0"})
    changed["versions"] = tuning.fingerprint(base, settings, 1, data)
    assert [key for key, value in changed.items() if value == first] == []
