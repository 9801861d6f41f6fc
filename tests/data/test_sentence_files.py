import pytest

from cefr_helpers.core.errors import InputError
from cefr_helpers.data import sentence_files


def read(folder, name: str, content: str) -> list[tuple[str, str | None]]:
    (folder / name).write_text(content, encoding="utf-8")
    return [tuple(one) for one in sentence_files.read(folder / name)]


def test_each_kind_of_file(tmp_path):
    expected = [("A dog runs.", None), ("Cats, too, run.", None)]
    assert read(tmp_path, "mine.txt", "A dog runs. Cats, too,\nrun.\n---\n") == expected
    assert read(tmp_path, "mine.csv", 'nr,Sentence\n1,A dog  runs.\n2,"Cats, too, run."\n3,-\n') == expected
    assert read(tmp_path, "mine.json", '{"dog": ["A dog runs."], "cat": ["Cats, too, run."]}') == expected
    assert read(tmp_path, "mine.jsonl", '{"word": "dog", "sentence": "A dog runs."}\n') == expected[:1]


def test_a_level_in_the_name_is_the_label(tmp_path):
    assert read(tmp_path, "bank_b2.csv", "word,sentence\ndog,A dog runs.\n") == [("A dog runs.", "B2")]
    assert read(tmp_path, "a1_to_b2.txt", "A dog runs.") == [("A dog runs.", None)]


def test_a_folder_gives_all_levels_in_order(tmp_path):
    for level in ("c1", "A2"):
        read(tmp_path, f"bank_{level}.csv", f"word,sentence\ndog,A dog of {level} runs.\n")
    assert [one.label for one in sentence_files.read(tmp_path)] == ["A2", "C1"]
    assert {one.label for one in sentence_files.read("bundled")} == {"A1", "A2", "B1", "B2", "C1"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("mine.docx", "x", "mine.docx: cannot read sentences of this kind; expected .txt"),
        ("mine.txt", "---\n", "no sentence with a word"),
        ("mine.csv", "word\ndog\n", r"mine.csv, line 1: header 'word'; expected one column named sentence"),
        ("mine.csv", "sentence\nA dog, too.\n", r"line 2: 2 cells .*expected 1 .*double quotes"),
        ("mine.csv", 'sentence\n"A dog\n', "line 2: not valid CSV"),
        ("mine.txt", "A" * 3000, "3000 characters; expected at most 2000"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, expected):
    with pytest.raises(InputError, match=expected):
        read(tmp_path, name, content)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="none.txt: cannot be read"):
        sentence_files.read(tmp_path / "none.txt")
    with pytest.raises(InputError, match="no bank with a level in its name"):
        sentence_files.read(tmp_path)
