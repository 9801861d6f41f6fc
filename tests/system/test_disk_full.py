"""A full disk: a message with path and required space, earlier files untouched, nothing half written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import DiskFull
from cefr_helpers.core.paths import Workspace, project_root

# Writes once, then again with a limit on the size of files, which imitates a full disk.
LIMITED = """
import json, resource, signal, sys
from pathlib import Path
from cefr_helpers.core import records
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import DatasetResults
workspace = Workspace(Path(sys.argv[1]), Path(sys.argv[1]) / "user_data")
def write(**results):
    results = DatasetResults(**results)
    records.write(workspace, "dataset", level="B2", seed=1, recipe={}, inputs={}, results=results)
write(train_examples=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
write(train_examples=2, files={"train": "x" * 100_000})
"""

# Saves adapter and checkpoint of a tiny LoRA model, as publishing and the trainer do, until the disk is full.
SAVE = """
import sys
from pathlib import Path
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
from cefr_helpers.models import saving
from cefr_helpers.models.base_model import BaseModel
config = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
model = get_peft_model(LlamaForCausalLM(config), LoraConfig(r=64, target_modules=["q_proj", "v_proj"]))
base = BaseModel(Path("tiny"), "tiny", "tiny", "tiny", None, "0")
for number in range(100):
    saving.save_adapter(model, Path(sys.argv[1]) / f"tiny-b2-unsloth-v{number}", base)
"""


def python(code: str, *arguments, small_disk: Path | None = None) -> subprocess.CompletedProcess:
    """Run code; with `small_disk` in a file system of 300 kB there, in a mount namespace of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if small_disk:
        listed = 'ls -R "$0" 1>&2; exit $code'
        mount = f'mount -t tmpfs -o size=300k tmpfs "$0" && {{ "$@"; code=$?; {listed}; }}'
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(small_disk), *command]
    environment = os.environ | {"PYTHONPATH": str(project_root())}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def can_mount(folder: Path) -> bool:
    return shutil.which("unshare") is not None and python("", small_disk=folder).returncode == 0


def test_a_record_that_has_no_room_leaves_the_old_one_and_says_path_and_need(tmp_path):
    done = python(LIMITED, tmp_path)
    assert done.returncode == 1
    path = tmp_path / "runs" / "B2" / "history"
    assert f"DiskFull: {path}" in done.stderr and "0.1 MB needed" in done.stderr and "MB free there" in done.stderr
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    assert records.read(workspace, "B2", "dataset").results.train_examples == 1
    assert not list(tmp_path.rglob("*.tmp"))


def test_an_adapter_that_has_no_room_leaves_those_before_whole_and_nothing_of_itself(tmp_path):
    """On a real small file system, where the machine lets a user mount one."""
    if not can_mount(tmp_path):
        pytest.skip("no user may mount a file system here")
    done = python(SAVE, tmp_path, small_disk=tmp_path)
    assert done.returncode == 1
    assert f"DiskFull: {tmp_path}/tiny-b2-unsloth-v" in done.stderr and "0.1 MB needed" in done.stderr
    listing = done.stderr[done.stderr.index(f"{tmp_path}:\n") :]
    assert "-np" not in listing
    assert listing.count("adapter_model.safetensors") == listing.count("adapter_config.json") >= 1


def test_an_adapter_over_the_largest_size_of_a_file_is_told_too(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    done = python(limit + SAVE, tmp_path / "loras")
    assert done.returncode == 1
    assert f"DiskFull: {tmp_path}/loras/tiny-b2-unsloth-v0: no room" in done.stderr
    assert list((tmp_path / "loras").iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:820] . PytorchStreamWriter failed writing file data/3"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError(122, "Disk quota exceeded"),
        OSError(27, "File too large"),
    ],
)
def test_every_writers_way_of_saying_so_is_understood(tmp_path, error):
    with pytest.raises(DiskFull) as told, files.explain_full_disk(tmp_path / "a" / "b", 2_500_000):
        raise error
    assert str(told.value).startswith(f"{tmp_path}/a/b: no room to write it: 2.5 MB needed")


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), files.explain_full_disk(tmp_path, 1):
        raise PermissionError(13, "Permission denied")
