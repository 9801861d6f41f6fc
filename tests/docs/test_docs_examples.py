"""The pages' examples agree with the code: banks and their errors, prompt, versions, times, the list of modules."""

import json
import re

import pytest
import typer
from doc_pages import ROOT, blocks, doc, shell_lines, spans

from cefr_helpers import cli
from cefr_helpers.bank_making import chat_client, checks, generator, storage
from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.progress import clock
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import bank_formats, cleaning, formatting, splitting, tables, word_lists
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.rendering import locale

OWN_BANK = [(ending, text) for ending in ("csv", "json", "jsonl") for text in blocks(doc("own_bank.md"), ending)]
# The subjects of the page's first error messages, in their order.
BAD_BANKS = [
    ("my_bank.csv", b"page,number\n"),
    ("my_bank.csv", b"word,sentence\ncope,Well, she copes.\n"),
    ("my_bank.csv", b"word,sentence\ncope,She copes in the caf\x81.\n"),
    ("my_bank.csv", b"word,sentence\nquick,She left quickly.\n"),
    ("my_bank.csv", b"word,sentence,level\ncope,She copes.,A2\n"),
    ("my_bank.doc", b""),
]


def test_the_four_formats_are_the_same_bank(tmp_path):
    assert len(OWN_BANK) == 4
    for number, (ending, text) in enumerate(OWN_BANK):
        path = tmp_path / f"{number}_b2.{ending}"
        path.write_text(text, encoding="utf-8")
        bank = sentence_bank.read(path, "B2")
        assert {word: len(own) for word, own in bank.sentences.items()} == {"abandon": 2, "cope": 1}
        assert bank.sentences["cope"] == ("She copes well with stress.",) and bank.report == ()


def test_every_kind_of_cleaning_is_told():
    told = {"word_without_sentences", tables.EMPTY_ROW, "sheet_not_read"}
    told |= {bank_formats.OTHER_LEVEL, bank_formats.WITHOUT_LEVEL}
    kinds = {*cleaning.CHANGED, *cleaning.DROPPED, *cleaning.DOUBTFUL, *told}
    page = doc("own_bank.md").read_text()
    assert {name for name in kinds if f"`{name}`" not in page} == set()
    assert set(re.findall(r"^\| `(\w+_\w+)`", page, flags=re.MULTILINE)) <= kinds
    for language in locale.LANGUAGES:
        assert kinds <= set(locale.phrases(language)["reasons"])


@pytest.mark.parametrize("number", range(len(BAD_BANKS)))
def test_the_errors_are_those_of_the_code(number, tmp_path, monkeypatch):
    [shown] = blocks(doc("own_bank.md"), "text")
    name, content = BAD_BANKS[number]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        sentence_bank.read(name, "B1")
    assert str(error.value) == shown.splitlines()[number]
    assert len(shown.splitlines()) == len(BAD_BANKS)


def test_names_of_files_give_their_levels(tmp_path):
    names = [name for name in spans(doc("own_bank.md")) if re.fullmatch(r"\w+[-_]\S*\d\.\w+", name)]
    for name in names:
        (tmp_path / name).touch()
    found = sentence_bank.find(tmp_path, "B1")
    assert {path.name for path in found.values()} == set(names) and list(found) == ["A2", "B1", "B2"]


def test_the_tutorials_words_make_examples_with_its_recipe():
    files = sentence_bank.find(doc("tutorial_words.csv"), "B2")
    banks = sentence_bank.read_all(files)
    assert {level: len(bank.sentences) for level, bank in banks.items()} == {"A2": 40, "B2": 100}
    assert {row["reason"] for bank in banks.values() for row in bank.report} == {bank_formats.OTHER_LEVEL}
    recipe = load_recipe(str(doc("tutorial_recipe.yaml")))
    split = splitting.split_groups(banks, recipe.split, recipe.held_out_share, recipe.dev_share, 3407)
    for part, count in (("train", recipe.train_examples), ("dev", recipe.dev_examples), ("eval", recipe.eval_examples)):
        assert len(formatting.draw_examples(banks["B2"], split, "B2", part, count, 3407)) == count


def test_the_tutorial_shows_the_first_rows_of_its_words():
    [text] = blocks(doc("tutorial.md"), "csv")
    assert doc("tutorial_words.csv").read_text().startswith(text)


def test_the_tutorials_times_are_those_of_the_reference_run():
    workspace = Workspace(doc("reference_run"), ROOT / "user_data")
    found = [
        records.read(workspace, level, "training") for level in LEVELS if workspace.record(level, "training").is_file()
    ]
    seconds = sorted(record.results.duration_s for record in found)
    [examples] = {record.recipe["train_examples"] for record in found}
    text = " ".join(doc("tutorial.md").read_text().split())
    assert f"{clock(seconds[0])} to {clock(seconds[-1])} minutes a level, with {examples} training examples" in text
    assert {record.recipe["name"] for record in found} == {"cpu"}
    rates = {load_recipe(name).learning_rate for name in ("cpu", str(doc("tutorial_recipe.yaml")))}
    rows = [[row for row in record.results.as_dict()["history"] if row.get("eval_loss")] for record in found]
    losses = [{row["step"]: row["eval_loss"] for row in one} for one in rows]
    assert len(rates) == 1 and all(set(one) == {25, 50, 75} for one in losses)
    assert "After 25 of their 75 steps their loss on the development words was within 0.11 of the lowest" in text
    assert max(one[25] - min(one.values()) for one in losses) < 0.11


def test_the_prompt_for_other_programs_is_the_one_of_the_training():
    [shown] = blocks(doc("text_generation_webui.md"), "text")
    words = re.findall(r"^\d+\. (\w+)$", shown, re.MULTILINE)
    example = formatting.make_example("B2", words, [0] * len(words), dict.fromkeys(words, ("x",)))
    assert shown.strip() == f"{example['instruction']}\n{example['input']}"


def test_conda_is_set_up_as_its_file_says():
    head = (ROOT / "environment.yml").read_text()
    said = [line.removeprefix("#   ") for line in head.splitlines() if line.startswith("#   ")]
    assert said and set(said) <= set(shell_lines(doc("gpu.md")))


def test_the_gpu_page_tells_the_recipes_figures():
    recipe = load_recipe("reference")
    text = " ".join(doc("gpu.md").read_text().split())
    assert f"LoRA rank {recipe.lora_rank}, {recipe.epochs:g} epochs" in text
    counts = f"{recipe.train_examples:,} training, {recipe.dev_examples} development and {recipe.eval_examples} test"
    assert f"{counts} examples" in text
    assert f"(`held_out_share: {recipe.held_out_share}`, `dev_share: {recipe.dev_share}`)" in text


def test_how_many_words_each_part_gets():
    text = " ".join(doc("own_bank.md").read_text().split())
    assert splitting.FEWEST_WORDS == 30 and "A level needs thirty words" in text
    for name in ("cpu", "reference"):
        recipe, told = load_recipe(name), []
        for words in (40, 200):
            wanted = splitting.targets(words, recipe.held_out_share, recipe.dev_share)
            told.append(f"{words - sum(wanted.values())}, {wanted['dev']} and {wanted['eval']} of")
        assert f"[{name}](../recipes/{name}.yaml) takes {told[0]} forty words and {told[1]} two hundred" in text


def test_no_record_of_the_reference_run_names_a_gpu_as_the_page_says():
    found = [json.loads(path.read_text())["hardware"] for path in doc("reference_run").glob("runs/*/training.json")]
    assert found and not [machine for machine in found if "gpu" in machine]


def test_the_page_on_the_code_has_each_folder_with_its_modules():
    table = doc("code.md").read_text().split("## Folders")[1].split("## ")[0]
    rows = [row.split("|")[1:] for row in table.splitlines() if row.startswith("| `")]
    named = {cells[0].strip(" `/"): sorted(re.findall(r"`(\w+)`", cells[2])) for cells in rows}
    there = {}
    for path in (ROOT / "cefr_helpers").rglob("*.py"):
        there.setdefault(path.parent.relative_to(ROOT).as_posix(), []).append(path.stem)
    assert named == {folder: sorted({*names} - {"__init__"}) for folder, names in there.items()}


def test_every_format_is_named():
    assert set(bank_formats.ENDINGS) <= set(spans(doc("own_bank.md")))


def test_the_page_on_bank_making_tells_what_the_code_does(tmp_path):
    text = " ".join(doc("bank_making.md").read_text().split())
    told = [name for name in spans(doc("bank_making.md")) if name in checks.REASONS]
    assert told == list(checks.REASONS)
    assert f"`{chat_client.DEFAULT}`, which is the default" in text
    assert f"over {checks._LONGEST} characters" in text and checks.TOLERANCE == 1 and generator.SPARE == 2
    defaults = {one.name: one.default for one in typer.main.get_command(cli.app).commands["bank"].params}
    assert f"at most `--tries` requests per word ({defaults['tries']})" in text
    assert f"`MAX_NEW_TOKENS` ({defaults['max_new_tokens']})" in text and f"If {generator.IN_A_ROW} words" in text
    (tmp_path / "words.csv").write_text(blocks(doc("bank_making.md"), "csv")[0])
    assert word_lists.read(tmp_path / "words.csv").words == ("abandon", "look forward to")
    place = storage.BankOutput(tmp_path / "b2.json")
    assert place.folder.name == "b2.made"
    assert {path.name for path in (place.answers, place.rejects, place.record)} <= set(spans(doc("bank_making.md")))


def test_what_is_said_of_a_server_that_does_not_answer_well_is_what_the_code_says():
    code = "".join(
        (ROOT / "cefr_helpers/bank_making" / name).read_text() for name in ("chat_client.py", "generator.py")
    )
    code = code.replace("{_ATTEMPTS}", str(chat_client._ATTEMPTS))
    table = doc("bank_making.md").read_text().split("## When something is wrong")[1].split("## Rights")[0]
    messages = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(messages) == 10 and [one for one in messages if one not in code] == []
