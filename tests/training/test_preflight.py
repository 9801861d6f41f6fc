"""The minimum that a training needs: numbers by hand and as measured, and the refusal with the way to override it."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from cefr_helpers.core import files, recipes
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.models import base_model
from cefr_helpers.training import preflight

# A step of training as plain as it can be; prints the bound and by how much the process grew.
STEP = """
import sys
import psutil, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from benchmarks.peers.common import peak_memory_bytes
from cefr_helpers.training import preflight
from cefr_helpers.core import recipes
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], use_safetensors=True, trust_remote_code=False)
model = get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj"]))
optimizer = torch.optim.AdamW(weight for weight in model.parameters() if weight.requires_grad)
settings = recipes.load_recipe("smoke").model_copy(update={"batch_size": 4})
before = psutil.Process().memory_info().rss
ids = torch.randint(0, 40_000, (4, 256))
model(input_ids=ids, labels=ids).loss.backward()
optimizer.step()
print(preflight.training_bytes(model, 256, 256, settings), peak_memory_bytes() - before)
"""


@pytest.fixture(scope="module")
def model(tiny_folder):
    from peft import LoraConfig, get_peft_model

    base = base_model.load_model(base_model.resolve(str(tiny_folder)), "fp32")
    return get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"]))


@pytest.fixture
def check(model, bundled, examples, tmp_path):
    workspace = Workspace(tmp_path / "out", tmp_path / "user_data")
    tokenizer = base_model.load_tokenizer(bundled)
    return lambda: preflight.check_resources(model, tokenizer, examples, recipes.load_recipe("smoke"), workspace)


def test_a_base_that_the_memory_cannot_hold_is_refused_before_it_is_loaded(tiny_folder, monkeypatch):
    monkeypatch.delenv(preflight.OVERRIDE, raising=False)
    base, settings = base_model.resolve(str(tiny_folder)), recipes.load_recipe("smoke")
    stored = sum(path.stat().st_size for path in tiny_folder.glob("*.safetensors"))
    assert preflight.check_base(base, settings.model_copy(update={"precision": "fp32"})).needed == stored
    assert preflight.check_base(base, settings).needed == stored // 2
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=stored // 4))
    assert preflight.check_base(base, settings.model_copy(update={"load_in_4bit": True})).needed <= stored // 4
    told = f"memory for the weights of {base.name}: at least .* use a smaller base_model.*\n.*CHECKS=no"
    with pytest.raises(InputError, match=told):
        preflight.check_base(base, settings)
    monkeypatch.setenv(preflight.OVERRIDE, "1")
    preflight.check_base(base, settings)


def test_the_bound_is_the_sum_of_its_parts(model):
    """Two layers of 64 with rank 2, in fp32; two rows of 100 tokens; logits over the vocabulary, with gradients."""
    settings, trained = recipes.load_recipe("smoke").model_copy(update={"eval_batch_size": 3}), 2 * 2 * (64 + 64) * 4
    rest, row = 3 * trained + 2 * 100 * 64 * 2 * 4, 49_152 * 4
    assert preflight.training_bytes(model, 100, 80, settings) == rest + 2 * 2 * 80 * row
    assert preflight.training_bytes(model, 100, 60, settings) == rest + 3 * 100 * row  # evaluation takes all tokens


def test_a_real_step_takes_at_least_the_bound_and_not_many_times_as_much(tiny_folder):
    command = [sys.executable, "-c", STEP, str(tiny_folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project_root())
    bound, grown = map(int, done.stdout.split())
    assert 0.2 * grown < bound < grown


def test_where_there_is_enough_it_says_what_and_how_much(check, tmp_path):
    memory, merging, place = map(str, check())
    assert memory.startswith("memory for training: at least 0.") and " GB free" in memory
    assert merging.startswith("memory for merging: at least 0.02 GB needed")  # 3.2 million parameters of 6 bytes
    assert place.startswith(f"disk at {tmp_path}/out: at least 0.01 GB needed")  # of 2 bytes


def test_too_little_is_refused_with_place_need_and_remedy_and_can_be_overridden(check, tmp_path, monkeypatch):
    monkeypatch.delenv(preflight.OVERRIDE, raising=False)
    monkeypatch.setattr(files, "free_bytes", lambda path: 1_000_000)
    with pytest.raises(InputError) as refused:
        check()
    first, last = str(refused.value).splitlines()
    assert first.startswith(f"disk at {tmp_path}/out: at least 0.01 GB needed, 0.00 GB free; make room")
    assert last == "`--no-checks`, CHECKS=no or CEFR_NO_CHECKS=1 lets it try anyway"
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10_000))
    with pytest.raises(InputError, match="memory for training: at least .* lower batch_size, .*\nmemory for merging"):
        check()
    monkeypatch.setenv(preflight.OVERRIDE, "1")
    assert len(check()) == 3


def test_processes_that_train_as_one_share_the_memory(check, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**12))
    alone, _, *_ = check()
    monkeypatch.setenv("WORLD_SIZE", "4")
    shared, merging, *_ = check()
    assert (alone.free, shared.free, merging.free) == (10**12, 10**12 // 4, 10**12) and shared.needed == alone.needed


def test_two_disks_are_looked_at_each_on_its_own(check, monkeypatch, tmp_path):
    monkeypatch.setattr(preflight, "_device", lambda path: path.name)
    *_, runs, models = map(str, check())
    assert runs.startswith(f"disk at {tmp_path}/out: at least 0.00") and f"disk at {tmp_path}/user_data" in models


@pytest.mark.parametrize("command", [["run"], ["experiment", "rank"]])
@pytest.mark.parametrize("given", [[], ["--no-checks"]])
def test_the_option_reaches_the_stages_through_the_environment(monkeypatch, tmp_path, command, given):
    import os

    from typer.testing import CliRunner

    from cefr_helpers import cli
    from cefr_helpers.experiments import running
    from cefr_helpers.pipeline import snakemake

    seen = []

    def stop(*_):
        seen.append(os.environ.get(preflight.OVERRIDE))
        raise InputError("stopped")

    monkeypatch.setenv(preflight.OVERRIDE, "")
    monkeypatch.setattr(snakemake, "snakemake", stop)
    monkeypatch.setattr(running, "run", stop)
    CliRunner().invoke(cli.app, [*command, "--output-root", str(tmp_path), *given])
    assert seen == ["1" if given else ""]
