"""Reading, finding and cleaning sentence banks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cefr_helpers.core.errors import InputError
from cefr_helpers.data import banks, cleaning

WORDS = {"lamp": ["The lamp is red.", "Two lamps hang here."], "swim": ["We swam far."]}
PAIRS = [(word, sentence) for word, sentences in WORDS.items() for sentence in sentences]


def _requests(pairs, level="B2"):
    return [{"input": f"Generate a {level}-level sentence with {word}", "output": text} for word, text in pairs]


def _lines(items):
    return "\n".join(map(json.dumps, items)) + "\n"


def _write(tmp_path, name, content):
    path = tmp_path / name
    text = content if isinstance(content, str | bytes) else json.dumps(content, indent=1)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _reasons(bank):
    return {row["reason"]: row["count"] for row in bank.report}


FORMATS = {
    "array.json": _requests(PAIRS),
    "object.json": WORDS,
    "rows.csv": "word,sentence\n" + "".join(f'{word},"{text}"\n' for word, text in PAIRS),
    "swapped.csv": "Sentence,Word\r\n" + "".join(f"{text},{word}\r\n" for word, text in PAIRS),
    "requests.jsonl": _lines(_requests(PAIRS)),
    "objects.jsonl": _lines({word: texts} for word, texts in WORDS.items()),
    "words.jsonl": "\n" + _lines({"word": word, "sentence": text} for word, text in PAIRS),
    "with_mark.json": b"\xef\xbb\xbf" + json.dumps(WORDS).encode(),
}

_PARTED = "UTF-8, separated by commas; words: {}; sentences: {}"
READ_AS = {
    "array.json": "JSON, UTF-8; words: 'word'; sentences: 'sentence'; level: 'level'",
    "object.json": "JSON, UTF-8; words: 'word'; sentences: 'sentence'",
    "rows.csv": _PARTED.format("'word'", "'sentence'"),
    "swapped.csv": _PARTED.format("'Word'", "'Sentence'"),
    "requests.jsonl": "JSON Lines, UTF-8; words: 'word'; sentences: 'sentence'; level: 'level'",
    "objects.jsonl": "JSON Lines, UTF-8; words: 'word'; sentences: 'sentence'",
    "words.jsonl": "JSON Lines, UTF-8; words: 'word'; sentences: 'sentence'",
    "with_mark.json": "JSON, UTF-8; words: 'word'; sentences: 'sentence'",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_bank(tmp_path, name):
    bank = banks.read(_write(tmp_path, name, FORMATS[name]), "B2")
    assert bank.sentences == {"lamp": ("The lamp is red.", "Two lamps hang here."), "swim": ("We swam far.",)}
    assert (bank.name, bank.words_read, bank.sentences_read, bank.report) == (name, 2, 3, ())
    assert bank.summary() == {
        "name": name,
        "read_as": READ_AS[name],
        "words_read": 2,
        "sentences_read": 3,
        "words": 2,
        "sentences": 3,
        "dropped": [],
    }


def test_a_bank_of_the_words_input_and_output_is_no_request(tmp_path):
    bank = banks.read(_write(tmp_path, "b.json", {"input": ["The input is wrong."], "output": ["No output."]}))
    assert list(bank.sentences) == ["input", "output"]


BROKEN = [
    ("b.json", '{\n"lamp": ["A lamp."],\n"swim" ["I swim."]\n}', ["line 3", "column 8", '"swim" ["I swim."]']),
    ("b.json", '"lamp"', ["'lamp'", "expected an array"]),
    ("b.json", "[]", ["no usable sentence", "empty"]),
    ("b.json", [*_requests(PAIRS), {"input": "Generate a B2-level sentence with x"}], ["row 4 (line 14)", "expected"]),
    ("b.json", [*_requests(PAIRS[:1]), 7], ["row 2 (line 6)", " 7;", "expected"]),
    ("b.json", _requests([("lamp", None)]), ["row 1 (line 2)", "output None"]),
    ("b.json", _requests(PAIRS, level="A2"), ["no row of level B2 in it: 3 of level A2", "expected level B2"]),
    ("b.json", _requests(PAIRS, level="D1"), ["row 1", "D1-level", "a level from A1"]),
    ("b.json", [{"input": "Write about lamps", "output": "A lamp."}], ["'Write about lamps'", "expected 'Generate"]),
    ("b.json", {"lamp": "A lamp."}, ["'lamp'", "'A lamp.'", "[SENTENCE"]),
    ("b.json", {"lamp": ["A lamp.", 3]}, ["'lamp'", "sentence 3", "as text"]),
    ("b.json", {" ": ["A lamp."]}, ["word ' '", "target word"]),
    ("b.json", {"lamp": ["It is dark."]}, ["no usable sentence", "1 sentence without target word"]),
    ("b.jsonl", '{"lamp": ["A lamp."]}\n\n{"swim": ["I swim."]\n', ["line 3", "not valid JSON"]),
    ("b.jsonl", '{"lamp": ["A lamp."]}\n["swim"]\n', ["line 2", "['swim']", "expected"]),
    ("b.csv", "lamp;A light.\n", ["line 1", "'lamp;a light.'", "expected word,sentence"]),
    ("b.csv", 'word,sentence\nlamp,"A lamp,\nor two."\nswim,I swim, too.\n', ["line 4", "3 cells", "double quotes"]),
    ("b.csv", 'word,sentence\nlamp,"A lamp.\n', ["line 2", "not valid CSV"]),
    ("b.csv", "word,sentence\n,A lamp.\n", ["line 2", "word ''"]),
    ("b.csv", "", ["line 1", "expected word,sentence"]),
    ("b.csv", b"word,sentence\nlamp,A lamp.\nswim,Swim \x81.\n", ["line 3", "0x81", "UTF-8"]),
    ("b.txt", "lamp", ["line 1", "header 'lamp'", "expected word,sentence"]),
    ("b.doc", "lamp", [".json, .jsonl, .csv, .tsv, .txt, .xlsx"]),
]


@pytest.mark.parametrize(("name", "content", "named"), BROKEN)
def test_errors_name_file_place_and_value(tmp_path, name, content, named):
    path = _write(tmp_path, name, content)
    with pytest.raises(InputError) as error:
        banks.read(path, "B2")
    for part in [str(path), *named]:
        assert part in str(error.value)


def test_a_long_value_is_shortened(tmp_path):
    with pytest.raises(InputError) as error:
        banks.read(_write(tmp_path, "b.json", [{"input": "x" * 5000, "output": "A lamp."}]))
    assert len(str(error.value)) < 400


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.csv"):
        banks.read(tmp_path / "nowhere.csv")


def test_cleaning_drops_and_reports():
    rows = [
        ("bass1", "He plays the  bass."),
        ("bass2", "A bass is a fish."),
        ("mp3", "It is an MP3 file."),
        ("lamp", "The lamp is red."),
        ("lamp", "The lamp is red."),
        ("lamp", "It is dark."),
        ("lamp", " "),
        ("red", "The lamp is red."),
        ("quick", "They left quickly."),
    ]
    sentences, report = cleaning.clean(rows)
    assert sentences == {
        "bass": ("He plays the bass.", "A bass is a fish."),
        "mp3": ("It is an MP3 file.",),
        "lamp": ("The lamp is red.",),
        "red": ("The lamp is red.",),
    }
    assert report == [
        {"reason": "white_space_normalised", "count": 1, "examples": ["bass1: He plays the bass."]},
        {"reason": "homograph_digit_stripped", "count": 2, "examples": ["bass1 -> bass", "bass2 -> bass"]},
        {"reason": "duplicate_sentence", "count": 1, "examples": ["lamp: The lamp is red."]},
        {
            "reason": "sentence_without_target_word",
            "count": 2,
            "examples": ["lamp: It is dark.", "quick: They left quickly."],
        },
        {"reason": "empty_sentence", "count": 1, "examples": ["lamp"]},
        {"reason": "word_without_sentences", "count": 1, "examples": ["quick"]},
        {"reason": "sentence_under_several_words", "count": 1, "examples": ["lamp, red: The lamp is red."]},
    ]


def test_a_word_entered_twice_keeps_all_its_distinct_sentences():
    rows = [("lamp", "A lamp."), ("lamp", "The lamp."), ("swim", "I swim."), ("swim", "We swim.")]
    again = [("lamp", "The lamp."), ("lamp", "No lamp.")]
    sentences, report = cleaning.clean(rows + again)
    assert sentences["lamp"] == ("A lamp.", "The lamp.", "No lamp.")
    assert {"reason": "word_entered_twice", "count": 1, "examples": ["lamp (4 sentences)"]} in report


def test_a_key_that_stands_twice_is_not_lost(tmp_path):
    content = '{"lamp": ["A lamp."], "swim": ["Swim!"], "lamp": ["No lamp."]}'
    bank = banks.read(_write(tmp_path, "b.json", content))
    assert bank.sentences["lamp"] == ("A lamp.", "No lamp.")
    assert _reasons(bank) == {"word_entered_twice": 1}


def test_a_shuffled_file_is_not_taken_for_words_entered_twice():
    rows = [(word, f"{word} {number}.") for number in range(5) for word in ("lamp", "swim", "tree")]
    assert cleaning.clean(rows)[1] == []


@given(st.lists(st.tuples(st.sampled_from(["lamp", "swim"]), st.text("lamp swi.", max_size=12)), max_size=12))
def test_cleaning_accounts_for_every_sentence(rows):
    sentences, report = cleaning.clean(rows)
    counts = {row["reason"]: row["count"] for row in report}
    dropped = sum(counts.get(reason, 0) for reason in cleaning.DROPPED)
    assert sum(map(len, sentences.values())) + dropped == len(rows)
    assert cleaning.clean([(word, one) for word, own in sentences.items() for one in own])[0] == sentences


def test_find_in_a_folder(tmp_path):
    for name in ("training_data_b2.json", "A1.CSV", "cefr-c1-v2.jsonl", "a2.txt", "README.md", "b10.json"):
        _write(tmp_path, name, "")
    found = banks.find(str(tmp_path), "B2")
    assert {level: path.name for level, path in found.items()} == {
        "A1": "A1.CSV",
        "B2": "training_data_b2.json",
        "C1": "cefr-c1-v2.jsonl",
    }


def test_find_names_what_is_missing(tmp_path):
    _write(tmp_path, "b2.json", "")
    with pytest.raises(InputError, match=r"no file for level A1.*found b2\.json") as error:
        banks.find(tmp_path, "A1")
    assert str(tmp_path) in str(error.value)


def test_find_names_both_of_two(tmp_path):
    for name in ("b2.json", "bank_B2.csv"):
        _write(tmp_path, name, "")
    with pytest.raises(InputError, match=r"level B2: b2\.json and bank_B2\.csv"):
        banks.find(tmp_path, "B2")


def test_find_one_file_and_none(tmp_path):
    path = _write(tmp_path, "mine.csv", "")
    assert banks.find(path, "C1") == {"C1": path}
    with pytest.raises(InputError, match="no such file or folder"):
        banks.find(tmp_path / "nowhere", "C1")
    with pytest.raises(InputError, match="B7"):
        banks.find(path, "B7")


def test_find_bundled():
    assert banks.find("bundled", "B1")["B1"] == banks.BUNDLED / "B1.json"
