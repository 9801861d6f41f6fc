"""The page for readers: its contents, that no votes are lost, and its use in Chromium."""

import json
import re
import sys
import time
from pathlib import Path

import browser
import pytest
from made_answers import HOSTILE, WORDS
from readers_window import begin, done, downloaded, look, one, press
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from cefr_helpers import cli
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import ROWS
from cefr_helpers.rating import items, keys, page, votes
from cefr_helpers.rendering import locale

TEXT = {language: locale.phrases(language)["rating_page"] for language in locale.LANGUAGES}
COUNT, PAIRS = 16, 6  # 8 of the tuned model's, 4 of each other system's


@pytest.fixture
def built(workspace) -> page.Built:
    return page.build(workspace, "B2", "en", COUNT, PAIRS, 1)


def data_of(path: Path) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1])


class TestChoice:
    def test_systems_are_asked_about_the_same_words_and_the_tuned_model_twice_as_often(self, built):
        words = {}
        for item in [*built.key.items.values(), *built.key.missing]:
            words.setdefault(item.row, set()).add(item.word)
        assert {row: len(of) for row, of in words.items()} == {"tuned": 8, "base_three_examples": 4, "gold": 4}
        assert words["base_three_examples"] == words["gold"] < words["tuned"]

    def test_a_pair_is_two_sentences_for_one_word_the_tuned_models_first(self, built):
        pairs = [[built.key.items[name] for name in pair] for pair in built.key.pairs.values()]
        assert len(pairs) == PAIRS and all(first.word == second.word for first, second in pairs)
        assert {first.row for first, _ in pairs} == {"tuned"}
        rows = [second.row for _, second in pairs]
        assert rows.count("gold") == rows.count("base_three_examples") == PAIRS / 2

    def test_an_answer_without_a_sentence_is_not_shown_but_known(self, workspace):
        key = page.build(workspace, "B2", "en", 40, 30, 1).key
        assert [(one.row, one.word) for one in key.missing] == [("base_three_examples", WORDS[9])]
        assert len(key.items) == 29 and all(one.sentence for one in key.items.values())

    def test_the_base_stands_for_itself_where_nothing_stronger_is_there(self, workspace):
        table = items.read_table(workspace, "B2")
        found = items.read_answers(table[table["row"] != "base_three_examples"], Path("g.csv"))
        assert list(found) == ["base", "tuned", "gold"]

    def test_sampled_and_trivial_answers_are_not_read(self, workspace):
        table = items.read_table(workspace, "B2")
        table.loc[table["row"] == "trivial", "row"] = "tuned_sampled"
        assert list(items.read_answers(table, Path("g.csv"))) == ["base_three_examples", "tuned", "gold"]

    def test_another_seed_draws_other_words(self, workspace, built):
        other = page.build(workspace, "B2", "en", COUNT, PAIRS, 2).key
        assert {one.word for one in other.items.values()} != {one.word for one in built.key.items.values()}

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda text: text.replace("row,prompt", "line,prompt", 1), "no column row"),
            (lambda text: re.sub(r"(?m)^gold.*\r?\n", "", text), "no row gold"),
            (lambda text: text.replace("tuned,1,0,1,", "tuned,one,0,1,"), "prompt 'one' at 'abandon'"),
        ],
    )
    def test_a_broken_table_is_refused_by_place(self, workspace, damage, said):
        path = workspace.run("B2") / items.FILE
        path.write_text(damage(path.read_text()))
        with pytest.raises(InputError, match=f"{items.FILE}: {said}"):
            page.build(workspace, "B2", "en", COUNT, PAIRS, 1)
        assert not workspace.rating("B2").exists()

    def test_no_run_and_too_few_items_are_refused(self, workspace):
        with pytest.raises(InputError, match="missing; `make run LEVELS=A1` writes it"):
            page.build(workspace, "A1", "en", COUNT, PAIRS, 1)
        with pytest.raises(InputError, match="items: 3; expected at least 4"):
            page.build(workspace, "B2", "en", 3, PAIRS, 1)


def test_the_command_names_each_page_and_makes_none_where_a_level_has_no_run(workspace, monkeypatch, capsys):
    arguments = [
        "cefr",
        "rate",
        "--items",
        "16",
        "--pairs",
        "4",
        "--seed",
        "1",
        "--output-root",
        str(workspace.output_root),
    ]
    monkeypatch.setattr(sys, "argv", [*arguments, "--levels", "B2 C1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and "`make run LEVELS=C1` writes it" in capsys.readouterr().err
    assert not workspace.rating("B2").exists()
    monkeypatch.setattr(sys, "argv", [*arguments, "--levels", "b2"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert f"B2: {workspace.rating_page('B2')} (page " in said and "16 sentences, 4 pairs" in said


class TestBlind:
    def test_the_page_says_of_no_sentence_who_made_it(self, built):
        text = built.path.read_text(encoding="utf-8").replace("base-uri 'none'", "")  # of the page's own security
        for item in built.key.items.values():
            text = text.replace(item.sentence, "")
        for name in (*ROWS, "three_examples", "one_word", "few-shot", "secret", built.key.secret):
            assert not re.search(rf"(?i)\b{name}\b", text), name
        data = data_of(built.path)
        assert [one.keys() for one in data["items"]] == [{"id", "word", "sentence"}] * len(built.key.items)
        assert [one.keys() for one in data["pairs"]] == [{"id", "items"}] * PAIRS

    def test_order_and_names_do_not_tell_it_either(self, built):
        data = data_of(built.path)
        names = [one["id"] for one in data["items"]]
        assert names == sorted(names) and all(re.fullmatch("[0-9a-f]{12}", name) for name in names)
        assert all(one["items"] == sorted(one["items"]) for one in data["pairs"])
        rows = [built.key.items[name].row for name in names]
        assert rows != sorted(rows) and rows != sorted(rows, reverse=True)

    def test_without_the_key_the_names_cannot_be_worked_out(self, built):
        other = keys.make(
            items.choose(items.read_answers(*self._table(built)), COUNT, PAIRS, 1), "B2", "another secret"
        )
        assert not set(other.items) & set(built.key.items) and other.page != built.key.page

    @staticmethod
    def _table(built: page.Built) -> tuple:
        root = built.path.parents[2]
        return items.read_table(Workspace(root, root), "B2"), Path("g.csv")


class TestAgain:
    def test_the_same_answers_make_the_same_names(self, workspace, built):
        again = page.build(workspace, "B2", "tr", COUNT, PAIRS, 1)
        assert again.key == built.key and again.earlier is None
        assert data_of(again.path)["language"] == "tr"

    def test_a_page_about_other_sentences_goes_aside_with_its_key(self, workspace, built):
        before = {path.name: path.read_bytes() for path in workspace.rating("B2").iterdir()}
        changed = page.build(workspace, "B2", "en", COUNT + 4, PAIRS, 1)
        assert changed.key.page != built.key.page
        assert {path.name: path.read_bytes() for path in changed.earlier.iterdir()} == before
        assert set(built.key.items) < set(changed.key.items)
        back = page.build(workspace, "B2", "en", COUNT, PAIRS, 1)
        assert back.key.page == built.key.page and keys.read(back.earlier / "key.json", "B2") == changed.key

    def test_a_page_whose_key_is_lost_is_left_alone(self, workspace, built):
        workspace.rating_key("B2").unlink()
        before = built.path.read_bytes()
        with pytest.raises(InputError, match="exists without its key"):
            page.build(workspace, "B2", "en", COUNT, PAIRS, 1)
        assert built.path.read_bytes() == before

    def test_a_broken_key_is_named_and_left_alone(self, workspace, built):
        path = workspace.rating_key("B2")
        path.write_text(path.read_text().replace('"prompt": 1', '"prompt": "one"', 1))
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"key.json: items\.\w+\.prompt: 'one'; expected the key"):
            page.build(workspace, "B2", "en", COUNT, PAIRS, 1)
        assert path.read_bytes() == before


@pytest.fixture
def opened(chromium, built):
    browser.leave(chromium)
    look(chromium, built.path)
    yield chromium
    assert chromium.get_log("browser") == []


ITEM_STEPS = 3 * COUNT


def offers_to_continue(driver, path: Path) -> bool:
    """Whether the page, opened again, has what was answered."""
    time.sleep(1)  # Chromium takes a moment to keep it, and longer on a busy machine
    look(driver, path)
    return bool(driver.find_elements("css selector", ".again"))


class TestInChromium:
    def test_keys_answer_one_question_after_the_other(self, opened, built, tmp_path):
        begin(opened, "Ayşe Öz")
        press(opened, "y", Keys.ARROW_LEFT, "n", Keys.ARROW_RIGHT, "e", "h")
        assert done(opened) == 6
        found = downloaded(opened, tmp_path / "votes")
        said = [(one.sense, one.meaning, one.level) for one in found.answers]
        assert said == [(True, False, False), (True, True, False)]
        assert (found.rater.name, found.rater.kind, found.level) == ("Ayşe Öz", "teacher", "B2")
        votes.check(found, Path("v.json"), built.key, Path("key.json"))
        assert [path.name for path in (tmp_path / "votes").iterdir()] == [f"votes_B2_Ayse-Oz_{built.key.page}.json"]

    def test_undo_takes_back_answer_by_answer_and_over_sentences(self, opened):
        begin(opened, "A")
        first = one(opened, ".sentence").text
        press(opened, "y", "y", "y", "n")
        second = one(opened, ".sentence").text
        press(opened, Keys.BACKSPACE, "u")
        assert done(opened) == 2 and one(opened, ".sentence").text == first != second
        one(opened, "#undo").click()
        press(opened, Keys.BACKSPACE, Keys.BACKSPACE)
        assert done(opened) == 0

    def test_closed_and_opened_again_it_goes_on_where_it_was(self, opened, built, tmp_path):
        begin(opened, "A")
        press(opened, *"yyyyn")
        asked = one(opened, ".sentence").text, one(opened, ".now").text
        browser.wait_for(lambda: offers_to_continue(opened, built.path), 30, "Chromium to keep it")
        one(opened, ".again").click()
        assert done(opened) == 5 and (one(opened, ".sentence").text, one(opened, ".now").text) == asked
        press(opened, "n")
        assert [a.printable for a in downloaded(opened, tmp_path / "votes").answers] == [True, False]

    def test_two_readers_have_their_own_votes_and_orders(self, opened, tmp_path):
        orders = []
        for name, keys_ in (("A", "yyy"), ("B", "nnn")):
            begin(opened, name)
            press(opened, *keys_ * 5)
            found = downloaded(opened, tmp_path / name)
            assert {answer.printable for answer in found.answers} == {name == "A"}
            orders.append([answer.item for answer in found.answers])
            one(opened, "#stop").click()
        assert orders[0] != orders[1]
        begin(opened, "a")  # the same reader, whatever the case
        assert done(opened) == 15

    def test_a_votes_file_goes_on_in_another_browser_and_one_of_another_page_is_refused(
        self, opened, built, workspace, tmp_path
    ):
        begin(opened, "A", "learner")
        press(opened, *"ynyyyy")
        before = downloaded(opened, tmp_path / "votes")
        [file] = (tmp_path / "votes").iterdir()
        opened.execute_script("localStorage.clear()")
        look(opened, built.path)
        one(opened, "#load").send_keys(str(file))
        WebDriverWait(opened, 30).until(lambda _: opened.find_elements("css selector", "progress"))
        assert done(opened) == 6 and downloaded(opened, tmp_path / "again").answers == before.answers
        other = page.build(workspace, "B2", "en", COUNT + 4, PAIRS, 1)
        look(opened, other.path)
        one(opened, "#load").send_keys(str(file))
        warning = WebDriverWait(opened, 30).until(lambda _: opened.find_elements("css selector", ".warning"))
        assert built.key.page in warning[0].text and other.key.page in warning[0].text
        assert not opened.find_elements("css selector", "progress")

    def test_to_the_end_by_touch_on_a_phone(self, chromium, built, tmp_path):
        look(chromium, built.path, 390)
        begin(chromium, "Phone", "researcher")
        for step in range(ITEM_STEPS):
            one(chromium, "#yes" if step % 3 else "#no").click()
        for side in ("left", "right", "neither", "left", "right", "neither"):
            for element in chromium.find_elements("css selector", "main button"):
                assert element.size["height"] >= 44
            wide, seen = chromium.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= seen <= 390
            one(chromium, f"#{side}").click()
        assert one(chromium, "h1").text == TEXT["en"]["thanks"]
        found = downloaded(chromium, tmp_path / "votes")
        assert len(found.answers) == COUNT and not any(answer.printable for answer in found.answers)
        said = ["neither" if c.chosen is None else "left" if c.chosen == c.left else "right" for c in found.choices]
        assert said == ["left", "right", "neither"] * 2

    def test_arrows_choose_between_two(self, opened, tmp_path):
        begin(opened, "A")
        press(opened, *"y" * ITEM_STEPS)
        press(opened, Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, "0", Keys.ARROW_LEFT)
        found = downloaded(opened, tmp_path / "votes")
        assert [c.chosen == c.left for c in found.choices] == [True, False, False, True, False, True]
        assert [c.chosen is None for c in found.choices] == [False, False, True, False, True, False]

    def test_sides_are_drawn(self, opened, built, tmp_path):
        """The ids of a page are random, so that one reader in 32 would see the tuned model's on one side only."""
        sides = set()
        for name in "ABCDE":
            begin(opened, name)
            press(opened, *"y" * ITEM_STEPS, *"0" * PAIRS)
            found = downloaded(opened, tmp_path / name)
            sides |= {built.key.items[choice.left].row == "tuned" for choice in found.choices}
            look(opened, built.path)
        assert sides == {True, False}

    def test_text_that_tries_to_act_is_shown_as_text(self, opened, built):
        begin(opened, "A")
        shown = set()
        for _ in range(COUNT):
            shown.add(one(opened, ".sentence").text)
            press(opened, *"yyy")
        assert shown == {item.sentence for item in built.key.items.values()} and HOSTILE in shown
        assert opened.title == TEXT["en"]["title"].format(level="B2")

    def test_in_turkish_and_switched(self, opened, built, workspace):
        look(opened, page.build(workspace, "B2", "tr", COUNT, PAIRS, 1).path)
        assert opened.title == TEXT["tr"]["title"].format(level="B2")
        begin(opened, "A")
        assert one(opened, ".now").text.startswith(TEXT["tr"]["questions"]["sense"])
        press(opened, "e", "h")
        assert [b.text for b in opened.find_elements("css selector", ".question b")] == ["Evet", "Hayır"]
        one(opened, "button[lang=en]").click()
        assert one(opened, ".now").text.startswith("Is it right for learners at B2?") and done(opened) == 2
        assert one(opened, "html").get_attribute("lang") == "en"

    def test_who_reads_is_asked_first(self, opened):
        one(opened, "#begin").click()
        assert one(opened, ".warning").text == TEXT["en"]["who_first"]
        press(opened, "y")
        assert not opened.find_elements("css selector", "progress")

    def test_it_asks_nothing_of_any_network_and_runs_no_other_script(self, built):
        text = built.path.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        for reaching in ("http://", "https://", "fetch(", "XMLHttpRequest", "import(", "src=", "href=", "url("):
            assert reaching not in text, reaching
