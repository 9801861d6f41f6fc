"""`cefr publish` to a hub on this machine, over real sockets, with the client that is used for the real one."""

import os
import subprocess
import sys

import hub_stand_in
import published_model
import pytest
from hub_stand_in import TOKEN, Repository
from published_model import folder_of

from cefr_helpers.core.paths import project_root
from cefr_helpers.sharing import model_card

MERGED, ADAPTER = "me/smollm2-135m-b2-unsloth-v1_merged", "me/smollm2-135m-b2-unsloth-v1"


@pytest.fixture
def hub():
    with hub_stand_in.running() as made:
        yield made


@pytest.fixture
def workspace(tmp_path):
    return published_model.make(tmp_path)


@pytest.fixture
def publish(workspace, hub, tmp_path):
    """Calls the command in a process of its own, since the client reads its settings once."""

    def call(*options, token=TOKEN, url=None):
        home = tmp_path / "hf_home"
        home.mkdir(exist_ok=True)
        (home / "token").write_text("hf_savedByAnotherProgram")  # must not be used
        here = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        here |= {"HF_ENDPOINT": url or hub.url, "HF_HOME": str(home)}
        here |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(project_root())}
        here |= {"HF_TOKEN": token} if token else {}
        command = [sys.executable, "-m", "cefr_helpers.cli", "publish", "B2", *options]
        command += ["--output-root", str(workspace.output_root)]
        done = subprocess.run(command, env=here, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        return done

    return call


def content(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def on_the_hub(hub, repo) -> dict[str, bytes]:
    return {name: held for name, held in hub.repositories[repo].files.items() if name != ".gitattributes"}


def test_without_yes_it_is_shown_and_the_hub_hears_nothing(publish, hub, workspace):
    done = publish("me", token=None)
    assert done.returncode == 0, done.stderr
    assert f"-> {MERGED} (private)" in done.stdout and "nothing was sent" in done.stdout
    assert all(name in done.stdout for name in content(folder_of(workspace)))
    size = sum(map(len, content(folder_of(workspace)).values()))
    assert f"{size / 1e3:,.1f} kB  in 5 files" in done.stdout
    assert hub.requests == []


def test_with_yes_it_lies_there_as_it_lies_here_and_is_sent_once(publish, hub, workspace):
    done = publish("me", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/{MERGED}: sent README.md, config.json, model.safetensors" in done.stdout
    assert on_the_hub(hub, MERGED) == content(folder_of(workspace))
    assert hub.repositories[MERGED].private and set(hub.repositories) == {MERGED}
    [_, (_, title, _)] = hub.repositories[MERGED].commits
    assert title == "smollm2-135m-b2-unsloth-v1_merged, trained at 0123456789ab"
    hub.requests.clear()
    again = publish("me", "--yes")
    assert again.returncode == 0 and "has the same files already; nothing was sent" in again.stdout
    assert {method for method, _ in hub.requests} == {"GET"}


def test_both_go_to_repositories_of_their_own_for_all_to_see(publish, hub, workspace):
    assert publish("me", "--what", "both", "--public", "--yes").returncode == 0
    assert on_the_hub(hub, MERGED) == content(folder_of(workspace))
    assert on_the_hub(hub, ADAPTER) == content(folder_of(workspace, "adapter"))
    assert not hub.repositories[MERGED].private and not hub.repositories[ADAPTER].private


def test_another_version_is_replaced_only_when_asked_for_and_what_did_not_change_is_not_sent(publish, hub, workspace):
    assert publish("me", "--yes").returncode == 0
    workspace.record("B2", "comparison").write_text(
        workspace.record("B2", "comparison").read_text().replace("1.8011", "1.8012")
    )
    model_card.write_cards(workspace, "B2")
    before = hub.repositories[MERGED].commits[-1]
    refused = publish("me", "--yes")
    assert refused.returncode == 2 and "has another version of README.md" in refused.stderr
    assert hub.repositories[MERGED].commits[-1] == before
    hub.requests.clear()
    assert "sent README.md\n" in publish("me", "--yes", "--replace").stdout
    assert hub.repositories[MERGED].commits[-1][2] == ["README.md"] and hub.asked("PUT") == []
    assert on_the_hub(hub, MERGED) == content(folder_of(workspace))


@pytest.mark.parametrize("option", [(), ("--replace",)])
def test_a_repository_with_something_else_is_left_alone(publish, hub, option):
    hub.repositories[MERGED] = Repository(private=True)
    hub.commit(MERGED, {"other.safetensors": b"x"}, "another's")
    done = publish("me", "--yes", *option)
    assert done.returncode == 2 and "has files of something else (other.safetensors)" in done.stderr
    assert {method for method, _ in hub.requests} == {"GET"}


def test_a_public_repository_does_not_get_what_was_to_be_private(publish, hub):
    hub.repositories[MERGED] = Repository(private=False)
    done = publish("me", "--yes")
    assert done.returncode == 2 and "is public on the hub and would be uploaded as private" in done.stderr
    assert on_the_hub(hub, MERGED) == {}


def test_no_token_a_wrong_one_and_anothers_account(publish, hub):
    done = publish("me", "--yes", token=None)
    assert done.returncode == 2 and "HF_TOKEN: not set" in done.stderr and hub.requests == []
    done = publish("me", "--yes", token="hf_wrong")
    assert done.returncode == 2 and "HF_TOKEN: the hub does not accept it" in done.stderr and "401" in done.stderr
    assert "hf_wrong" not in done.stdout + done.stderr
    done = publish("somebody", "--yes")
    assert done.returncode == 2 and "403: not yours" in done.stderr and hub.repositories == {}


def test_a_hub_that_is_not_there(publish):
    done = publish("me", "--yes", url="http://127.0.0.1:9")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"{MERGED}: not sent (" in done.stderr and "run again to resume" in done.stderr


def test_what_broke_off_goes_on_and_what_arrived_is_not_sent_again(publish, hub, workspace):
    hub.failures = [("POST", "/commit/", 500)]
    done = publish("me", "--yes")
    assert done.returncode == 1 and "the hub answered 500" in done.stderr
    assert on_the_hub(hub, MERGED) == {} and len(hub.asked("PUT")) == 1
    assert publish("me", "--yes").returncode == 0
    assert on_the_hub(hub, MERGED) == content(folder_of(workspace)) and len(hub.asked("PUT")) == 1


def test_a_commit_that_comes_between_is_not_covered_up(publish, hub):
    hub.before_commit = lambda: hub.commit(MERGED, {"config.json": b"{}"}, "another's")
    done = publish("me", "--yes")
    assert done.returncode == 1 and "was changed on the hub meanwhile (412" in done.stderr
    assert on_the_hub(hub, MERGED) == {"config.json": b"{}"}
