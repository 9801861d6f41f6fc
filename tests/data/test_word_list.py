"""Word lists: the two formats, and what is refused with file, line and value."""

import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.data import bank_formats


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.csv", "word\nabandon\nlook  up\n"),
        ("w.CSV", "\ufefflevel, Word \r\nB2,abandon\r\n\r\nB2,look up\r\n"),
        ("w.csv", 'note,word\n"two\nlines",abandon\n,"look up"'),
        ("w.txt", "abandon\n\n  look up \n"),
    ],
)
def test_both_formats_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert bank_formats.read_word_list(tmp_path / name) == ["abandon", "look up"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("w.csv", b"words\nabandon\n", "line 1: header 'words'; expected one column named word"),
        ("w.csv", b"word,word\na,b\n", "line 1: header 'word,word'"),
        ("w.csv", b"", "line 1: header ''"),
        ("w.csv", b"word\n", "no word in it"),
        ("w.txt", b"\n \n", "no word in it"),
        ("w.csv", b"word\ngo\nstop,now\n", r"line 3: 2 cells \['stop', 'now'\]; expected 1"),
        ("w.csv", b'note,word\n"two\nlines",go\nx,\n', "line 4: word ''; expected a word or short phrase"),
        ("w.csv", b'word\n"go\n', "line 2: not valid CSV"),
        ("w.csv", b"word\ngo\n\nGO\n", "line 4: 'GO' stands in line 2 already"),
        ("w.txt", b"go\n42\n", "line 2: word '42'; expected"),
        ("w.txt", b"go\x07\n", r"line 1: word 'go\\x07'"),
        ("w.txt", b"g" * 61, "line 1: word 'ggg.*at most 60 characters"),
        ("w.txt", b"go\ncaf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("w.xlsx", b"", "cannot read a word list of this kind; expected a word list: .csv .* or .txt"),
    ],
)
def test_what_is_no_word_list_is_refused_with_its_place(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as error:
        bank_formats.read_word_list(tmp_path / name)
    assert str(tmp_path / name) in str(error.value) and len(str(error.value)) < 500


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"none.csv: cannot be read \(No such file or directory\); expected a word list"
    ):
        bank_formats.read_word_list(tmp_path / "none.csv")
