"""Each family of base models through a whole run, `cefr run` and `cefr export`, and then in transformers 4 and 5.

Of each a random model as in tiny_families, with SmolLM2's tokenizer or one of SentencePiece's kind, since llama.cpp's
converter refuses what it does not know. A family takes some minutes; `-k gemma-3` runs what has that in its name.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import elsewhere
import made_bank
import pieces
import pytest
from tiny_families import FAMILIES, Family, make_model, on_tokenizer
from tiny_models import make_example, tiny_recipe

from cefr_helpers.core import records
from cefr_helpers.core.paths import STAGES, Workspace, project_root, resolve
from cefr_helpers.models import base_model, merging, prompts
from cefr_helpers.sharing import gguf

pytestmark = pytest.mark.slow
LEVEL = "B1"


@pytest.fixture(scope="module")
def cache(bundled, tmp_path_factory) -> Path:
    """A cache folder of these tests' own, which has the bundled model of the other."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "cefr_helpers" / "base_models").mkdir(parents=True)
    (folder / "cefr_helpers" / "base_models" / bundled.folder.name).symlink_to(bundled.folder)
    return folder


@pytest.fixture(scope="module")
def run(bundled, cache, tmp_path_factory):
    """Name of a family -> its base model, and the workspace of the run that trained it; made when it is requested."""
    folder = tmp_path_factory.mktemp("runs")
    bank, made = made_bank.write(folder / "bank.csv"), {}

    def whole_run(name: str) -> tuple[base_model.BaseModel, Workspace]:
        if name not in made:
            made[name] = None  # if its run fails, so do all its tests
            out = folder / name
            model = make_base(out / "base" / name, FAMILIES[name], bundled)
            recipe = tiny_recipe(out / "recipe.yaml", model, generation_samples=0)
            workspace = Workspace(out, out / "user_data")
            cefr("run", workspace, cache, "--bank", bank, "--recipe", recipe)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CACHE_HOME", str(cache))
                made[name] = base_model.resolve(str(model)), workspace
        return made[name] or pytest.fail(f"the run of {name} failed in an earlier test")

    return whole_run


def make_base(folder: Path, family: Family, bundled) -> Path:
    """The family's model with a tokenizer that llama.cpp's converter knows."""
    folder.mkdir(parents=True)
    if family.pieces:
        tokenizer = pieces.make(folder / "tokenizer.model", family)
    else:
        tokenizer = on_tokenizer(family, base_model.load_tokenizer(bundled))
    return make_model(folder, family, tokenizer, initializer_range=0.1)


def cefr(command: str, workspace: Workspace, cache: Path, *options) -> subprocess.CompletedProcess:
    places = ["--levels", LEVEL, "--output-root", workspace.output_root, "--user-data", workspace.user_data]
    line = [sys.executable, "-m", "cefr_helpers.cli", command, *places, *options]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, cwd=project_root(), env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_ends_in_a_note(run, name):
    base, workspace = run(name)
    family, found = FAMILIES[name], [records.read(workspace, LEVEL, one).results for one in records.NAMES]
    dataset, training, comparison = found
    assert dataset.sentence_bank.words == 30
    assert training.base_model.chat.end_of_turn == family.end
    assert training.base_model.chat.thinking == family.thinking
    assert training.merge_check.difference_from_base > training.merge_check.rounding_difference
    assert comparison.agreement.relative_difference < 0.01
    assert comparison.completion.tuned.loss < comparison.completion.base.loss - 0.02
    assert training.base_model.sha256 == base.sha256
    assert "## " in workspace.note(LEVEL).read_text() and len(STAGES) == len(
        list(workspace.run(LEVEL).glob("0*.ipynb"))
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_4_and_5_find_the_same(in_transformers_4, in_transformers_5, run, name, tmp_path):
    base, workspace = run(name)
    training = records.read(workspace, LEVEL, "training").results
    # the base as published models are written: what transformers 5 alone writes is another matter
    portable = Path(shutil.copytree(base.folder, tmp_path / "base"))
    merging.make_portable(portable)
    merged, question = resolve(training.merged_model.path), prompts.prompt_text(make_example(0))
    for folder, adapter in ((merged, ""), (portable, resolve(training.adapter.path))):
        four, five = (one.read(folder, adapter, question) for one in (in_transformers_4, in_transformers_5))
        if reason := FAMILIES[name].not_in_transformers_4:
            assert reason in four["error"] and "error" not in five
            continue
        assert "error" not in four and "error" not in five, (four, five)
        assert four["version"].startswith("4.") and five["version"].startswith("5.")
        for what in ("ids", "said", "end", "answer"):
            assert four[what] == five[what], what
        assert elsewhere.difference(four, five) < 1e-3
        if adapter:  # the base has its own template with or without it, so that its logits are for the same tokens
            assert elsewhere.difference(five, in_transformers_5.read(portable, "", question)) > 1e-2
        else:  # with exactly its training prompt
            assert five["ids"] == prompts.prompt_ids(base_model.tokenizer_in(merged), make_example(0))


@pytest.mark.parametrize("name", FAMILIES)
def test_llama_cpp_answers_like_the_tuned_model(run, cache, name):
    """`cefr export` itself compares tokens of odd sentences, those of a prompt, and an answer with its likelihood."""
    _, workspace = run(name)
    if FAMILIES[name].not_exported:
        with pytest.raises(RuntimeError, match=FAMILIES[name].not_exported[0]):
            gguf.export(workspace, LEVEL)
        return
    cefr("export", workspace, cache)
    [made] = workspace.exports().glob("*/export.json")
    check = json.loads(made.read_text())["check"]
    assert check["sentences"] > 5 and check["same_tokens"] > 0
