"""Word lists: their formats, how lines from books and dictionaries are read, and refusals with line numbers."""

import pytest
from openpyxl import Workbook

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import word_lists


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.csv", "word\nabandon\nlook  up\n"),
        ("w.CSV", "\ufefflevel, Word \r\nB2,abandon\r\n\r\nB2,look up\r\n"),
        ("w.csv", 'note,word\n"two\nlines",abandon\n,"look up"'),
        ("w.txt", "abandon\n\n  look up \n"),
        ("w.json", '["abandon", " look up "]'),
        ("w.json", '{"words": ["abandon", "look up"]}'),
        ("w.json", '[{"Headword": "abandon", "cefr": "B2"}, {"Headword": "look up", "cefr": "B2"}]'),
        ("w.json", '{"abandon": ["We abandon it."], "look up": []}'),
        ("w.json", '{"word": "abandon"}\n{"word": "look up"}\n'),
        ("w.jsonl", '{"word": "abandon"}\n"look up"\n'),
    ],
)
def test_both_formats_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert list(word_lists.read(tmp_path / name).words) == ["abandon", "look up"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("w.csv", b"page\nabandon\n", "line 1: header 'page'; expected one column named word"),
        ("w.csv", b"word,word\na,b\n", "header 'word,word'; expected one column 'word'"),
        ("w.csv", b"", "line 1: header ''"),
        ("w.csv", b"word\n", "no word in it"),
        ("w.txt", b"\n \n", "no word in it"),
        ("w.txt", b"17\n# Unit 1\n", "no word in it \\(1 no word; 1 heading\\)"),
        ("w.csv", b"word\ngo\nstop,now\n", r"line 3: 2 cells \['stop', 'now'\]; expected 1"),
        ("w.csv", b'word\n"go\n', "line 2: not valid CSV"),
        ("w.txt", b"go\x07\n", r"line 1: word 'go\\x07'"),
        ("w.txt", b"g" * 61, "line 1: word 'ggg.*at most 60 characters"),
        ("w.txt", b"go\ncaf\x81\n", "line 2: byte 0x81 is not UTF-8"),
        ("w.json", b'["go", 7]', "entry 2: 7; expected .*borrow"),
        ("w.json", b'["go"', "line 1, column 6: not valid JSON"),
        ("w.json", b'"go"', "holds 'go'; expected"),
        ("w.jsonl", b'"go"\n{"page": 3}\n', "line 2: {'page': 3}; expected"),
        ("w.xlsx", b"", "not a readable Excel workbook"),
        (
            "w.docx",
            b"",
            "cannot read a word list of this kind; expected a word list: .csv, .* or .json .* or .txt",
        ),
    ],
)
def test_what_is_no_word_list_is_refused_with_its_place(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as error:
        word_lists.read(tmp_path / name)
    assert str(tmp_path / name) in str(error.value) and len(str(error.value)) < 500


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"none.csv: cannot be read \(No such file or directory\); expected a word list"
    ):
        word_lists.read(tmp_path / "none.csv")


def test_a_json_list_of_many_levels_gives_those_of_one(tmp_path):
    rows = '[{"word": "go", "level": "A1"}, {"word": "cease", "level": "C1"}, {"word": "come", "level": "a1"}]'
    (tmp_path / "w.json").write_text(rows)
    assert word_lists.read(tmp_path / "w.json", "A1").words == ("go", "come")


def of(tmp_path, name: str, content: str, level: str | None = None) -> word_lists.WordList:
    (tmp_path / name).write_text(content, encoding="utf-8")
    return word_lists.read(tmp_path / name, level)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1. borrow", ("borrow",)),
        ("12) borrow", ("borrow",)),
        ("• borrow", ("borrow",)),
        ("abandon, abandoned", ("abandon",)),
        ("a, a couple", ("a", "a couple")),
        ("add, add on, add up", ("add", "add on", "add up")),
        ("close 1", ("close",)),
        ("agonize/agonise", ("agonize",)),
        ("film/movie", ("film", "movie")),
        ("decide on sth.", ("decide on sth.",)),
        ("get hold of sb.", ("get hold of sb.",)),
        ("draw up (plans)", ("draw up",)),
        ("convert ...into", ("convert ... into",)),
        ("bank (n.)", ("bank",)),
        ("keep (on) going", ("keep going",)),
        ("light, v", ("light",)),
        ("swim (swam, swum)", ("swim",)),
        ("a.m.", ("a.m.",)),
        ("com\u00adplain", ("complain",)),
    ],
)
def test_a_line_of_a_course_book_is_the_words_that_it_asks_for(tmp_path, line, words):
    assert of(tmp_path, "w.txt", f"lamp\n{line}\n").words == ("lamp", *words)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("# Unit 1: At home", "heading"),
        ("Unit 4", "heading"),
        ("At the station:", "heading"),
        ("anti-", "affix"),
        ("-ness", "affix"),
        ("---", "no_word"),
        ("42", "no_word"),
        ("LAMP", "word_entered_twice"),
    ],
)
def test_what_is_no_word_is_left_out_and_told(tmp_path, line, reason):
    found = of(tmp_path, "w.txt", f"lamp\n{line}\nswim\n")
    assert found.words == ("lamp", "swim")
    assert [(row["reason"], row["count"]) for row in found.report] == [(reason, 1)]
    assert line in found.lines()[2]


@pytest.mark.parametrize(
    "content",
    [
        "word,class,level\nabout,adverb,a1\nabout,preposition,A1\naccuse,verb,b2\naccuse,noun,B2\nlet,verb,c1\n",
        "headword;pos;CEFR;Topic\nabout;prep;A1;News, views\naccuse;verb;B2;;\nlet;verb;C1;\n",
        "Lemma\tLevel\naccuse\tB2\nabout\tCEFR A1\n",
    ],
)
def test_the_words_of_the_level_are_taken_once_each(tmp_path, content):
    found = of(tmp_path, "w.csv", content, "B2")
    assert found.words == ("accuse",) and found.report[0]["reason"] == "row_of_another_level"
    with pytest.raises(InputError, match="no word of level A2 in it: .* of level A1"):
        word_lists.read(tmp_path / "w.csv", "A2")


def test_a_level_behind_a_tab_counts(tmp_path):
    found = of(tmp_path, "w.txt", "accuse\tv.\tB2\nborrow\tv.\tA2\nlamp\n", "B2")
    assert found.words == ("accuse", "lamp") and found.report[0]["examples"] == ["borrow (A2)"]


def test_a_workbook_and_unicode_text_of_excel_are_read(tmp_path):
    book = Workbook()
    for row in (["No", "Headword", "Level"], [1, "accuse", "B2"], [2, "about", "A1"]):
        book.active.append(row)
    book.save(tmp_path / "w.xlsx")
    assert word_lists.read(tmp_path / "w.xlsx", "B2").words == ("accuse",)
    (tmp_path / "w.txt").write_text("No\tWord\n1\taccuse\n", encoding="utf-16")
    assert word_lists.read(tmp_path / "w.txt", "B2").words == ("accuse",)


CASES = project_root().parent / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="no case files beside the checkout")
def test_the_case_files_are_read():
    assert len(word_lists.read(CASES / "course_book_word_list.txt", "B2").words) == 16
    assert word_lists.read(CASES / "cefr_list_by_part_of_speech.csv", "B2").words == ("accuse",)
    assert word_lists.read(CASES / "cefr_list_semicolons.csv", "B2").words == ("abuse",)
    pasted = (CASES / "pasted_words.txt").read_text()
    assert word_lists.of_box(pasted) == ["borrow", "repair", "look after"]


def test_what_a_list_says_of_its_words_is_kept(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text(
        "Topic,word,Part of speech,meaning\ntravel,abandon,v.,to  leave\n,film/movie,n.,\n,dog,,\nx,dog,n.,\n"
    )
    found = word_lists.read(path)
    assert found.words == ("abandon", "film", "movie", "dog")
    assert found.details == {
        "abandon": {"pos": "v.", "meaning": "to leave", "topic": "travel"},
        "film": {"pos": "n."},
        "movie": {"pos": "n."},
        "dog": {"pos": "n.", "topic": "x"},
    }
