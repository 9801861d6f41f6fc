"""Bad sentence banks: exit code 2, a message with file, place, value and expectation, nothing written."""

import json
import os
import string
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import Refusals, listing

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks

GOOD_CSV = "word,sentence\nabandon,They had to abandon the car.\n"
REQUEST = {"input": "Generate a B2-level sentence with abandon", "output": "They had to abandon the car."}


def rows(*items) -> str:
    return json.dumps(list(items))


def deep(levels: int, around: str = "") -> str:
    return "[" * levels + around + "]" * levels


# name of the file, its content, what the message says beside the file's path
HAND_MADE = [
    # encodings
    ("b2.csv", (GOOD_CSV + "café,In the caf\x81.\n").encode("latin-1"), "line 3: byte 0xe9 is not UTF-8"),
    ("b2.csv", GOOD_CSV.replace("car", "автомобиль").encode("cp1251"), "line 2: byte 0xe0 is not UTF-8"),
    ("b2.csv", GOOD_CSV.replace("car", "αυτό").encode("cp1253"), "line 2: byte 0xe1 is not UTF-8"),
    ("b2.csv", GOOD_CSV.replace("car.", "car\u00a0»").encode("cp437", "replace") + b"\xb3", "is not UTF-8"),
    ("b2.csv", GOOD_CSV.encode("utf-16")[:-1], "line 2: byte 0x0a is not UTF-16"),
    ("b2.json", rows(REQUEST).encode("utf-16")[:-1], "line 1: byte 0x5d is not UTF-16"),
    ("b2.json", rows(REQUEST).encode("utf-32-be")[:-1], "byte 0x00 is not UTF-32"),
    ("b2.jsonl", (json.dumps(REQUEST) + "\n").encode() + b'{"word": "caf\x90", "sentence": "x"}', "line 2: byte 0x90"),
    ("b2.json", b'{"abandon": ["They had to abandon the car.\x8f"]}', "byte 0x8f is not UTF-8"),
    ("b2.json", b'{"abandon": ["overlong \xc0\xaf"]}', "byte 0xc0 is not UTF-8"),
    ("b2.csv", b"word,sentence\nabandon,\xed\xa0\x80 abandon\n", "line 2: byte 0xed"),
    ("b2.csv", b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD_CSV.encode(), "header"),
    ("b2.json", b"\xef\xbb\xbf\xef\xbb\xbf[]", "not valid JSON"),
    # control characters and halves of characters
    ("b2.csv", GOOD_CSV.replace("car", "c\x00ar"), "line 2: sentence 'They had to abandon the c\\x00ar.' contains"),
    ("b2.csv", GOOD_CSV.replace("car", "c\x1b[31mar"), "U+001B"),
    ("b2.csv", GOOD_CSV.replace("car", "c\x81ar"), "U+0081"),
    (
        "b2.csv",
        GOOD_CSV.replace("abandon,", "aban\x07don,"),
        "line 2: word 'aban\\x07don' contains the control character",
    ),
    ("b2.json", rows({**REQUEST, "output": "a\x08b"}), "row 1 (line 1): output 'a\\x08b' contains"),
    ("b2.json", '[{"word": "abandon", "sentence": "\\ud800 abandon"}]', "U+D800"),
    ("b2.json", '{"abandon": ["They abandon \\udfff."]}', "U+DFFF"),
    ("b2.json", '{"aban\\u0000don": ["They abandon it."]}', "U+0000"),
    ("b2.jsonl", '{"word": "abandon", "sentence": "a\\u0001"}', "line 1: sentence 'a\\x01' contains"),
    ("b2.jsonl", '{"word": "abandon\\u007f", "sentence": "a"}', "U+007F"),
    ("b2.json", '{"abandon": ["a raw \x01 inside"]}', "not valid JSON (Invalid control character"),
    # Turkish i
    ("b2.csv", "WORD,SENTENCE\nısland,They live on an İsland\n", "no usable sentence in it (1 sentence without target"),
    ("b2.csv", "word,sentençe\nabandon,They abandon it.\n", "line 1: header 'word,sentençe'"),
    ("b2.json", rows({**REQUEST, "input": "Generate a Bİ-level sentence with abandon"}), "input 'Generate a Bİ-level"),
    ("b2.json", rows({**REQUEST, "input": "Generate a b2-level sentence wıth abandon"}), "input 'Generate a b2-level"),
    # empty
    ("b2.csv", "", "line 1: header ''; expected word,sentence"),
    ("b2.csv", "\n\n", "line 1: header"),
    ("b2.csv", "word,sentence\n", "no usable sentence in it (it is empty)"),
    ("b2.csv", "word,sentence\nabandon,\n", "1 empty sentence"),
    ("b2.csv", "word,sentence\n,They left.\n", "line 2: word ''; expected a target word"),
    ("b2.csv", "word,sentence\n\t ,They left.\n", "line 2: word '\\t '"),
    ("b2.json", "", "line 1, column 1: not valid JSON"),
    ("b2.json", "   ", "not valid JSON"),
    ("b2.json", "[]", "no usable sentence in it (it is empty)"),
    ("b2.json", "{}", "{}"),
    ("b2.json", "[{}]", "row 1 (line 1): {}; expected"),
    ("b2.json", "[[]]", "row 1 (line 1): []"),
    ("b2.json", '{"abandon": []}', "no usable sentence"),
    ("b2.json", '{"": ["They left."]}', "word ''"),
    ("b2.json", '{"abandon": [""]}', "1 empty sentence"),
    ("b2.jsonl", "", "it is empty"),
    ("b2.jsonl", "\n\n\n", "it is empty"),
    ("b2.jsonl", "{}", "line 1: {}"),
    # huge
    ("b2.csv", f"word,sentence\nabandon,{'abandon ' * 1000}\n", "has 8000 characters; expected at most 2000"),
    ("b2.csv", f"word,sentence\nabandon,{'abandon ' * 20000}\n", "line 2: not valid CSV (field larger"),
    ("b2.csv", f"word,sentence\n{'a' * 1000},They left.\n", "line 2: word 'aaaa"),
    ("b2.json", json.dumps({"abandon": ["x" * 10**6]}), "has 1000000 characters"),
    ("b2.json", json.dumps({"w" * 10**5: ["x"]}), "has 100000 characters; expected at most 200"),
    ("b2.jsonl", json.dumps({"word": "abandon", "sentence": "y" * 2001}), "line 1: sentence 'yyy"),
    ("b2.json", '{"abandon": [' + "9" * 5000 + "]}", "sentence inf"),
    ("b2.json", "9" * 5000, "contains inf"),
    ("b2.json", rows(*[REQUEST] * 3, 7), "row 4 (line 1): 7; expected"),
    # deep
    ("b2.json", deep(100_000), "nested too deep"),
    ("b2.json", '{"a":' * 50_000 + "1" + "}" * 50_000, "nested too deep"),
    ("b2.jsonl", json.dumps(REQUEST) + "\n" + deep(100_000), "line 2: nested too deep"),
    ("b2.json", deep(50), "row 1 (line 1): [[[["),
    (
        "b2.json",
        '{"abandon": [["They abandon it."]]}',
        "word 'abandon', sentence [\"They abandon it.\"]".replace('"', "'"),
    ),
    ("b2.json", '{"abandon": [[["deep"]]]}', "[['deep']]"),
    ("b2.json", '{"abandon": {"abandon": ["They abandon it."]}}', "'abandon' -> {'abandon':"),
    # not numbers, wrong types
    ("b2.json", "NaN", "contains nan"),
    ("b2.json", "Infinity", "contains inf"),
    ("b2.json", "null", "contains None"),
    ("b2.json", "true", "contains True"),
    ("b2.json", '"abandon"', "contains 'abandon'"),
    ("b2.json", "[NaN]", "row 1 (line 1): nan"),
    ("b2.json", '{"abandon": NaN}', "'abandon' -> nan"),
    ("b2.json", '{"abandon": [NaN]}', "sentence nan; expected a sentence as text"),
    ("b2.json", '{"abandon": [null]}', "sentence None"),
    ("b2.json", '{"abandon": [1]}', "sentence 1"),
    ("b2.json", '{"abandon": "They abandon it."}', "'abandon' -> 'They abandon it.'"),
    ("b2.json", '{"abandon": {}}', "'abandon' -> {}"),
    ("b2.json", rows({"word": 1, "sentence": "x"}), "word 1; expected a target word as text"),
    ("b2.json", rows({"word": None, "sentence": "x"}), "word None"),
    ("b2.json", rows({"word": "abandon", "sentence": None}), "sentence None"),
    ("b2.json", rows({"word": ["abandon"], "sentence": "x"}), "word ['abandon']"),
    ("b2.json", rows({"word": "abandon"}), "'word' -> 'abandon'"),
    ("b2.json", rows({"input": True, "output": "x"}), "input True"),
    ("b2.json", rows({"input": "write about abandon", "output": "x"}), "input 'write about abandon'"),
    ("b2.json", rows({"input": REQUEST["input"], "output": False}), "output False"),
    (
        "b2.json",
        rows({**REQUEST, "input": REQUEST["input"].replace("B2", "A1")}),
        "no row of level B2 in it: 1 of level A1; expected level B2",
    ),
    ("b2.json", rows({**REQUEST, "input": REQUEST["input"].replace("B2", "../B2")}), "input 'Generate a ../B2-level"),
    ("b2.json", rows({**REQUEST, "input": REQUEST["input"].replace("B2", "CON")}), "input 'Generate a CON-level"),
    ("b2.jsonl", "null", "line 1: None"),
    ("b2.jsonl", "NaN", "line 1: nan"),
    ("b2.jsonl", json.dumps(REQUEST) + "\n[1, 2]", "line 2: [1, 2]"),
    ("b2.jsonl", json.dumps(REQUEST) + "\n" + '"text"', "line 2: 'text'"),
    ("b2.jsonl", json.dumps(REQUEST) + '\n\n{"word": "x"', "line 3, column 13: not valid JSON"),
    # syntax
    ("b2.json", '{"abandon": ["They abandon it."],}', "not valid JSON"),
    ("b2.json", "{'abandon': ['They abandon it.']}", "line 1, column 2: not valid JSON"),
    ("b2.json", '[\n  {"word": "abandon"\n', "line 3"),
    ("b2.json", rows(REQUEST) + rows(REQUEST), "not valid JSON (Extra data)"),
    ("b2.json", GOOD_CSV, "not valid JSON"),
    ("b2.csv", rows(REQUEST), "line 1: not valid CSV"),
    ("b2.csv", "word:sentence\nabandon:They abandon it.\n", "header 'word:sentence'"),
    ("b2.csv", "word\tsentence\n", "no usable sentence in it (it is empty)"),
    ("b2.csv", "sep=;\nword,sentence\nabandon,They abandon it.\n", "line 2: header 'word,sentence'"),
    ("b2.csv", "word;sentence\nabandon;They abandon it.;1\n", "line 2: 3 cells"),
    ("b2.txt", "#separator:tab\n#html:true\nabandon\tverlassen\n", "no column of words beside one of sentences"),
    ("b2.csv", "word,sentence,level\nabandon,They abandon it.,A1\n", "no row of level B2 in it: 1 of level A1"),
    ("b2.json", '{"columns": ["id", "page"], "data": [[1, 2]]}', "columns ['id', 'page']; expected a column of words"),
    (
        "b2.json",
        '{"columns": ["word", "sentence"], "data": [["abandon"]]}',
        "data row 1: ['abandon']; expected 2 values",
    ),
    ("b2.csv", "word,word\na,b\n", "header 'word,word'"),
    ("b2.csv", "abandon,They leave it.\n", "header 'abandon,they leave it.'"),
    ("b2.csv", GOOD_CSV + "car,Stop, that is my car.\n", "line 3: 3 cells"),
    ("b2.csv", GOOD_CSV + "car\n", "line 3: 1 cells"),
    ("b2.csv", GOOD_CSV + 'car,"My car\n', "line 3: not valid CSV"),
    ("b2.csv", GOOD_CSV + 'car,"My" car\n', "line 3: not valid CSV"),
    # not a bank
    ("b2.csv", b"PK\x03\x04\x14\x00\x06\x00", "header"),
    ("b2.json", b"GGUF\x03\x00\x00\x00", "not valid JSON"),
    ("b2.xlsx", b"PK\x03\x04", "not a readable Excel workbook (File is not a zip file); save it as .xlsx"),
    ("b2.xls", b"\xd0\xcf\x11\xe0", "cannot read a sentence bank of this kind; expected .json, .jsonl, .csv"),
    ("b2.json.exe", b"[]", "cannot read a sentence bank of this kind"),
    ("b2", b"[]", "cannot read a sentence bank of this kind"),
    ("b2.csv.gz", b"\x1f\x8b", "cannot read a sentence bank of this kind"),
]


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys) -> Refusals:
    return Refusals(tmp_path, monkeypatch, capsys)


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "content", "expected"), HAND_MADE, ids=range(len(HAND_MADE)))
def test_a_bad_bank_is_refused_before_anything_starts(refused, tmp_path, name, content, expected):
    path = write(tmp_path, name, content)
    message = refused("run", "--levels", "B2", "--bank", path, "--output-root", tmp_path / "out")
    assert str(path) in message and expected in message
    assert len(message) < 1500


@pytest.mark.parametrize(
    ("bank", "expected"),
    [
        ("nowhere.csv", "no such file or folder"),
        ("../B2", "no such file or folder"),
        ("CON", "no such file or folder"),
        ("", "sentence_bank"),
        ("a\nb.csv", "contains control characters"),
        ("x" * 300 + ".csv", "File name too long"),
        ("caf\udce9.csv", "unable to parse raw data as a unicode string"),
        ("{level}.csv", "contains braces"),
        ("/dev/null", "no such file or folder"),
        (".", "no file for level B2"),
        ("BUNDLED", "no such file or folder"),
        ("bundlİd", "no such file or folder"),
    ],
)
def test_a_bank_that_is_not_there_is_named(refused, tmp_path, bank, expected):
    assert expected in refused("run", "--levels", "B2", "--bank", bank, "--output-root", tmp_path / "out")


def test_one_bad_level_in_a_folder_stops_the_run_of_another(refused, tmp_path):
    """A split looks at every level's bank, so a broken bank of a level that was not requested counts as well."""
    (tmp_path / "banks").mkdir()
    write(tmp_path / "banks", "a1.csv", GOOD_CSV)
    bad = write(tmp_path / "banks", "b2.csv", "word,sentence\nabandon\n")
    message = refused("run", "--levels", "A1", "--bank", tmp_path / "banks", "--output-root", tmp_path / "out")
    assert f"{bad}, line 2: 1 cells" in message


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_byte_order_mark_in_front_is_no_fault(tmp_path, ending):
    text = GOOD_CSV if ending == "csv" else rows(REQUEST)
    read = banks.read(write(tmp_path, f"b2.{ending}", b"\xef\xbb\xbf" + text.encode()), "B2")
    assert read.sentences == {"abandon": ("They had to abandon the car.",)}


# Made by Hypothesis: a valid bank of each format, with one thing in it spoilt

WORDS = st.text(string.ascii_lowercase, min_size=3, max_size=10)
BANKS = st.dictionaries(WORDS, st.integers(1, 3), min_size=1, max_size=5)
ENDINGS = ("csv", "object.json", "array.json", "jsonl")
MADE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Characters of Windows-1252 that are in UTF-8 text by mistake are repaired.
REPAIRED = "".join(chr(byte) for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
SPOILT = st.characters(categories=["Cc"], exclude_characters="\t\n\r" + REPAIRED)


def pairs(bank: dict[str, int]) -> list[tuple[str, str]]:
    return [(word, f"Sentence {number} has {word} in it.") for word, count in bank.items() for number in range(count)]


def as_text(ending: str, found: list[tuple[str, object]]) -> str:
    if ending == "csv":
        return "word,sentence\n" + "".join(f"{word},{sentence}\n" for word, sentence in found)
    if ending == "object.json":
        return json.dumps({word: [one for w, one in found if w == word] for word, _ in found})
    items = [{"word": word, "sentence": sentence} for word, sentence in found]
    return "\n".join(map(json.dumps, items)) if ending == "jsonl" else json.dumps(items)


def told(path) -> str:
    with pytest.raises(InputError) as error:
        banks.read(path, "B2")
    assert str(error.value).startswith(str(path)) and len(str(error.value)) < 1500
    return str(error.value)


@pytest.mark.parametrize("ending", ENDINGS)
@MADE
@given(bank=BANKS, character=SPOILT, data=st.data())
def test_a_control_character_anywhere_is_named(tmp_path, ending, bank, character, data):
    found = pairs(bank)
    at = data.draw(st.integers(0, len(found) - 1))
    word, sentence = found[at]
    cut = data.draw(st.integers(0, len(sentence)))
    found[at] = (word, sentence[:cut] + character + sentence[cut:])
    path = write(tmp_path, f"b2.{ending}", as_text(ending, found))
    before = listing(tmp_path)
    assert f"U+{ord(character):04X}" in told(path)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("ending", ENDINGS)
@MADE
@given(bank=BANKS, byte=st.sampled_from([0x81, 0x8F, 0x90, 0x9D]), data=st.data())
def test_a_byte_of_no_encoding_is_named_with_its_line(tmp_path, ending, bank, byte, data):
    content = as_text(ending, pairs(bank)).encode()
    cut = data.draw(st.integers(0, len(content)))
    path = write(tmp_path, f"b2.{ending}", content[:cut] + bytes([byte]) + content[cut:])
    assert f"line {content[:cut].count(10) + 1}: byte 0x{byte:02x} is not UTF-8" in told(path)


NOT_TEXT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dictionaries(st.text(), st.text()),
    st.lists(st.integers(), min_size=1),
)


@pytest.mark.parametrize("ending", ENDINGS[1:])
@MADE
@given(bank=BANKS, value=NOT_TEXT, data=st.data())
def test_a_sentence_of_another_type_is_named(tmp_path, ending, bank, value, data):
    found = pairs(bank)
    at = data.draw(st.integers(0, len(found) - 1))
    found[at] = (found[at][0], value)
    message = told(write(tmp_path, f"b2.{ending}", as_text(ending, found)))
    assert "expected" in message


@pytest.mark.parametrize("ending", ENDINGS[1:3])
@MADE
@given(bank=BANKS, data=st.data())
def test_a_file_that_is_cut_off_is_not_read(tmp_path, ending, bank, data):
    text = as_text(ending, pairs(bank))
    path = write(tmp_path, f"b2.{ending}", text[: data.draw(st.integers(0, len(text) - 1))])
    assert "not valid JSON" in told(path)


@pytest.mark.parametrize("name", ["b2.csv", "b2.json", "b2.jsonl"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
)
def test_rubbish_is_refused_or_read_and_never_breaks(tmp_path, name, content):
    path = write(tmp_path, name, content)
    try:
        assert banks.read(path, "B2").sentences
    except InputError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [HAND_MADE[0], HAND_MADE[13], ("b2.json", deep(100_000), "nested too deep"), ("b2.json", "NaN", "contains nan")],
    ids=["latin-1", "null", "deep", "nan"],
)
def test_the_real_command_says_the_same(tmp_path, name, content, expected):
    path = write(tmp_path, name, content)
    before = listing(tmp_path)
    command = [sys.executable, "-m", "cefr_helpers.cli", "run", "--levels", "B2", "--bank", path]
    command += ["--output-root", tmp_path / "out", "--user-data", tmp_path / "user_data"]
    environment = os.environ | {"PYTHONPATH": str(project_root())}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and done.stdout == ""
    assert str(path) in done.stderr and expected in done.stderr and "Traceback" not in done.stderr
    assert listing(tmp_path) == before
