"""JupyterLab in a real browser: start page, a stage's notebook and the playground, opened, run and clicked."""

import json
import os
from pathlib import Path

import browser
import published_model
import pytest
import tiny_models
import yaml
from tiny_models import HARD, write_adapter

from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.data import formatting

NAME = "byte-b2-unsloth-v1"


@pytest.fixture(scope="module")
def records_of_plotting(tmp_path_factory) -> Workspace:
    return published_model.make(tmp_path_factory.mktemp("plotting"))


@pytest.fixture(scope="module")
def play(byte_folder, tmp_path_factory) -> dict:
    """The playground's parameters: a bank of two levels, a minimal model, and an adapter for B2 only."""
    folder = tmp_path_factory.mktemp("play")
    (folder / "bank").mkdir()
    easy = zip(tiny_models.WORDS, tiny_models.SENTENCES, strict=True)
    for level, bank in (("A2", easy), ("B2", HARD.items())):
        (folder / "bank" / f"{level}.json").write_text(json.dumps({word: [sentence] for word, sentence in bank}))
    values = yaml.safe_load((project_root() / "recipes" / "smoke.yaml").read_text())
    recipe = folder / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(values | {"base_model": str(byte_folder), "precision": "fp32"}))
    workspace = Workspace(folder / "out", folder / "user_data")
    write_adapter(workspace, "B2", byte_folder, recipe, NAME, 1)
    formatting.write_examples(workspace.formatted_file("A2", "eval"), [tiny_models.make_example(0)])
    return {"level": "A2", "recipe": str(recipe), "sentence_bank": str(folder / "bank")} | _places(workspace)


def _places(workspace: Workspace) -> dict:
    return {"output_root": str(workspace.output_root), "user_data": str(workspace.user_data)}


@pytest.fixture(scope="module")
def window(chromium, records_of_plotting, play, tmp_path_factory) -> browser.Window:
    folder = tmp_path_factory.mktemp("lab")
    parameters = {"04_plotting": _places(records_of_plotting), "playground": play}
    pictures = Path(os.environ.get("CEFR_PICTURES") or tmp_path_factory.mktemp("pictures"))
    with browser.lab(folder, parameters) as (url, token):
        yield browser.Window(chromium, url, token, pictures)
        browser.leave(chromium)  # a page whose server is gone keeps logging errors


def test_make_lab_opens_a_start_page_whose_links_open_notebooks(window):
    window.open()
    assert window.one(".jp-RenderedMarkdown h1").text.startswith("Start here")
    links = [link.text for link in window.all(".jp-RenderedMarkdown td:first-child a")]
    assert {f"{path.stem}" for path in (project_root() / "notebooks").glob("*.ipynb")} == set(links)
    window.picture("start_page")
    window.click(".jp-RenderedMarkdown td:first-child a", "05_final_report")
    window.one(".jp-Notebook h1", "05 Final report")
    assert window.complaints() == []


def test_run_all_of_04_shows_figures_and_note_and_no_error(window, records_of_plotting):
    for card in records_of_plotting.user_data.rglob("README.md"):
        card.unlink()
    cells = window.run_all("04_plotting.ipynb")
    assert [cell["errors"] for cell in cells] == [0] * len(cells)
    shown = "\n".join(cell["text"] for cell in cells)
    assert "B2: 60 steps, best eval loss 1.8009 at step 45" in shown
    widths = [width for cell in cells for width in cell["images"]]
    assert len(widths) > 5 and min(widths) > 900  # those drawn here, and the note's
    for path in (*records_of_plotting.plots("B2").glob("*.png"), records_of_plotting.note("B2")):
        assert path.stat().st_size > 1000
    assert len(list(records_of_plotting.user_data.rglob("README.md"))) == 2
    assert "2.392" in cells[-1]["text"] and "1.801" in cells[-1]["text"]  # the note, rendered
    for name, place in (("figures", ".jp-OutputArea-output img"), ("note", ".jp-OutputArea .jp-RenderedMarkdown h1")):
        window.show(window.driver.find_element("css selector", place))
        window.picture(f"plotting_{name}")
    assert window.complaints() == []


class TestPlayground:
    """One open playground, in the order of the tests."""

    @pytest.fixture(scope="class")
    def panel(self, window):
        cells = window.run_all("playground.ipynb")
        assert [cell["errors"] for cell in cells] == [0] * len(cells)
        window.show(window.one("button", "Write sentences"))
        return window

    def type_words(self, panel, words: str) -> None:
        field = panel.one(".widget-textarea textarea")
        field.clear()
        field.send_keys(words)

    def shorten(self, panel) -> None:
        from selenium.webdriver.common.keys import Keys

        field = panel.all(".widget-slider .widget-readout")[1]
        field.click()
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys("20", Keys.ENTER)

    def test_what_there_is(self, panel):
        overview = panel.cells()[2]["text"]
        assert "none yet" in overview and NAME in overview
        assert panel.one(".widget-html-content", "no adapter has been trained yet: only the base answers")
        assert not panel.one("button", "Save ticked as favourites").is_enabled()

    def test_words_are_drawn(self, panel):
        self.type_words(panel, "")
        panel.click("button", "Draw held-out words")
        panel.one("[role=status]", "10 words held out in the last formatted data")
        words = panel.one(".widget-textarea textarea").get_property("value")
        assert sorted(words.split(", ")) == sorted(tiny_models.WORDS)

    def test_without_an_adapter_the_base_answers_alone_with_marks(self, panel):
        self.type_words(panel, "apple, bridge, candle")
        self.shorten(panel)
        panel.click("button", "Write sentences")
        status = panel.one("[role=status]", "Only the base model answered", seconds=240)
        assert status.text.startswith("A2, greedy.")
        assert [head.text for head in panel.all(".widget-gridbox b")] == ["Word", "Base", "apple", "bridge", "candle"]
        assert panel.all(".widget-gridbox .widget-html-content", "✗") and panel.all(
            "summary", "The unprocessed answers"
        )
        panel.picture("playground_base_alone")

    def test_what_giving_out_in_forms_did_is_told_beside_its_button(self, panel):
        panel.click("button", "Export in forms")
        assert panel.one("[role=status]", "only the base model answered, and it is left out")
        panel.click("input[type=checkbox]")
        panel.click("button", "Export in forms")
        assert panel.one("[role=status]", "forms: none of 3 sentences is whole and uses its word")

    def test_with_an_adapter_base_and_tuned_stand_side_by_side(self, panel):
        from selenium.webdriver.support.select import Select

        Select(panel.one(".widget-dropdown select")).select_by_visible_text("B2")
        panel.one(".widget-html-content", f"B2, tuned model: {NAME}")
        self.type_words(panel, "evidence, sustain")
        self.shorten(panel)
        panel.click("button", "Write sentences")
        assert panel.one("[role=status]", "B2, greedy.", seconds=240).text == "B2, greedy."
        assert [head.text for head in panel.all(".widget-gridbox b")] == [
            "Word",
            "Base",
            "Tuned",
            "evidence",
            "sustain",
        ]
        answers = [cell.text for cell in panel.all(".widget-gridbox .widget-html-content")][3:]
        assert len(answers) == 6 and all("✗" in text for text in answers if text not in ("evidence", "sustain"))
        panel.picture("playground_side_by_side")

    def test_what_is_typed_wrong_is_told_where_people_look(self, panel):
        self.type_words(panel, ", ".join(f"word{letter}" for letter in "abcdefghijk"))
        panel.click("button", "Write sentences")
        assert panel.one("[role=status]", "11 of them; expected 1 to 10")

    def test_nobody_complained(self, panel):
        assert [cell["errors"] for cell in panel.cells()] == [0] * len(panel.cells())
        assert panel.complaints() == []
