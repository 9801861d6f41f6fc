"""Merged models as GGUF files: which files are written, refusals, and that a real llama.cpp answers like the model."""

import copy
import json
import math
import shutil
from pathlib import Path

import numpy as np
import ollama_rules
import pytest
from published_model import NAME, publish, records_of_b2
from typer.testing import CliRunner

from cefr_helpers import cli
from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.models import merging
from cefr_helpers.sharing import gguf, gguf_check, model_card


def merged_model(workspace: Workspace) -> Path:
    return workspace.merged_models() / f"{NAME}_merged"


def change(workspace: Workspace, name: str, **changes) -> None:
    """Change keys of a JSON file of the merged model, and its digest in the record."""
    path = merged_model(workspace) / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    record = workspace.record("B2", "training")
    found = json.loads(record.read_text())
    found["results"]["merged_model"]["files"][name] = files.sha256(path)
    record.write_text(json.dumps(found))


@pytest.fixture(scope="module")
def workspace(tiny_folder, tmp_path_factory) -> Workspace:
    return publish(tmp_path_factory.mktemp("published"), tiny_folder)


@pytest.fixture(scope="module")
def exported(workspace) -> Path:
    return gguf.export(workspace, "B2")


@pytest.fixture
def untried(workspace, tmp_path) -> Workspace:
    """The same level, with folders of its own and nothing exported."""
    return publish(tmp_path, merged_model(workspace))


def test_an_export_holds_file_modelfile_and_record(exported, workspace):
    assert exported == workspace.user_data / "gguf" / f"{NAME}_f16"
    assert sorted(path.name for path in exported.iterdir()) == ["Modelfile", "export.json", f"{NAME}-F16.gguf"]
    record = json.loads((exported / "export.json").read_text())
    assert record["sha256"] == files.sha256(exported / record["file"])
    assert record["bytes"] == (exported / record["file"]).stat().st_size
    assert record["merged_model"]["files"]["model.safetensors"] == files.sha256(
        merged_model(workspace) / "model.safetensors"
    )
    assert record["check"]["tokens"] == record["check"]["same_tokens"] == 32
    assert 0 < record["check"]["mean_difference"] < gguf_check.TOLERANCES["f16"]
    assert str(workspace.user_data) not in json.dumps(record)


def test_nothing_is_left_where_text_generation_webui_lists(exported, workspace):
    assert [path.name for path in workspace.adapters().glob("*")] == []
    assert [path.name for path in workspace.merged_models().iterdir()] == [f"{NAME}_merged"]
    assert [path.name for path in workspace.user_data.rglob("*.gguf")] == [f"{NAME}-F16.gguf"]
    assert [path.name for path in workspace.exports().iterdir()] == [f"{NAME}_f16"]


def test_the_modelfile_names_file_question_and_licences(exported):
    text = (exported / "Modelfile").read_text()
    found = ollama_rules.read_modelfile(text)
    assert (exported / found["FROM"]).is_file()
    assert found["PARAMETER"] == {"temperature": 0, "repeat_penalty": 1, "num_predict": 400, "stop": ["<|im_end|>"]}
    assert found["LICENSE"] == "Base model HuggingFaceTB/SmolLM2-135M-Instruct: Apache-2.0\nSentence bank: CC0 1.0"
    assert "#   Generate B2-level English sentences for these 10 words:\n#   1. abandon\n" in text


def test_the_card_tells_of_it_and_only_where_it_is(exported, workspace, untried):
    card = (merged_model(workspace) / "README.md").read_text()
    digest = json.loads((exported / "export.json").read_text())["sha256"]
    assert "## GGUF" in card and f"| `{NAME}-F16.gguf` | f16 |" in card and digest in card
    model_card.write_cards(untried, "B2")
    assert "GGUF" not in (merged_model(untried) / "README.md").read_text()
    shutil.copytree(exported, untried.exports() / "of_another_training")
    change(untried, "generation_config.json", transformers_version="4")
    (untried.exports() / "broken").mkdir()
    (untried.exports() / "broken" / "export.json").write_text("{")
    model_card.write_cards(untried, "B2")
    assert "GGUF" not in (merged_model(untried) / "README.md").read_text()


def test_a_second_call_leaves_it_and_says_where_it_is(exported, workspace):
    before = {path: path.stat().st_mtime_ns for path in exported.iterdir()}
    arguments = ["export", "--levels", "B2", "--output-root", workspace.output_root, "--user-data", workspace.user_data]
    done = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert done.exit_code == 0 and f"B2: {exported}" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in exported.iterdir()} == before


def test_another_trainings_export_is_never_overwritten(exported, untried):
    shutil.copytree(exported, untried.exports() / exported.name)
    assert gguf.export(untried, "B2") == untried.exports() / exported.name
    change(untried, "generation_config.json", transformers_version="4")
    with pytest.raises(InputError, match=f"{NAME}_f16: exists already, and is not an export of this training"):
        gguf.export(untried, "B2")
    (untried.exports() / exported.name / "export.json").unlink()
    with pytest.raises(InputError, match="exists already"):
        gguf.export(untried, "B2")


@pytest.mark.parametrize(
    ("name", "switches"),
    [("LlamaForCausalLM", ()), ("Qwen3ForCausalLM", ()), ("Qwen3_5ForCausalLM", ("--no-mtp",))],
)
def test_the_converter_is_told_that_layers_for_drafts_are_left_out(tmp_path, name, switches):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [name]}))
    assert gguf._switches(tmp_path) == switches


def test_what_is_missing_or_changed_is_refused_before_any_work(untried, monkeypatch):
    monkeypatch.setattr(gguf, "_run", None)
    with pytest.raises(InputError, match="quantisation: 'q4'; expected one of f16, bf16, q8_0"):
        gguf.export(untried, "B2", "q4")
    with pytest.raises(InputError, match="run 02_training for level A1 first"):
        gguf.export(untried, "A1")
    with open(merged_model(untried) / "model.safetensors", "ab") as file:
        file.write(b"\0")
    with pytest.raises(InputError, match=r"model\.safetensors: not the file that training wrote; expected sha256"):
        gguf.export(untried, "B2")
    (merged_model(untried) / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors: missing; run 02_training for level B2 again"):
        gguf.export(untried, "B2")
    record = json.loads(untried.record("B2", "training").read_text())
    record["results"]["adopted"] = {"read": "trainer_state.json"}
    untried.record("B2", "training").write_text(json.dumps(record))
    with pytest.raises(InputError, match="names no merged model; expected a level that was trained here"):
        gguf.export(untried, "B2")
    assert not untried.exports().exists()


def test_a_vocabulary_that_the_converter_takes_for_another_kind_is_noticed(untried):
    tokenizer = json.loads((merged_model(untried) / "tokenizer.json").read_text())
    parts = [{"type": "ByteFallback"}, {"type": "Fuse"}, tokenizer["decoder"]]
    model = tokenizer["model"] | {"byte_fallback": True}
    change(untried, "tokenizer.json", model=model, decoder={"type": "Sequence", "decoders": parts})
    with pytest.raises(RuntimeError, match="gguf_check"):
        gguf.export(untried, "B2")
    assert not (untried.exports() / f"{NAME}_f16").exists()


def test_a_chat_format_that_ollama_cannot_be_told_gives_no_modelfile(untried, capsys):
    template = merged_model(untried) / "chat_template.jinja"
    template.write_text("{{ raise_exception('no') if messages[0].role == 'system' }}" + template.read_text())
    text, reason = gguf._modelfile(merged_model(untried), "x.gguf", records_of_b2())
    assert text is None and reason in capsys.readouterr().out


def test_plain_byte_level_changes_no_token_and_no_text(bundled):
    from tokenizers import Tokenizer

    found = json.loads((bundled.folder / "tokenizer.json").read_text(encoding="utf-8"))
    plain = merging.plain_byte_level(found)
    assert found["model"]["byte_fallback"] and not plain["model"]["byte_fallback"]
    assert plain["decoder"]["type"] == "ByteLevel" and merging.plain_byte_level(plain) == plain
    before, after = (Tokenizer.from_str(json.dumps(one)) for one in (found, plain))
    for text in gguf_check.ODD_SENTENCES:
        ids = before.encode(text).ids
        assert after.encode(text).ids == ids
        if "\u2581" not in text:  # the decoder of the other kind makes a space of it
            assert after.decode(ids) == before.decode(ids)
    bytes_in = copy.deepcopy(found)
    bytes_in["model"]["vocab"]["<0x00>"] = 1
    assert merging.plain_byte_level(bytes_in) == bytes_in


def logprobs(*rows: list[float]) -> np.ndarray:
    return np.log(np.array(rows))


EXPECTED = logprobs([0.7, 0.2, 0.1], [0.41, 0.39, 0.2], [0.1, 0.1, 0.8])


def test_the_same_answer_is_the_same():
    found = [math.log(0.7), math.log(0.41), math.log(0.8)]
    numbers = gguf_check.compare([0, 0, 2], EXPECTED, [0, 0, 2], found, 0.02)
    assert numbers == {"tokens": 3, "same_tokens": 3, "mean_difference": 0, "largest_difference": 0}
    for told in ([*found[:2], None], [None, *found[1:]]):
        told = gguf_check.compare([0, 0, 2], EXPECTED, [0, 0, 2], told, 0.02)
        assert told["same_tokens"] == 3 and told["mean_difference"] == 0


@pytest.mark.parametrize(
    ("stop", "tokens", "told", "expected"),
    [
        ("limit", [7, 8, 9], [7, 8, 9], ([7, 8, 9], [-7, -8, -9])),
        ("limit", [7, 8, 9], [7, 9], ([7, 8, 9], [-7, None, -9])),  # 8 ends within a character
        ("limit", [8, 8, 9], [9], ([8, 8, 9], [None, None, -9])),
        ("eos", [7, 8], [7, 8], ([7, 8, 2], [-7, -8, None])),
        ("eos", [7, 8, 2], [7, 8], ([7, 8, 2], [-7, -8, None])),
    ],
)
def test_each_token_has_its_own_probability_or_none(stop, tokens, told, expected):
    probabilities = [{"id": one, "logprob": -one} for one in told]
    found = {"tokens": tokens, "completion_probabilities": probabilities, "stop_type": stop}
    assert gguf_check._answer(found, 2) == expected


def test_answers_may_part_where_two_tokens_are_as_likely():
    found = [math.log(0.71), math.log(0.4), math.log(0.9)]
    numbers = gguf_check.compare([0, 0, 2], EXPECTED, [0, 1, 1], found, 0.05)
    assert numbers["same_tokens"] == 1
    assert numbers["mean_difference"] == pytest.approx((math.log(0.71 / 0.7) + math.log(0.4 / 0.39)) / 2)


@pytest.mark.parametrize(
    ("found", "found_logprobs"),
    [
        ([1, 0, 2], [math.log(0.2), math.log(0.41), math.log(0.8)]),  # parts where nothing is near
        ([0, 0, 2], [math.log(0.9), math.log(0.6), math.log(0.9)]),  # the same tokens with another likelihood
    ],
)
def test_another_models_answer_is_refused(found, found_logprobs):
    with pytest.raises(RuntimeError, match="does not answer like the merged model"):
        gguf_check.compare([0, 0, 2], EXPECTED, found, found_logprobs, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("quantisation", gguf.QUANTISATIONS)
def test_the_real_model_answers_the_same_and_stops_at_its_end(bundled, tmp_path, quantisation):
    """On SmolLM2-135M-Instruct itself: `export` compares the task's first tokens; here a whole answer, to its end."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    workspace = publish(tmp_path, bundled.folder)
    folder = gguf.export(workspace, "B2", quantisation)
    record = json.loads((folder / "export.json").read_text())
    assert record["check"]["sentences"] == len(gguf_check.ODD_SENTENCES)
    if quantisation != "q8_0":
        assert record["check"]["same_tokens"] == record["check"]["tokens"] == 32
    tokenizer = AutoTokenizer.from_pretrained(merged_model(workspace))
    model = AutoModelForCausalLM.from_pretrained(merged_model(workspace), dtype="float32")
    chat = [{"role": "user", "content": "Say hello."}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**inputs, do_sample=False, max_new_tokens=100)[0, inputs["input_ids"].shape[1] :].tolist()
    assert ids[-1] == tokenizer.eos_token_id and len(ids) > 3
    server, post = gguf_check.serve(folder / record["file"], 256)
    found = post("/v1/chat/completions", messages=chat, temperature=0, max_tokens=100)["choices"][0]
    assert found["finish_reason"] == "stop"
    if quantisation != "q8_0":
        assert found["message"]["content"] == tokenizer.decode(ids, skip_special_tokens=True)
    del server


@pytest.mark.slow
def test_the_base_is_not_taken_for_another_model(bundled, tmp_path):
    """A file made from other weights than the merged model's, which the check must find."""
    import torch
    from transformers import AutoModelForCausalLM

    workspace = publish(tmp_path, bundled.folder)
    folder = gguf.export(workspace, "B2")
    model = AutoModelForCausalLM.from_pretrained(merged_model(workspace), dtype=torch.bfloat16)
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in model.model.layers:
            weight = layer.mlp.down_proj.weight
            weight += 0.1 * weight.std() * torch.randn_like(weight)
    model.save_pretrained(merged_model(workspace))
    with pytest.raises(RuntimeError, match="does not answer like the merged model"):
        gguf._run(
            "-m",
            "cefr_helpers.sharing.gguf_check",
            str(merged_model(workspace)),
            str(folder / f"{NAME}-F16.gguf"),
            "f16",
            stdin=json.dumps(gguf._ask(records_of_b2())),
        )
