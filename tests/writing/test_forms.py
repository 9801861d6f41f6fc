"""The forms of written sentences, read back by programs for such files; the texts try to break each format."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.recipes import load_recipe
from cefr_helpers.data import bank_check, bank_formats, banks
from cefr_helpers.models import base_model
from cefr_helpers.writing import anki, forms, moodle, sentences, tables, worksheet
from cefr_helpers.writing.sentences import Collection, written

HOSTILE = 'They abandoned {{c1::it}} & <b>left</b>; "why?" # ~ / \\ * :: {1:SHORTANSWER:=x} =1.'
ROWS = (
    ("abandon", HOSTILE, {"pos": "verb", "meaning": "to leave: }} ~ for\tever\n", "topic": "road trip"}),
    ("look up", "She looked the word up in a dictionary.", {"meaning": "=cmd|' /C calc'!A0"}),
    ("dog", "The dog's tail was wet.", {"people_level": 1.4}),
    ("dog", "Dogs sleep a lot.", {}),
    ("total", "=TOTAL is no total of mine.", {}),
    ("English", "English is spoken here.", {"people_level": 2.0}),
)
MADE = Collection("Unit 3: my/list", "B2", tuple(written(word, text, "B2", **more) for word, text, more in ROWS))
TEXTS = [text for _, text, _ in ROWS]
ANKI = "anki==26.9.3"


def unescaped(row: dict) -> dict:
    return {key: files.from_spreadsheet(value) for key, value in row.items()}


@pytest.mark.parametrize(("make", "delimiter"), [(tables.as_csv, ","), (tables.as_tsv, "\t")])
def test_delimited_tables_hold_every_text_and_no_formula(make, delimiter):
    text = make(MADE).decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@\t")]
    rows = [unescaped(row) for row in rows]
    assert [row["sentence"] for row in rows] == TEXTS
    assert rows[0]["meaning"] == "to leave: }} ~ for ever" and rows[1]["meaning"] == ROWS[1][2]["meaning"]
    assert [row["gap"] for row in rows[1:3]] == ["She ________ in a dictionary.", "The ________'s tail was wet."]
    assert [row["level_by_people"] for row in rows] == ["", "", "A1 (1.4)", "", "", "A2 (2.0)"]


def test_the_workbook_holds_texts_alone():
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(tables.as_xlsx(MADE))).active
    rows = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    assert tuple(rows[0]) == tables.COLUMNS
    assert [files.from_spreadsheet(row[1]) for row in rows[1:]] == TEXTS
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}


def test_stage_01_and_check_read_bank_and_csv(tmp_path):
    words = [word for word, _, _ in ROWS]
    for name, content in (("B2.json", tables.as_bank(MADE)), ("B2.csv", tables.as_csv(MADE))):
        path = tmp_path / name
        path.write_bytes(content)
        rows = bank_formats.read_rows(path, "B2")
        assert [word for word, _ in rows] == words
        assert [files.from_spreadsheet(sentence) for _, sentence in rows][1:] == TEXTS[1:]  # tags of HTML are taken off
        assert set(banks.read(path, "B2").sentences) == set(words)
    found = bank_check.check(str(tmp_path / "B2.json"), ["B2"], load_recipe("smoke"), 1)
    assert "Words: 5; sentences: 6" in " ".join(bank_check.lines(found[0], "smoke"))


def test_quizlet_gets_a_gap_and_its_word_a_line():
    lines = [line.split("\t") for line in tables.as_quizlet(MADE).decode().splitlines()]
    assert [len(line) for line in lines] == [2] * len(ROWS)
    assert lines[2] == ["The ________'s tail was wet.", "dog"]


def notes(package: bytes) -> list[tuple]:
    """guid, note type, tags and fields of each note of a package."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        database = sqlite3.connect(":memory:")
        database.deserialize(archive.read("collection.anki2"))
    return database.execute("select guid, mid, tags, flds from notes order by guid").fetchall()


def test_a_deck_is_the_same_each_time_and_changes_only_where_the_sentence_does():
    first = notes(anki.as_apkg(MADE))
    assert first == notes(anki.as_apkg(MADE)) and len({guid for guid, *_ in first}) == 12
    more = Collection(MADE.name, "B2", (*MADE.sentences[:-1], written("English", "I speak English.", "B2")))
    assert len({one[0] for one in first} - {one[0] for one in notes(anki.as_apkg(more))}) == 2
    said = Collection(MADE.name, "B2", (written("dog", "Dogs sleep a lot.", "B2", meaning="an animal"),))
    assert {one[0] for one in notes(anki.as_apkg(said))} < {one[0] for one in first}
    assert {one[2] for one in first} == {" B2 Unit_3:_my/list road_trip ", " B2 Unit_3:_my/list "}


def anki_python() -> Path:
    """The Python of an environment with Anki's own library, made once in the cache folder."""
    folder = base_model.cache_folder() / "environments" / ANKI.replace("==", "-")
    if not (folder / "ready").is_file():
        venv.create(folder, with_pip=True, clear=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", ANKI]
        done = subprocess.run(command, capture_output=True, text=True)
        if "Failed to establish a new connection" in done.stderr or "Temporary failure in name" in done.stderr:
            pytest.skip(f"no package registry in reach: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr[-3000:]
        (folder / "ready").touch()
    return folder / "bin" / "python"


@pytest.mark.slow
def test_anki_itself_imports_a_deck_twice_updates_it_and_doubles_nothing(tmp_path):
    """In an environment of its own: Anki's library pins what this project has in other versions."""
    python, reader = anki_python(), Path(__file__).with_name("count_in_anki.py")

    def imported(collection: Collection) -> dict:
        (tmp_path / "deck.apkg").write_bytes(anki.as_apkg(collection))
        call = [python, reader, tmp_path / "collection.anki2", tmp_path / "deck.apkg"]
        return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)

    first = imported(MADE)
    assert (first["new"], len(first["notes"]), len(first["cards"])) == (12, 12, 12)
    assert first["decks"] == ["Default", "Unit 3: my/list B2"]
    assert first["note_types"] == ["CEFR sentence", "CEFR sentence with a gap"]
    again = imported(MADE)
    assert (again["new"], again["notes"], len(again["cards"])) == (0, first["notes"], 12)
    changed = [written(word, text, "B2", **({**more, "meaning": "new"})) for word, text, more in ROWS]
    updated = imported(Collection(MADE.name, "B2", tuple(changed)))
    assert (updated["new"], updated["updated"], len(updated["notes"])) == (0, 12, 12)
    assert {note["fields"]["Meaning"] for note in updated["notes"]} == {"new"}
    cards = [BeautifulSoup(card["answer"], "html.parser") for card in first["cards"]]
    bold = [card.b.get_text() for card in cards if "abandoned" in card.get_text() and card.b]
    assert bold and all("{{c1::it}} & <b>left</b>" in card.get_text() for card in cards if "abandoned" in str(card))
    questions = [BeautifulSoup(card["question"], "html.parser") for card in first["cards"]]
    assert sum("[...]" in question.get_text() for question in questions) == 6


def test_the_printed_worksheet_has_a_gap_for_each_word_and_the_key_apart():
    page = BeautifulSoup(worksheet.as_html(MADE), "html.parser")
    key = page.find("section", class_="key")
    assert [one.get_text() for one in key.find_all("b")] == ["abandoned", "looked the word up", "dog", "TOTAL",
                                                            "English", "Dogs"]  # fmt: skip
    exercise = page.body.ol.find_all("li")
    assert len(exercise) == 6 and all(one.find("span", class_="gap") for one in exercise)
    assert exercise[0].get_text().startswith("They \N{NO-BREAK SPACE} {{c1::it}} & <b>left</b>")
    box = [one.get_text() for one in page.find("p", class_="box").find_all("span")]
    assert box == ["abandoned", "dog", "dogs", "English", "looked the word up", "TOTAL"]
    assert not page.find_all(["script", "link", "img"]) and "break-before: page" in str(page.style)


def test_the_worksheet_for_word_processors_says_the_same():
    from docx import Document

    document = Document(io.BytesIO(worksheet.as_docx(MADE)))
    texts = [one.text for one in document.paragraphs]
    key = texts.index("Key: Unit 3: my/list (B2)")
    assert sum(sentences.GAP in text for text in texts[4:key]) == 6 and not sum(
        sentences.GAP in one for one in texts[key:]
    )
    assert 'w:br w:type="page"' in document.paragraphs[key - 1]._p.xml
    assert document.tables[0].cell(0, 0).text.split("    ")[:2] == ["abandoned", "dog"]
    assert "1. abandoned   2. looked the word up" in texts[key + 2]


GAP = re.compile(r"\{(\d+):(SHORTANSWER):=((?:\\.|[^}~\\])*)\}")  # as Moodle's reader of embedded answers finds one


def test_moodle_finds_one_gap_a_question_and_its_word():
    quiz = ElementTree.fromstring(moodle.as_moodle(MADE))
    questions = quiz.findall("question[@type='cloze']")
    texts = [one.findtext("questiontext/text") for one in questions]
    found = [GAP.findall(text) for text in texts]
    assert [[answer for *_, answer in gaps] for gaps in found] == [
        ["abandoned"], ["looked the word up"], ["dog"], ["Dogs"], ["TOTAL"], ["English"]
    ]  # fmt: skip
    shown = [BeautifulSoup(GAP.sub("", text), "html.parser").get_text() for text in texts]
    assert shown[0].startswith('They  {{c1::it}} & <b>left</b>; "why?"') and "{1:SHORTANSWER:=x}" in shown[0]
    assert quiz.findtext("question[@type='category']/category/text") == "$course$/top/Unit 3: my//list B2"
    answer = written("}#~/\\", 'Say }#~/"\\ aloud.', "B2")
    assert moodle._answer('}#~/"\\*') == r"\}\#\~\/\"\\\*" and answer.text == 'Say }#~/"\\ aloud.'


def test_only_gaps_that_their_word_alone_fills_are_asked_where_that_is_known():
    some = [written("dog", "Dogs sleep.", "B2", gap_fits=False), written("cat", "The cat purrs.", "B2", gap_fits=True)]
    gaps, note = Collection("x", "B2", tuple(some)).gaps()
    assert [one.word for one in gaps] == ["cat"] and note.endswith("as well: 1.")
    assert "not checked" in MADE.gaps()[1]


def test_exercises_part_the_sentences_of_a_word():
    many = [written(f"w{n // 2:02d}", f"The w{n // 2:02d} number {n}.", "B2") for n in range(24)]
    parts = sentences.exercises(many, 10)
    assert [len(part) for part in parts] == [10, 10, 4]
    assert [one.text for one in parts[0][:2]] == ["The w00 number 0.", "The w01 number 2."]


def test_an_unknown_form_is_refused_by_name():
    assert forms.parse("CSV, apkg csv") == ("csv", "apkg")
    for text in ("csv pdf", " "):
        with pytest.raises(InputError, match="'pdf' is unknown; expected one or more of csv|none is named"):
            forms.parse(text)


class TestFolder:
    def open(self, folder: Path) -> forms.OutputFolder:
        return forms.OutputFolder(folder, "B2", forms.parse(" ".join(forms.FORMS)))

    def test_what_it_wrote_is_renewed(self, tmp_path):
        paths = self.open(tmp_path / "out").write(MADE)
        assert [path.name for path in paths] == [
            "sentences.csv", "sentences.tsv", "sentences.xlsx", "B2.json", "deck.apkg", "worksheet.html",
            "worksheet.docx", "quizlet.tsv", "moodle.xml",
        ]  # fmt: skip
        fewer = Collection("x", "B2", MADE.sentences[:1])
        self.open(tmp_path / "out").write(fewer)
        assert (tmp_path / "out" / "B2.json").read_bytes() == tables.as_bank(fewer)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
            [*(path.name for path in paths), "written.json"]
        )

    def test_another_file_of_the_name_is_never_touched(self, tmp_path):
        (tmp_path / "deck.apkg").write_text("mine")
        with pytest.raises(InputError, match="deck.apkg is there, and was not written by this; give another OUTPUT"):
            self.open(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["deck.apkg"]

    def test_what_a_person_changed_is_never_lost(self, tmp_path):
        self.open(tmp_path).write(MADE)
        (tmp_path / "sentences.csv").write_text("word,sentence\nmine,Mine it is.\n")
        with pytest.raises(InputError, match="sentences.csv was changed since it was written"):
            self.open(tmp_path)
        (tmp_path / "written.json").write_text("[]")
        with pytest.raises(InputError, match="written.json: does not list"):
            self.open(tmp_path)

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path):
        (tmp_path / "out").write_text("")
        with pytest.raises(InputError, match="out is a file; expected a folder"):
            self.open(tmp_path / "out" / "deeper")


# Writes a deck and a worksheet, then longer ones with a limit on the size of files, which imitates a full disk.
LIMITED = """
import resource, sys
from pathlib import Path
from cefr_helpers.core.errors import DiskFull
from cefr_helpers.writing import forms
from cefr_helpers.writing.sentences import Collection, written
def write(count):
    some = tuple(written("dog", f"My dog number {n} barks.", "A2") for n in range(count))
    forms.OutputFolder(Path(sys.argv[1]), "A2", ("csv", "html")).write(Collection("x", "A2", some))
write(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write(2000)
except DiskFull as error:
    print(error)
"""


def test_on_a_full_disk_the_old_forms_stay_and_the_new_ones_are_named(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True)
    assert f"{tmp_path / 'sentences.csv'}: no room to write it" in done.stdout
    assert len((tmp_path / "sentences.csv").read_text().splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sentences.csv", "worksheet.html", "written.json"]
    forms.OutputFolder(tmp_path, "A2", ("csv", "html")).write(MADE)  # and the same command continues
