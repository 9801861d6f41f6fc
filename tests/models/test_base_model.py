import shutil
from pathlib import Path

import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.models import base_model


def test_bundled_is_converted_once_and_checked(bundled):
    marker = bundled.folder / "converted.json"
    before = marker.stat().st_mtime_ns
    again = base_model.resolve("bundled")
    assert again == bundled and marker.stat().st_mtime_ns == before
    assert bundled.slug == "smollm2-135m" and "de-quantised" in bundled.name


def test_bundled_tokens_are_right(bundled):
    import json

    tokenizer = base_model.load_tokenizer(bundled)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<|endoftext|>", 0)
    for name in ("config.json", "generation_config.json"):
        config = json.loads((bundled.folder / name).read_text())
        assert (config["eos_token_id"], config["pad_token_id"]) == (2, 0)
    assert tokenizer.decode(tokenizer("Don't stop , please .").input_ids) == "Don't stop , please ."


def test_a_damaged_conversion_is_made_again(bundled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    copy = base_model.cache_folder() / "base_models" / bundled.folder.name
    shutil.copytree(bundled.folder, copy)
    with open(copy / "model.safetensors", "r+b") as file:
        file.seek(10_000_000)
        file.write(b"\0" * 1000)
    again = base_model.resolve("bundled")
    assert again.folder == copy and again.sha256 == bundled.sha256


def test_a_local_folder(tiny_folder):
    found = base_model.resolve(str(tiny_folder))
    assert (found.folder, found.identifier, found.slug) == (tiny_folder, "tiny-llama", "tiny-llama")


@pytest.mark.parametrize(
    ("identifier", "slug"),
    [
        ("unsloth/Llama-3.2-1B-Instruct", "llama-3-2-1b"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m"),
        ("Qwen/Qwen2.5-0.5B-instruct-v0.1", "qwen2-5-0-5b-v0-1"),
    ],
)
def test_adapter_names_keep_to_letters_digits_and_hyphens(identifier, slug):
    assert base_model.BaseModel(Path(), "", "", identifier, None, "").slug == slug


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_without_a_model_is_refused(tiny_folder, tmp_path, missing):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (folder / missing).unlink()
    with pytest.raises(InputError, match="not a model folder") as error:
        base_model.resolve(str(folder))
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c", "two words"])
def test_what_is_neither_folder_nor_hub_id(name):
    with pytest.raises(InputError, match="is neither a folder here nor a hub id") as error:
        base_model.resolve(name)
    assert repr(name) in str(error.value) and "bundled" in str(error.value)


def test_a_hub_out_of_reach_names_the_two_other_ways(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError) as error:
        base_model.resolve("someone/Some-Model", "v1")
    message = str(error.value)
    assert "'someone/Some-Model' at revision 'v1' could not be downloaded from the hub" in message
    assert "base_model: bundled" in message and "path of a folder" in message


def test_loading_says_nothing_and_downloads_still_do(byte_folder, capfd):
    import logging

    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils.logging import enable_progress_bar, is_progress_bar_enabled

    enable_progress_bar()
    silent = are_progress_bars_disabled()  # as the environment may have it
    base_model.load_model(base_model.resolve(str(byte_folder)), "fp32")
    assert capfd.readouterr().err == "" and not is_progress_bar_enabled()
    assert are_progress_bars_disabled() == silent
    assert not logging.getLogger("bitsandbytes.backends.cpu.ops").isEnabledFor(logging.WARNING)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json", "generation_config.json"]
)
def test_same_weights_with_another_file_are_another_model(byte_folder, tmp_path, name):
    folder = Path(shutil.copytree(byte_folder, tmp_path / "byte-llama"))
    before = base_model.resolve(str(folder))
    (folder / "README.md").write_text("What it is.")
    assert base_model.resolve(str(folder)) == before
    path = folder / name
    path.write_text(path.read_text() + "\n")
    after = base_model.resolve(str(folder))
    assert after.sha256 == before.sha256 and after.files_sha256 != before.files_sha256
