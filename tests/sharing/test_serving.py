"""An exported model behind a server: refusals, and a real llama.cpp that answers as the model was trained."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from published_model import NAME, publish

from cefr_helpers.bank_making import tuned_models
from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import read_trained
from cefr_helpers.core.paths import project_root
from cefr_helpers.sharing import gguf, serving

FOLDER = f"{NAME}_f16"


@pytest.fixture(scope="module")
def workspace(tiny_folder, tmp_path_factory):
    return with_export(tmp_path_factory.mktemp("published"), tiny_folder)


def with_export(folder, model):
    """Level B2 with an export whose file is not a real GGUF file; it is only there to be found."""
    workspace = publish(folder, model)
    file = workspace.exports() / FOLDER / f"{NAME}-F16.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    record = {"level": "B2", "merged_model": read_trained(workspace, "B2").merged_identity, "quantisation": "f16"}
    record |= {"file": file.name, "bytes": 4, "sha256": files.sha256(file)}
    (file.parent / "export.json").write_text(json.dumps(record))
    return workspace


def test_the_export_of_the_level_is_found(workspace):
    found = serving.find(workspace, "B2")
    assert (found.level, found.name, found.merged) == ("B2", FOLDER, f"{NAME}_merged")
    assert found.file == workspace.exports() / FOLDER / f"{NAME}-F16.gguf"
    assert serving.find(workspace, "B2", "f16") == found
    told = serving.usage(found, "http://127.0.0.1:8080")
    assert "make bank WORDS=words.csv LEVEL=B2 SERVER=http://127.0.0.1:8080/v1" in told
    assert f"user_data/models/{NAME}_merged" in told


def test_without_an_export_the_command_that_makes_one_is_named(tiny_folder, tmp_path):
    workspace = with_export(tmp_path, tiny_folder)
    with pytest.raises(InputError, match="no export in q8_0 .* run `make export LEVELS=B2 QUANTISATION=q8_0` first"):
        serving.find(workspace, "B2", "q8_0")
    shutil.rmtree(workspace.exports())
    with pytest.raises(InputError, match="no export of the model of level B2; run `make export LEVELS=B2` first"):
        serving.find(workspace, "B2")
    with pytest.raises(InputError, match="run 02_training for level A1 first"):
        serving.find(workspace, "A1")


def test_another_file_than_the_exported_is_refused(tiny_folder, tmp_path):
    workspace = with_export(tmp_path, tiny_folder)
    serving.find(workspace, "B2").file.write_bytes(b"another")
    with pytest.raises(InputError, match="not the file that was exported"):
        serving.find(workspace, "B2")


def test_a_port_that_is_taken_is_refused_before_anything_is_loaded(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(InputError, match=f"127.0.0.1', port {port}: nothing can listen there"),
            serving.running(serving.find(workspace, "B2"), "127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize(
    "model",
    [
        FOLDER,
        f"{FOLDER}:latest",
        f"{NAME}-F16.gguf",
        f"/home/me/gguf/{NAME}-F16.gguf",
        rf"C:\\models\\{NAME}-F16.gguf",
        f"{NAME}_merged",
    ],
)
def test_a_server_may_call_it_by_any_of_its_names(workspace, model):
    assert tuned_models.level_of(model, tuned_models.known_names(workspace)) == "B2"


@pytest.mark.parametrize("model", ["llama3.1", "smollm2-135m", "", f"{NAME}2_merged"])
def test_any_other_model_is_none_of_ours(workspace, model):
    assert tuned_models.level_of(model, tuned_models.known_names(workspace)) is None


@pytest.mark.slow
def test_a_real_server_is_asked_by_make_bank_as_the_model_was_taught(tiny_folder, tmp_path):
    workspace = publish(tmp_path, tiny_folder)
    gguf.export(workspace, "B2")
    places = ["--output-root", str(workspace.output_root), "--user-data", str(workspace.user_data)]
    command = [sys.executable, "-u", "-m", "cefr_helpers.cli", "serve", "--level", "b2", "--port", "0", *places]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=project_root(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:
        try:
            address = re.search(rf"B2: {FOLDER} at (http://127.0.0.1:\d+)/v1", server.stdout.readline())[1]
            listed = httpx.get(f"{address}/v1/models", headers={"Origin": "http://elsewhere"})
            assert [one["id"] for one in listed.json()["data"]] == [FOLDER]
            assert listed.headers["access-control-allow-origin"] != "*"
            (tmp_path / "words.txt").write_text("abandon\nbenefit\n")
            bank = [sys.executable, "-m", "cefr_helpers.cli", "bank", "--words", str(tmp_path / "words.txt")]
            bank += ["--level", "B2", "--server", address, "--max-new-tokens", "20", "--tries", "1", *places]
            done = subprocess.run(bank, capture_output=True, text=True, cwd=project_root(), env=os.environ)
            assert "gets its training prompt" in done.stdout, done.stdout + done.stderr
            answers = workspace.made_bank("B2").with_name("B2.made") / "answers.jsonl"
            header, answer, *_ = map(json.loads, answers.read_text().splitlines())
            assert header["prompt"] == "tuned" and header["model"] == FOLDER
            assert answer["prompt"].startswith(
                "Generate B2-level English sentences for these 10 words:\n1. abandon\n2."
            )
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
