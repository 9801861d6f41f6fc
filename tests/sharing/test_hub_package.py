"""What may be uploaded to the hub: a published folder, spoiled in every way that must prevent it. Nothing is sent."""

import json
import os
import pickle
import re
import shutil

import published_model
import pytest
from published_model import change_record, folder_of, take_in
from refusals import Refusals

from cefr_helpers.core.errors import InputError
from cefr_helpers.sharing import hub_package, model_card

PLANTED = "planted-secret-4711"


@pytest.fixture
def workspace(tmp_path):
    return published_model.make(tmp_path)


def refused(workspace, what="merged", repo="me") -> str:
    with pytest.raises(InputError) as error:
        hub_package.collect(workspace, "B2", what, repo)
    return str(error.value)


def test_a_published_folder_is_taken_as_it_is(workspace):
    [package] = hub_package.collect(workspace, "B2", "merged", "me")
    assert package.repo == "me/smollm2-135m-b2-unsloth-v1_merged" and package.folder == folder_of(workspace)
    assert package.sizes == {path.name: path.stat().st_size for path in package.folder.iterdir()}
    assert set(package.sizes) == {"README.md", "model.safetensors", *published_model.FILES["merged_model"]}
    assert package.summary == "smollm2-135m-b2-unsloth-v1_merged, trained at 0123456789ab"


def test_adapter_and_both(workspace):
    [adapter] = hub_package.collect(workspace, "B2", "adapter", "me/another-name")
    assert adapter.repo == "me/another-name" and "adapter_model.safetensors" in adapter.sizes
    names = [package.repo for package in hub_package.collect(workspace, "B2", "both", "me")]
    assert names == ["me/smollm2-135m-b2-unsloth-v1_merged", "me/smollm2-135m-b2-unsloth-v1"]


@pytest.mark.parametrize("repo", ["", "me/", "/name", "me/a b", "me/..", "-me/x", "me/x/y", "me/x.git", "mé"])
def test_what_is_no_name_on_the_hub_is_refused(workspace, repo):
    assert "expected an account on the hub" in refused(workspace, repo=repo)


def test_two_folders_do_not_go_under_one_name(workspace):
    assert "one name for two folders" in refused(workspace, "both", "me/name")


def test_texts_that_a_licence_asks_for_go_along(workspace):
    (folder_of(workspace) / "LICENSE").write_text("text")
    assert "LICENSE" in hub_package.collect(workspace, "B2", "merged", "me")[0].sizes


def weights(folder):
    return folder / "model.safetensors"


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def link(folder):
    shutil.move(weights(folder), folder.parent / "elsewhere")
    weights(folder).symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda folder: weights(folder).unlink(), "model.safetensors is missing"),
        (lambda folder: flip(weights(folder)), "model.safetensors has changed since it was published"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json has changed since it was published"),
        (
            lambda folder: (folder / "optimizer.pt").write_bytes(pickle.dumps(1)),
            "optimizer.pt is not one of the model's",
        ),
        (lambda folder: (folder / ".env").write_text("x"), ".env is not one of the model's"),
        (lambda folder: (folder / "logs").mkdir(), "logs is a link or a folder"),
        (link, "model.safetensors is a link or a folder"),
        (lambda folder: (folder / "README.md").unlink(), "README.md is missing; run 04_plotting for level B2"),
        (
            lambda folder: (folder / "README.md").open("a").write("more"),
            "README.md does not agree with the current records",
        ),
    ],
    ids=range(10),
)
def test_a_folder_that_is_not_whole_is_kept(workspace, spoil, told):
    spoil(folder_of(workspace))
    assert told in refused(workspace)


def test_every_thing_that_is_wrong_has_its_line(workspace):
    weights(folder_of(workspace)).unlink()
    (folder_of(workspace, "adapter") / "extra").touch()
    lines = refused(workspace, "both").splitlines()
    assert len(lines) == 2 and "model.safetensors is missing" in lines[0] and "extra" in lines[1]


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (r"(?m)^license: .*\n", "lacks the licence in its header"),
        (r"(?m)^base_model: .*\n", "lacks the base model in its header"),
        (r"(?s)^---.*?\n---\n", "lacks the licence in its header"),
        (r"(?m)^\| Licence \| .*\n|^Licence of the .*\n", "lacks the base's licence"),
        (r"(?:ab){32}", "lacks the SHA-256 of the base's weights"),
        (r"(?:44){32}", "lacks the SHA-256 of each file of data"),
        (r"\[[−\d.]+, [−\d.]+\]", "lacks metrics with intervals"),
        (r"## Metrics", "lacks metrics with intervals"),
        (r"## Limits", "lacks its limits"),
    ],
    ids=range(9),
)
def test_a_card_of_ones_own_must_be_complete(workspace, gone, told):
    path = folder_of(workspace) / "README.md"
    text = path.read_text().replace(model_card.MARK, "In my words.")
    path.write_text(text)
    hub_package.collect(workspace, "B2", "merged", "me")
    path.write_text(re.sub(gone, "", text))
    assert path.read_text() != text and told in refused(workspace)


def test_a_licence_that_nobody_recorded_has_to_be_written_in(workspace):
    change_record(workspace, "dataset", lambda found: found["results"]["sentence_bank"].update(name="mine.csv"))
    model_card.write_cards(workspace, "B2")
    assert "lacks the base's licence, or the sentence bank's" in refused(workspace)
    path = folder_of(workspace) / "README.md"
    text = path.read_text().replace(model_card.MARK, "")
    path.write_text(text.replace("not recorded; ask whoever made it", "CC BY 4.0"))
    hub_package.collect(workspace, "B2", "merged", "me")


@pytest.mark.parametrize("name", ["comparison", "dataset"])
def test_a_model_that_was_not_compared_is_kept(workspace, name):
    workspace.record("B2", name).unlink()
    model_card.write_cards(workspace, "B2")
    assert "was not compared with its base" in refused(workspace)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("config.json", '{"_name_or_path": "/data/models/mine"}', "'/data/models/mine'"),
        ("config.json", '{"a": [{"b": "C:\\\\models\\\\mine"}]}', "models"),
        ("config.json", '{"a": "~/models/mine"}', "'~/models/mine'"),
        ("tokenizer_config.json", '{"from": "see /home/someone/x"}', "'/home/someone'"),
        ("chat_template.jinja", "{# /Users/someone/x #}", "'/Users/someone'"),
    ],
)
def test_a_path_of_a_machine_is_found(workspace, name, text, told):
    take_in(workspace, "merged_model", name, text)
    found = refused(workspace)
    assert f"{name} contains a path on a machine" in found and told in found


def test_the_places_of_this_run_are_found_in_any_file(workspace):
    take_in(workspace, "merged_model", "tokenizer.json", json.dumps({"from": f"{workspace.output_root}/x"}))
    assert "tokenizer.json contains a path on a machine" in refused(workspace)


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (PLANTED, "the value of MY_API_KEY"),
        ("hf_" + "a1B2" * 9, "a token of the Hugging Face Hub"),
        ("ghp_" + "a1B2" * 9, "a token of GitHub"),
        ("sk-" + "a1B2" * 9, "an API key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_secret_is_found_and_not_shown(workspace, monkeypatch, secret, told):
    monkeypatch.setenv("MY_API_KEY", PLANTED)
    take_in(workspace, "merged_model", "tokenizer.json", json.dumps({"about": f"x {secret} y"}))
    found = refused(workspace)
    assert f"tokenizer.json contains a secret ({told})" in found and secret not in found


def test_what_stands_in_the_head_of_weights_is_read_too(tmp_path):
    made = published_model.make(tmp_path, {"note": "/home/someone/weights hf_" + "a1B2" * 9})
    found = refused(made, "both")
    assert found.count("contains a path on a machine") == 2 and found.count("contains a secret") == 2


def test_a_run_of_others_and_one_that_is_not_there(workspace):
    change_record(workspace, "training", lambda found: found["results"].update(adopted={"read": "x"}))
    assert "was trained elsewhere" in refused(workspace)
    workspace.record("B2", "training").unlink()
    assert "run 02_training for level B2 first" in refused(workspace)


def test_a_record_without_digests_is_named(workspace):
    change_record(workspace, "training", lambda found: found["results"]["merged_model"].pop("files"))
    assert "names no merged_model with its files" in refused(workspace)


def test_the_command_refuses_before_anything_is_sent(workspace, tmp_path, monkeypatch, capsys):
    (folder_of(workspace) / "extra").touch()
    monkeypatch.setitem(os.environ, "HF_ENDPOINT", "http://127.0.0.1:9")
    refuses = Refusals(tmp_path, monkeypatch, capsys)
    assert "extra is not one of the model's" in refuses(
        "publish", "B2", "me", "--yes", "--output-root", tmp_path / "out"
    )
    assert "expected one of" in refuses("publish", "B9", "me", "--output-root", tmp_path / "out")
