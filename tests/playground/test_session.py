"""The playground, driven through its widgets' own calls, on a random model as small as one can be."""

import json
import os

import pytest
import yaml
from tiny_models import HARD, SENTENCES, WORDS, write_adapter

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.data import bank_formats, banks, formatting
from cefr_helpers.evaluation import human_scale, summary
from cefr_helpers.models import generation
from cefr_helpers.pipeline import stages
from cefr_helpers.playground import favourites
from cefr_helpers.playground import panel as playground_panel
from cefr_helpers.playground.session import Playground, parse_words

ANSWER = "1. She ate a very red apple.\n2. He bridge crossed the the.\n3. A candle"


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    easy = {word: [sentence] for word, sentence in zip(WORDS, SENTENCES, strict=True)}
    (folder / "A2.json").write_text(json.dumps(easy))
    (folder / "B2.json").write_text(json.dumps({word: [sentence] for word, sentence in HARD.items()}))
    return folder


@pytest.fixture(scope="module")
def recipe(byte_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
    path.write_text(yaml.safe_dump(values | {"base_model": str(byte_folder), "precision": "fp32"}))
    return path


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "out", tmp_path / "user_data")


@pytest.fixture
def playground(workspace, bank, recipe):
    return Playground(workspace, "A2", str(recipe), str(bank), seed=3)


def panel_of(playground, words="apple, bridge, candle"):
    from cefr_helpers.playground.panel import Panel

    panel = Panel(playground)
    panel.words.value = words
    panel.max_new_tokens.value = 20
    return panel


# Words


def test_words_are_parted_by_commas_semicolons_and_lines():
    assert parse_words(" apple, look  forward to;\nbridge,\n") == ["apple", "look forward to", "bridge"]


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("1. apple\n2. bridge\n3. look after\n---\n", ["apple", "bridge", "look after"]),
        ("- apple\n• bridge\n* candle", ["apple", "bridge", "candle"]),
        ("(1) apple\tnoun\tA1\n(2) bridge\tnoun\tA2", ["apple", "bridge"]),
        ("apple (n.), bridge (over water), look after (sb)", ["apple", "bridge", "look after"]),
        ("apple, bridge, Apple, apple", ["apple", "bridge"]),
        ("film/movie\n\u200bapple", ["film", "movie", "apple"]),
        ("# Unit 1\napple", ["apple"]),
    ],
)
def test_words_may_be_pasted_as_books_and_chats_print_them(pasted, words):
    assert parse_words(pasted) == words


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (" ,; \n", "words: 0 of them; expected 1 to 10"),
        (",".join("abcdefghijk"), "words: 11 of them; expected 1 to 10"),
        ("apple, 17", "words: '17'; expected a word"),
        ("a\x00b", "expected a word"),
        ("x" * 61, "expected a word"),
        ("apple, <i>1,000</i>", "words: '<i>1'; expected a word"),
    ],
)
def test_what_is_no_list_of_words_is_refused(typed, told):
    with pytest.raises(InputError, match=told):
        parse_words(typed)


def test_words_are_drawn_from_those_held_out_in_the_last_formatted_data(workspace, playground, examples):
    would_be, origin = playground.held_out_words("A2")
    assert len(would_be) == 2 and set(would_be) < set(WORDS) and "has not been run yet" in origin
    other = {**examples[0], "words": ["kettle", "ladder", "mirror"]}
    formatting.write_examples(workspace.formatted_file("A2", "eval"), [other])
    drawn = [playground.draw("A2", 2) for _ in range(12)]
    assert {word for words, _ in drawn for word in words} == {"kettle", "ladder", "mirror"}
    assert all(len(set(words)) == 2 and origin == "held out in the last formatted data" for words, origin in drawn)
    panel = panel_of(playground)
    panel.count.value = 3
    panel.draw.click()
    assert sorted(parse_words(panel.words.value)) == ["kettle", "ladder", "mirror"]
    assert "3 words held out in the last formatted data" in panel.status.value


# Answers


def test_before_any_training_the_base_answers_alone_and_says_so(playground):
    panel = panel_of(playground)
    assert "no adapter has been trained yet" in panel.about.value
    panel.ask.click()
    assert list(panel.asked.texts) == ["base"] and panel.asked.texts["base"]
    assert "Only the base model answered: no adapter has been trained yet; run 01" in panel.status.value
    heads = [child.value for child in panel.answers.children[:2]]
    assert heads == ["<b>Word</b>", "<b>Base</b>"]
    assert len(panel.answers.children) == 2 * (1 + 3)
    assert "Tuned" not in panel.raw.value and not panel.ask.disabled


def test_base_and_tuned_of_two_levels_come_out_of_one_loaded_model(workspace, playground, byte_folder, recipe):
    alone = panel_of(playground)
    alone.ask.click()
    write_adapter(workspace, "A2", byte_folder, recipe, "byte-a2-unsloth-v1", 1)
    write_adapter(workspace, "B2", byte_folder, recipe, "byte-b2-unsloth-v1", 2)
    panel = panel_of(playground)
    assert panel.about.value == "A2, tuned model: byte-a2-unsloth-v1"
    panel.ask.click()
    first = panel.asked
    assert first.alone is None and first.texts["base"] == alone.asked.texts["base"] != first.texts["tuned"]
    assert [child.value for child in panel.answers.children[:3]] == ["<b>Word</b>", "<b>Base</b>", "<b>Tuned</b>"]
    panel.level.value = "B2"
    panel.max_new_tokens.value = 20
    assert panel.about.value == "B2, tuned model: byte-b2-unsloth-v1"
    panel.ask.click()
    assert panel.asked.level == "B2" and panel.asked.texts["tuned"] != panel.asked.texts["base"]
    panel.level.value = "A2"
    panel.max_new_tokens.value = 20
    panel.ask.click()
    assert panel.asked.texts == first.texts
    assert playground._speakers.loads == 1


def test_an_adapter_of_another_base_is_not_used_and_named(workspace, playground, byte_folder, recipe):
    write_adapter(workspace, "A2", byte_folder, recipe, "byte-a2-unsloth-v1", 1)
    path = workspace.record("A2", "training")
    record = json.loads(path.read_text())
    record["results"]["base_model"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    panel = panel_of(playground)
    panel.ask.click()
    assert list(panel.asked.texts) == ["base"]
    assert "has other weights than the base that byte-a2-unsloth-v1 was trained on" in panel.status.value


def test_temperature_0_repeats_itself_and_above_each_click_draws_anew(playground):
    panel = panel_of(playground)
    answers = []
    for temperature in (0, 0, 1.5, 1.5):
        panel.temperature.value = temperature
        panel.ask.click()
        answers.append(panel.asked.texts["base"])
    assert answers[0] == answers[1] and len(set(answers)) == 3
    assert "sampled at temperature 1.5, seed 4" in panel.status.value
    prompt = formatting.make_prompt("A2", ["apple", "bridge", "candle"])
    assert playground._speakers.answer(prompt, tuned=False, max_new_tokens=20, temperature=1.5, seed=3) == answers[2]


def test_length_and_temperature_reach_the_model(playground, monkeypatch):
    seen = []
    monkeypatch.setattr(generation, "answer", lambda *a, **k: seen.append((a[3], k)) or [ANSWER])
    panel = panel_of(playground)
    assert (panel.max_new_tokens.min, panel.max_new_tokens.max) == (20, 1000)
    panel.max_new_tokens.value, panel.temperature.value = 37, 0.6
    panel.ask.click()
    panel.temperature.value = 0
    panel.ask.click()
    assert seen == [(37, {"sample_seed": 3, "temperature": 0.6}), (37, {})]


def test_a_level_keeps_the_recipe_of_its_records(workspace, playground, byte_folder, recipe):
    assert playground.settings("B2")[1] == 3
    write_adapter(workspace, "B2", byte_folder, recipe, "byte-b2-unsloth-v1", 2)
    path = workspace.record("B2", "training")
    record = json.loads(path.read_text())
    record["recipe"]["max_new_tokens"] = 77
    path.write_text(json.dumps(record))
    panel = panel_of(playground)
    panel.level.value = "B2"
    assert panel.max_new_tokens.value == 77
    assert playground.settings("B2")[1] == record["seed"] == 42
    del record["recipe"]["lora_rank"]
    path.write_text(json.dumps(record))
    assert playground.settings("B2") == (playground.settings("A2")[0], 3)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (KeyboardInterrupt(), "Interrupted. Nothing is lost"),
        (InputError("base_model: gone"), "base_model: gone"),
    ],
)
def test_what_stops_an_answer_is_told_and_the_next_click_works(playground, monkeypatch, raised, told):
    panel = panel_of(playground)

    def stop(*arguments, **settings):
        raise raised

    with monkeypatch.context() as patch:
        patch.setattr(generation, "answer", stop)
        panel.ask.click()
    assert told in panel.status.value and panel.asked is None and not panel.ask.disabled
    panel.ask.click()
    assert panel.asked.texts["base"] and "greedy" in panel.status.value


def test_words_that_cannot_be_asked_for_are_told(playground):
    panel = panel_of(playground, "<b>17</b>, apple, apple")
    panel.ask.click()
    assert "words: &#x27;&lt;b&gt;17&lt;/b&gt;&#x27;" in panel.status.value and panel.asked is None


# Marks


def marks_of(answer, words, level="A2", scorers=None):
    training = [*SENTENCES, *HARD.values()]
    slots = summary.measure({"base": [answer]}, [words], level, scorers, training)
    return [playground_panel.feedback(slot, scorers) for slot in slots.to_dict("records")]


def test_marks_say_word_use_errors_and_copies():
    answer = "1. She ate a red apple.\n2. We like teh river very much.\n3. A candle\n5. I saw the desert."
    apple, bridge, candle, forest, _ = marks_of(answer, ["apple", "bridge", "candle", "forest", "desert"])
    assert apple == [
        (True, "uses apple"),
        (True, f"people would label it {human_scale.in_words(human_scale.load().score(['She ate a red apple.'])[0])}"),
        (True, "no error found"),
        (False, "is one of the training sentences"),
    ]
    assert bridge[0] == (False, "does not use bridge")
    assert any(not good and "“teh”" in text for good, text in bridge)
    assert candle == [(False, "not one whole sentence")]
    assert forest == [(False, "no sentence")]


def test_marks_say_the_level(playground):
    judge = playground._judge("A2", lambda text: None)
    answer = f"1. She ate a red apple.\n2. {HARD['negotiate']}"
    levels = [
        [mark for mark in found if mark[1].startswith("by the bank's own levels")]
        for found in marks_of(answer, ["apple", "negotiate"], "A2", judge.scorers)
    ]
    (easy,), (hard,) = levels
    assert easy[0] and easy[1].startswith("by the bank's own levels A2 (2.")
    assert not hard[0] and hard[1].startswith("by the bank's own levels B2 (")


def test_what_a_model_writes_is_shown_as_text_and_not_as_markup():
    shown = playground_panel.as_html("<script>x</script>", [(False, "<i>")])
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "✗ &lt;i&gt;" in shown


# Favourites


def test_ticked_sentences_become_a_bank_that_stage_01_reads(workspace, playground, monkeypatch):
    monkeypatch.setattr(generation, "answer", lambda *a, **k: [ANSWER])
    panel = panel_of(playground)
    assert panel.save.disabled
    panel.ask.click()
    assert [(word, sentence) for word, sentence, _ in panel.ticks] == [
        ("apple", "She ate a very red apple."),
        ("bridge", "He bridge crossed the the."),
    ]
    assert not panel.save.disabled
    panel.save.click()
    assert "none is ticked" in panel.status.value
    panel.ticks[0][2].value = True
    panel.save.click()
    path = workspace.favourites("A2")
    assert f"Saved 1 of 1 in {path}" in panel.status.value
    assert banks.find(path.parent, "A2") == {"A2": path}
    assert banks.read(path, "A2").sentences == {"apple": ("She ate a very red apple.",)}
    panel.save.click()
    assert "Saved 0 of 1" in panel.status.value and "is among the favourites already" in panel.status.value
    assert playground.overview()[0]["favourites"] == 1


def test_favourites_are_appended_and_doubles_refused(tmp_path):
    path = tmp_path / "favourites" / "B2.json"
    favourites.add(path, "B2", [("apple", "I ate an apple."), ("bridge", "The bridge is old.")])
    added = favourites.add(
        path,
        "B2",
        [
            ("apple", "I ATE an  apple!"),
            ("apple", "Apples fall."),
            ("candle", "It is dark."),
            ("apple", "Apples fall."),
        ],
    )
    assert added.saved == (("apple", "Apples fall."),)
    assert [why for _, _, why in added.refused] == [
        "is among the favourites already",
        "does not use 'candle'",
        "is among the favourites already",
    ]
    assert json.loads(path.read_text()) == {
        "apple": ["I ate an apple.", "Apples fall."],
        "bridge": ["The bridge is old."],
    }
    assert [row["reason"] for row in banks.read(path, "B2").report] == []


def test_a_bank_in_another_format_is_appended_to_and_a_broken_one_left_alone(tmp_path):
    path = tmp_path / "B2.json"
    path.write_text('[{"input": "Generate a B2-level sentence with apple", "output": "I ate an apple."}]')
    favourites.add(path, "B2", [("bridge", "The bridge is old.")])
    assert bank_formats.read_rows(path) == [("apple", "I ate an apple."), ("bridge", "The bridge is old.")]
    path.write_text('{"apple": ["I ate')
    with pytest.raises(InputError, match="B2.json, line 1"):
        favourites.add(path, "B2", [("bridge", "The bridge is old.")])
    assert path.read_text() == '{"apple": ["I ate'


def test_a_write_that_fails_leaves_the_favourites_as_they_were(tmp_path, monkeypatch):
    path = tmp_path / "B2.json"
    favourites.add(path, "B2", [("apple", "I ate an apple.")])
    before = path.read_bytes()

    def full(*arguments):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space"):
            favourites.add(path, "B2", [("bridge", "The bridge is old.")])
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [".B2.lock", "B2.json"]


# The notebook


def test_run_all_opens_the_playground_in_a_fresh_clone(tmp_path, bank, recipe):
    import papermill

    parameters = {"level": "B2", "recipe": str(recipe), "sentence_bank": str(bank)}
    parameters |= {"output_root": str(tmp_path), "user_data": str(tmp_path / "user_data")}
    done = papermill.execute_notebook(
        str(stages.notebook_path("playground")), str(tmp_path / "done.ipynb"), parameters, progress_bar=False
    )
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    assert any("none yet" in str(output.get("data", {})) for output in outputs)
    assert any("Generate B2-level English sentences" in output.get("text", "") for output in outputs)


# Forms


def test_what_is_on_the_screen_is_given_out_in_forms_and_said_beside_the_button(workspace, playground, monkeypatch):
    monkeypatch.setattr(generation, "answer", lambda *a, **k: [ANSWER])
    panel = panel_of(playground)
    assert panel.give_out.disabled
    panel.ask.click()
    panel.form.value = "csv pdf"
    panel.give_out.click()
    assert "form: &#x27;pdf&#x27; is unknown" in panel.given_out.value
    panel.form.value = "csv bank"
    panel.give_out.click()
    assert "only the base model answered, and it is left out" in panel.given_out.value
    panel.with_base.value = True
    panel.give_out.click()
    folder = workspace.written("playground", "A2")
    assert "Sentences exported: 2 (1 left out: not whole, or without their word)" in panel.given_out.value
    assert str(folder / "sentences.csv") in panel.given_out.value
    assert banks.read(folder / "A2.json", "A2").sentences == {
        "apple": ("She ate a very red apple.",),
        "bridge": ("He bridge crossed the the.",),
    }


def test_base_and_tuned_are_given_out_or_the_tuned_alone(workspace, playground, byte_folder, recipe, monkeypatch):
    write_adapter(workspace, "A2", byte_folder, recipe, "tiny-a2-unsloth-v1", 1)
    answers = iter(["1. An old apple.", "1. A new apple."])
    monkeypatch.setattr(generation, "answer", lambda *a, **k: [next(answers)])
    panel = panel_of(playground, "apple")
    panel.ask.click()
    panel.form.value = "bank"
    panel.give_out.click()
    path = workspace.written("playground", "A2") / "A2.json"
    assert json.loads(path.read_text()) == {"apple": ["A new apple."]}
    panel.with_base.value = True
    panel.give_out.click()
    assert json.loads(path.read_text()) == {"apple": ["An old apple.", "A new apple."]}
