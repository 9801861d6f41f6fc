"""Model cards: the hub's header, what the body says, and where a card is written; records are made by hand."""

import json
import re
from dataclasses import replace
from pathlib import Path

import hand_made_records
import pytest
from hand_made_records import change, generation
from huggingface_hub import ModelCard
from published_model import SMOLLM2, records_of_b2, write_linked

from cefr_helpers.core import ratings
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import RatingResults, RatingsRecord, Reader, SystemRating
from cefr_helpers.core.schema import Metric
from cefr_helpers.data import formatting
from cefr_helpers.models import prompts
from cefr_helpers.sharing import model_card

WORKSPACE = Workspace(Path("/project"), Path("/project/user_data"))
KINDS = ("adapter", "merged_model")


def card(records: LevelRecords, kind: str = "merged_model") -> str:
    return model_card.card(WORKSPACE, records, kind)


def header(text: str) -> dict:
    ModelCard(text)  # the hub's own reading
    return ModelCard(text).data.to_dict()


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """Level B2 published: its folders, and records that name one another by their hashes."""
    made, records = Workspace(tmp_path / "out", tmp_path / "user_data"), records_of_b2()
    for kind, parent, file in (
        ("adapter", made.adapters(), "adapter_config.json"),
        ("merged_model", made.merged_models(), "config.json"),
    ):
        place = getattr(records.training.results, kind)
        folder = parent / place.name
        folder.mkdir(parents=True)
        (folder / file).write_text("{}")
        change(place, path=str(folder))
    write_linked(made, records)
    return made


def cards(workspace: Workspace) -> dict[str, str]:
    return {path.parent.name: path.read_text(encoding="utf-8") for path in workspace.user_data.rglob("README.md")}


@pytest.mark.parametrize(
    ("kind", "library", "relation"), [("adapter", "peft", "adapter"), ("merged_model", "transformers", "finetune")]
)
def test_the_header_is_the_hubs(kind, library, relation):
    found = header(card(records_of_b2(), kind))
    assert found["base_model"] == SMOLLM2 and found["base_model_relation"] == relation
    assert (found["library_name"], found["license"], found["language"]) == (library, "apache-2.0", "en")
    assert {"cefr", "cefr-b2", "lora"} <= set(found["tags"])
    (model,) = found["model-index"]
    assert model["name"] == getattr(records_of_b2().training.results, kind).name
    assert {one["type"]: one["value"] for one in model["results"][0]["metrics"]} == {
        "loss": 1.8011,
        "perplexity": 6.0563,
    }


def test_the_body_says_hashes_licences_metrics_and_limits():
    text = card(records_of_b2())
    assert "| SHA-256 of the weights | `" + "ab" * 32 + "` |" in text and "| Licence | Apache-2.0 |" in text
    assert "| `dataset.json` | `" + "11" * 32 + "` |" in text and "/home/someone" not in text
    assert "Licence of the sentence bank: CC0 1.0." in text and "de-quantised from a 4-bit file" in text
    assert "2.392 | 1.801" in text and "[−0.634, −0.551]" in text
    assert re.search(r"^\| Tuned \| 38\.0% \[", text, re.MULTILINE) and "## Limits" in text


def test_the_card_says_what_chose_the_checkpoint():
    by_loss = records_of_b2()
    by_answers = replace(by_loss, training=hand_made_records.training_by_answers())
    assert "The checkpoint was chosen by its loss on development words" in card(by_loss)
    text = card(by_answers)
    assert (
        "The checkpoint was chosen by Joint Success of its answers to 2 prompts of development words (20 words)" in text
    )
    assert "chosen by its loss" not in text and "| Time for these answers | 1:30 in all" in text


def test_the_card_says_that_some_examples_were_its_own():
    before = records_of_b2()
    after = replace(before, training=hand_made_records.self_trained())
    assert "sentences that it wrote itself" in card(after) and "it wrote itself" not in card(before)


def test_without_a_comparison_the_card_says_so_and_has_no_figures():
    records = records_of_b2()
    text = card(LevelRecords("B2", records.dataset, records.training))
    assert "Not compared with its base yet" in text and "model-index" not in header(text)


def test_another_base_is_named_as_far_as_it_is_known():
    llama = card(records_of_b2(source="unsloth/Llama-3.2-1B-Instruct", identifier="unsloth/Llama-3.2-1B-Instruct"))
    assert header(llama)["license"] == "llama3.2" and "Built with Llama." in llama and "4-bit file" not in llama
    local = card(records_of_b2(source="/home/someone/my-model", identifier="my-model"))
    assert not {"license", "base_model", "base_model_relation"} & set(header(local))
    assert "none: a local folder" in local and "/home/someone" not in local


def test_a_bank_of_ones_own_has_the_licence_that_its_maker_gave_it():
    records = records_of_b2()
    change(records.dataset.results.sentence_bank, name="mine.csv")
    assert "Licence of the sentence bank: not recorded" in card(records)


def test_what_others_wrote_is_shown_and_does_nothing():
    nasty = '---\nlicense: mit\n<script>x</script> | `a` **b** "'
    records = records_of_b2(name=nasty)
    change(records.dataset.results.sentence_bank, name=nasty)
    change(records.training, inputs={f"/tmp/{nasty}": "22"})
    for kind in KINDS:
        change(getattr(records.training.results, kind), name=nasty)
        text = card(records, kind)
        assert header(text)["license"] == "apache-2.0"
        assert "<script>" not in ModelCard(text).text.split("```python")[0]
        assert header(text)["model-index"][0]["name"] == nasty
        compile(text.split("```python\n")[1].split("\n```")[0], "usage", "exec")


def test_usage_asks_as_training_did():
    words = model_card.WORDS
    example = formatting.make_example("B2", words, [0] * 10, {word: ("",) for word in words})
    code = re.search(r"words = .*?\"\"\".*?\"\"\"", card(records_of_b2()), re.DOTALL)[0]
    names = {}
    exec(code, names)
    assert names["prompt"] == prompts.prompt_text(example)


@pytest.mark.parametrize("kind", KINDS)
def test_usage_runs(kind, tiny_folder, tmp_path, monkeypatch):
    records = records_of_b2()
    change(records.training.results.merged_model, name=tiny_folder.name)
    records.training.recipe["max_new_tokens"] = 4
    code = card(records, kind).split("```python\n")[1].split("\n```")[0]
    if kind == "adapter":
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder), LoraConfig(r=2))
        model.save_pretrained(tmp_path / records.training.results.adapter.name)
        code = code.replace(SMOLLM2, str(tiny_folder))
    monkeypatch.chdir(tmp_path if kind == "adapter" else tiny_folder.parent)
    names = {}
    exec(code, names)
    assert 0 < names["answer"].shape[1] - names["inputs"]["input_ids"].shape[1] <= 4
    assert ("PeftModel" in names) == (kind == "adapter")


def test_cards_lie_inside_both_folders_and_nowhere_else(workspace):
    written = model_card.write_cards(workspace, "B2")
    assert [path.relative_to(workspace.user_data).as_posix() for path in written] == [
        "loras/smollm2-135m-b2-unsloth-v1/README.md",
        "models/smollm2-135m-b2-unsloth-v1_merged/README.md",
    ]
    # text-generation-webui lists every entry of loras/
    assert [path.name for path in workspace.adapters().iterdir()] == ["smollm2-135m-b2-unsloth-v1"]
    files = {path.name for path in workspace.user_data.rglob("*") if path.is_file()}
    assert files == {"README.md", "config.json", "adapter_config.json"}


def test_a_card_is_renewed_when_the_comparison_is_there(workspace):
    comparison = workspace.record("B2", "comparison")
    text = comparison.read_text()
    comparison.unlink()
    model_card.write_cards(workspace, "B2")
    assert all("Not compared with its base yet" in one for one in cards(workspace).values())
    comparison.write_text(text)
    model_card.write_cards(workspace, "B2")
    assert all("2.392 | 1.801" in one for one in cards(workspace).values()) and len(cards(workspace)) == 2


@pytest.mark.parametrize(("record", "gone"), [("comparison", "2.392 | 1.801"), ("training", "Leak")])
def test_records_of_another_training_are_not_this_models(workspace, record, gone):
    model_card.write_cards(workspace, "B2")
    assert all(gone in one for one in cards(workspace).values())
    path = workspace.record("B2", record)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inputs": {"earlier.json": "33" * 32}}))
    model_card.write_cards(workspace, "B2")
    assert not any(gone in one for one in cards(workspace).values())


def rated(created: str) -> RatingResults:
    tuned = SystemRating(words=10, printable=Metric(value=0.6, low=0.31, high=0.83))
    reader = Reader(name="A", kind="teacher")
    return RatingResults(counted="people", comparison_created=created, readers=[reader], systems={"tuned": tuned})


def test_the_share_that_readers_would_print_is_beside_the_answers():
    records = records_of_b2()
    change(records.comparison.results, generation=generation())
    text = card(records)
    assert "Not rated yet" in text and "`make rate LEVELS=B2`" in text and "no person has read the answers" in text
    text = card(replace(records, ratings=RatingsRecord(results=rated(records.comparison.created))))
    assert "tuned model 60.0% [31.0, 83.0] (n = 10 words). Readers: one teacher." in text
    assert "Not rated yet" not in text and "no person has read" not in text


def test_votes_on_another_comparisons_answers_are_not_this_models(workspace):
    of_this = json.loads(workspace.record("B2", "comparison").read_text())["created"]
    for created, there in ((of_this, True), ("2020-01-01T00:00:00+00:00", False)):
        ratings.write(workspace, "B2", {}, rated(created))
        assert bool(model_card.of_one_training(workspace, "B2").ratings.results.systems) == there


def test_a_card_of_ones_own_and_a_folder_that_is_gone_are_left_alone(workspace):
    own, gone = model_card.write_cards(workspace, "B2")
    own.write_text("mine")
    for path in gone.parent.iterdir():
        path.unlink()
    assert model_card.write_cards(workspace, "B2") == []
    assert own.read_text() == "mine" and not gone.exists()


def test_an_adopted_run_gets_none(workspace):
    path = workspace.record("B2", "training")
    record = json.loads(path.read_text())
    record["results"]["adopted"] = {"read": "trainer_state.json"}
    path.write_text(json.dumps(record))
    assert model_card.write_cards(workspace, "B2") == [] and cards(workspace) == {}


def test_without_training_the_stage_to_run_is_named(tmp_path):
    with pytest.raises(InputError, match="run 02_training for level B2 first"):
        model_card.write_cards(Workspace(tmp_path, tmp_path), "B2")


def test_the_wording_of_a_card_is_no_reason_to_train_again():
    from cefr_helpers.pipeline import stages

    modules = {path.name for path in stages.modules_of(stages.notebook_path("02_training"))}
    assert "saving.py" in modules and not {"model_card.py", "results_note.py", "facts.py"} & modules
