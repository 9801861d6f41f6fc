"""Files from spreadsheets, card programs, dictionaries and pandas: read as they were meant, every change reported."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks

CASES = project_root().parent / "shared" / "cases"
LAMP = {"lamp": ("The lamp is red.", "Two lamps hang here."), "swim": ("We swam far.",)}
ROWS = [(word, sentence) for word, own in LAMP.items() for sentence in own]


def read(folder: Path, name: str, content: str | bytes, level: str = "B1") -> banks.Bank:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return banks.read(path, level)


def reasons(bank: banks.Bank) -> dict[str, int]:
    return {row["reason"]: row["count"] for row in bank.report}


def delimited(sign: str, header: str = "word{}sentence", end: str = "\n") -> str:
    return end.join([header.format(sign), *(sign.join(row) for row in ROWS), ""])


# Delimiters and encodings


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("b.csv", delimited(";"), "UTF-8, separated by semicolons"),
        ("b.csv", delimited(";", end="\r\n").encode("utf-8-sig"), "UTF-8, separated by semicolons"),
        ("b.csv", "sep=;\r\n" + delimited(";"), "UTF-8, separated by semicolons"),
        ("b.csv", '"sep=|"\n' + delimited("|"), "UTF-8, separated by vertical bars"),
        ("b.tsv", delimited("\t"), "UTF-8, separated by tabs"),
        ("b.csv", delimited("\t"), "UTF-8, separated by tabs"),
        ("b.txt", delimited("\t").encode("utf-16"), "UTF-16, separated by tabs"),
        ("b.csv", delimited(",").encode("utf-16-le"), "UTF-16, separated by commas"),
        ("b.csv", delimited(",").encode("utf-32"), "UTF-32, separated by commas"),
        ("b.csv", delimited(", "), "UTF-8, separated by commas"),
        ("b.csv", "word, sentence\n" + "".join(f'{word}, "{text}"\n' for word, text in ROWS), "separated by commas"),
        ("b.csv", "My words,\n,\n" + delimited(","), "UTF-8, separated by commas"),
        ("b.csv", delimited(",", header="word{0}sentence{0}{0}"), "UTF-8, separated by commas"),
    ],
)
def test_a_table_is_read_whatever_parts_its_cells(tmp_path, name, content, told):
    bank = read(tmp_path, name, content)
    assert bank.sentences == LAMP and told in bank.read_as


@pytest.mark.parametrize(
    ("word", "sentence", "code_page", "told"),
    [
        ("café", "We met in a café.", "cp1252", "Windows-1252"),
        ("say", "He said “stop” – I’d go…", "cp1252", "Windows-1252"),
        ("wear", "She wore a rosé-coloured dress for £5.", "cp1252", "Windows-1252"),
        ("light", "Işık means light, says Ayşe.", "cp1254", "Windows-1254"),
        ("mountain", "Ağrı is the highest mountain.", "cp1254", "Windows-1254"),
        ("visit", "They visited İzmir and Muğla.", "cp1254", "Windows-1254"),
    ],
)
def test_windows_code_pages_are_read_and_said(tmp_path, word, sentence, code_page, told):
    bank = read(tmp_path, "b.csv", f"word;sentence\r\n{word};{sentence}\r\n".encode(code_page))
    assert bank.sentences == {word: (sentence,)} and told in bank.read_as


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("café", "We met in a café."),
        ("say", "He said “stop” – I’d go…"),
        ("don't", "Please don’t go!"),
    ],
)
@pytest.mark.parametrize("end", ["\r", "\n"])
def test_what_old_macs_save_is_read_and_said(tmp_path, word, sentence, end):
    bank = read(tmp_path, "b.csv", f"word;sentence{end}{word};{sentence}{end}".encode("mac_roman"))
    assert bank.sentences == {word: (sentence,)} and "Mac Roman" in bank.read_as


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (delimited(",").removeprefix("word,sentence\n"), "no header, columns recognised by their content"),
        (delimited(";", "Wort{}Satz"), "header 'Wort;Satz'".replace(";", ",")),
        ("1\tThe lamp is red.\tlamp\n2\tTwo lamps hang here.\tlamp\n3\tWe swam far.\tswim\n", "no header"),
    ],
)
def test_columns_without_known_names_are_taken_by_what_is_in_them(tmp_path, content, told):
    bank = read(tmp_path, "b.csv", content)
    assert bank.sentences == LAMP and told in bank.read_as


def test_a_sentence_that_an_unquoted_comma_would_cut_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"b\.csv, line 2: 3 cells .*; expected 2, as in other rows .*double quotes"):
        read(tmp_path, "b.csv", "lamp,The lamp is red.\nlamp,A lamp, I think.\nswim,We swam far.\n")


def test_an_excel_workbook_without_a_header_is_read(tmp_path):
    book = Workbook()
    for row in ROWS:
        book.active.append(row)
    book.save(tmp_path / "b.xlsx")
    bank = banks.read(tmp_path / "b.xlsx", "B1")
    assert bank.sentences == LAMP and "no header" in bank.read_as


def test_an_excel_workbook_is_read(tmp_path):
    book = Workbook()
    book.active.title = "About"
    book.active.append(["Words of unit 3"])
    sheet = book.create_sheet("Words")
    for row in ([None, None], ["No", "Word", "Example"], *([n, *row] for n, row in enumerate(ROWS)), [None] * 3):
        sheet.append(row)
    sheet.append([9, True, "That is true."])
    book.save(tmp_path / "b.xlsx")
    bank = banks.read(tmp_path / "b.xlsx", "B1")
    assert bank.sentences == LAMP | {"true": ("That is true.",)}
    assert bank.read_as == "Excel workbook, sheet 'Words'; words: 'Word'; sentences: 'Example'; not read: 'No'"
    assert reasons(bank) == {"sheet_not_read": 1, "empty_row": 1}


def test_a_workbook_without_the_columns_is_refused_with_its_row(tmp_path):
    book = Workbook()
    book.active.append(["Wort", "Satz"])
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(InputError, match=r"b\.xlsx, sheet 'Sheet', row 1: header 'wort,satz'; expected word,sentence"):
        banks.read(tmp_path / "b.xlsx", "B1")


# JSON as pandas and datasets write it

FRAME = pd.DataFrame(ROWS, columns=["word", "sentence"])


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table", "values"])
def test_each_shape_of_pandas_is_read(tmp_path, orient):
    assert read(tmp_path, "b.json", FRAME.to_json(orient=orient)).sentences == LAMP


@pytest.mark.parametrize(
    "content",
    [
        FRAME.to_json(orient="records", lines=True),
        json.dumps(FRAME.to_dict(orient="list")),
        json.dumps(FRAME.assign(pos="n").to_dict(orient="list")),
        json.dumps([{"headword": word, "examples": own} for word, own in LAMP.items()]),
        json.dumps({"data": [{"Word": word, "Example_Sentence": own} for word, own in LAMP.items()]}),
        json.dumps({"rows": [{"row_idx": n, "row": {"word": r[0], "text": r[1]}} for n, r in enumerate(ROWS)]}),
        json.dumps([{"word": w, "sentence 1": own[0], "sentence 2": own[-1]} for w, own in LAMP.items()]),
    ],
    ids=["lines", "lists", "more lists", "examples", "data", "viewer", "numbered"],
)
def test_other_shapes_of_json_are_read(tmp_path, content):
    assert read(tmp_path, "b.json", content).sentences == LAMP


def test_word_and_sentence_may_be_target_words(tmp_path):
    content = {"word": ["This word is new.", "Say the word."], "sentence": ["Read the sentence.", "A sentence ends."]}
    assert list(read(tmp_path, "b.json", json.dumps(content)).sentences) == ["word", "sentence"]


# Columns, rows and levels


@pytest.mark.parametrize(
    "header", ["Word,Sentence", "HEADWORD,Example", "target_word,Example sentence", "lemma,text", "Kelime,Örnek Cümle"]
)
def test_columns_are_known_by_their_usual_names(tmp_path, header):
    assert read(tmp_path, "b.csv", "\n".join([header, *map(",".join, ROWS)])).sentences == LAMP


def test_an_index_and_further_columns_are_named_and_left(tmp_path):
    content = FRAME.assign(note="x, y").to_csv()
    bank = read(tmp_path, "b.csv", content)
    assert bank.sentences == LAMP and "not read: 'note'" in bank.read_as


@pytest.mark.parametrize(("end", "count"), [(",\n,\n", 2), ("\r\n\r\n,,\r\n", 1), ("\n , \n", 1)])
def test_empty_rows_are_counted(tmp_path, end, count):
    bank = read(tmp_path, "b.csv", delimited(",", header="word{0}sentence") + end)
    assert bank.sentences == LAMP and reasons(bank) == {"empty_row": count}


def test_a_word_that_stands_once_for_several_rows_is_taken_from_above(tmp_path):
    bank = read(tmp_path, "b.csv", "word,sentence\nlamp,The lamp is red.\n,Two lamps hang here.\nswim,We swam far.\n")
    assert bank.sentences == LAMP and reasons(bank) == {"word_taken_from_the_row_above": 1}
    with pytest.raises(InputError, match="line 3: word ''; expected a target word"):
        read(tmp_path, "b.csv", "word,sentence\nlamp,The lamp is red.\n,We swam far.\n")


LEVELLED = "word,sentence,CEFR\nlamp,The lamp is red.,b1\nlamp,Two lamps hang here.,B1+\nswim,We swam far.,CEFR B1\n"


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ("deem,They deem it right.,C2\ngo,I go.,A1\n", {"row_of_another_level": 2}),
        ("go,I go.,\n", {"row_without_level": 1}),
        ("", {}),
    ],
)
def test_the_rows_of_the_level_are_taken(tmp_path, more, left):
    bank = read(tmp_path, "b.csv", LEVELLED + more)
    assert bank.sentences == LAMP and reasons(bank) == left


def test_rows_of_other_levels_alone_are_refused_with_their_numbers(tmp_path):
    rows = [{"word": "go", "sentence": "I go.", "level": "A1"}, {"word": "go", "sentence": "He went.", "cefr": "A2"}]
    with pytest.raises(InputError, match="no row of level B1 in it: 1 of level A1, 1 of level A2; expected level B1"):
        read(tmp_path, "b.jsonl", "\n".join(map(json.dumps, rows)))


# Contents of cells


@pytest.mark.parametrize(
    ("word", "cell", "sentences", "told"),
    [
        ("lamp", '"1. The lamp is red.\n2. Two lamps hang here."', LAMP["lamp"], {"cell_split", "numbering_removed"}),
        ("lamp", '"1) The lamp is red. 2) Two lamps hang here."', LAMP["lamp"], {"cell_split", "numbering_removed"}),
        ("lamp", "The lamp is red. / Two lamps hang here.", LAMP["lamp"], {"cell_split"}),
        ("lamp", "The lamp is red. | Two lamps hang here.", LAMP["lamp"], {"cell_split"}),
        ("lamp", '"- The lamp is red.\r\n• Two lamps hang here."', LAMP["lamp"], {"cell_split", "numbering_removed"}),
        ("swim", "(3) We swam far.", LAMP["swim"], {"numbering_removed"}),
        ("swim", '"swim across something, We swam far."', LAMP["swim"], {"pattern_removed"}),
        ("swim", "swim: We swam far.", LAMP["swim"], {"pattern_removed"}),
        ("swim", "We swam (= moved in water) far.", LAMP["swim"], {"gloss_removed"}),
        ("lamp", '"The lamp\nis red."', ("The lamp is red.",), {"white_space_normalised"}),
        ("half", "A half is 1 / 2 of it.", ("A half is 1 / 2 of it.",), set()),
        ("swim", "It was hot. We swam far.", ("It was hot. We swam far.",), {"several_sentences"}),
        ("swim", "We swam far", ("We swam far",), {"no_end_mark"}),
    ],
)
def test_cells_are_read_as_their_sentences(tmp_path, word, cell, sentences, told):
    bank = read(tmp_path, "b.csv", f"word,sentence\n{word},{cell}\n")
    assert bank.sentences == {word: sentences} and set(reasons(bank)) == told


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("to swim/float on one's back", "fragment"),
        ("in actual swim", "fragment"),
        ("We swam in the ______ .", "gap_in_sentence"),
        ("We swam to the [...] first.", "gap_in_sentence"),
        ("We swam to the caf\ufffd.", "unreadable_character"),
    ],
)
def test_what_is_no_sentence_is_dropped_and_shown(tmp_path, cell, reason):
    bank = read(tmp_path, "b.csv", f"word,sentence\nlamp,The lamp is red.\nswim,{cell}\n")
    assert bank.sentences == {"lamp": ("The lamp is red.",)}
    assert reasons(bank) == {reason: 1, "word_without_sentences": 1}
    assert bank.report[0]["examples"] == [f"swim: {cell}"]


@pytest.mark.parametrize(
    ("raw", "sentence", "reason"),
    [
        ("We <b>swam</b> far.", "We swam far.", "markup_removed"),
        ("We {{c1::swam}} far. [sound:swim.mp3]", "We swam far.", "markup_removed"),
        ("We {{c2::swam::past}} {{c1::far}}.", "We swam far.", "markup_removed"),
        ('<span class=""x"">We swam&nbsp;far.</span>', "We swam far.", "markup_removed"),
        ("We swam &lt;i&gt;far&lt;/i&gt; &amp; wide.", "We swam far & wide.", "markup_removed"),
        ("We **swam** far.", "We swam far.", "markup_removed"),
        ("We _swam_ `far`.", "We swam far.", "markup_removed"),
        ("Donâ€™t swim here.", "Don’t swim here.", "encoding_repaired"),
        ("We swam near the cafÃ©.", "We swam near the café.", "encoding_repaired"),
        ("â€œSwim!â€\x9d he said.", "“Swim!” he said.", "encoding_repaired"),
        ("We s\u200bwam far.", "We swam far.", "characters_normalised"),
        ("We sw\u00adam far.\ufeff", "We swam far.", "characters_normalised"),
        ("We swam to \ufb01nd it.", "We swam to find it.", "characters_normalised"),
        ("We swam to the cafe\u0301.", "We swam to the café.", "characters_normalised"),
        ("We don\u00b4t swim.", "We don't swim.", "characters_normalised"),
        ("Ｗｅ　swam far．", "We swam far.", "characters_normalised"),
    ],
)
def test_what_programs_leave_in_a_text_is_taken_off_and_told(tmp_path, raw, sentence, reason):
    bank = read(tmp_path, "b.csv", f'word,sentence\nswim,"{raw}"\n')
    assert bank.sentences == {"swim": (sentence,)} and reasons(bank) == {reason: 1}
    assert bank.report[0]["examples"][0].endswith(f"-> {sentence}")


@pytest.mark.parametrize(
    "sound", ["R&D is 5 < 6.", "“It’s” – fine… naïve", "snake_case 2 * 3", "I <3 it :)", "So <swim> on!"]
)
def test_signs_that_are_meant_stay(tmp_path, sound):
    bank = read(tmp_path, "b.csv", f"word,sentence\nswim,{sound} We swam.\n")
    assert bank.sentences == {"swim": (f"{sound} We swam.",)}
    assert not {"markup_removed", "characters_normalised", "encoding_repaired"} & set(reasons(bank))


@pytest.mark.parametrize(
    ("word", "plain", "sentence"),
    [
        ("lamp (n.)", "lamp", "The lamp is red."),
        ("lamp (light)", "lamp", "The lamp is red."),
        ("lamp, n", "lamp", "The lamp is red."),
        ("lamp 2", "lamp", "The lamp is red."),
        ("realize/realise", "realize", "He realised it."),
        ("film / movie", "movie", "The movie was long."),
        ("a, an", "a", "An owl sat there."),
        ("swim (swam, swum)", "swim", "We swam far."),
        ("draw up (plans)", "draw up", "She drew up a list."),
        ("turn ...into", "turn ... into", "They turned the barn into a home."),
    ],
)
def test_headwords_of_dictionaries_are_made_plain(tmp_path, word, plain, sentence):
    bank = read(tmp_path, "b.csv", f'word,sentence\n"{word}",{sentence}\n')
    assert bank.sentences == {plain: (sentence,)} and reasons(bank) == {"headword_made_plain": 1}
    assert bank.report[0]["examples"] == [f"{word} -> {plain}"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("catch 22", "It was a catch 22."),
        ("Formula 1", "He loves Formula 1 races."),
        ("decide on sth.", "We decided on red."),
    ],
)
def test_a_headword_that_is_said_so_stays(tmp_path, word, sentence):
    assert read(tmp_path, "b.csv", f"word,sentence\n{word},{sentence}\n").sentences == {word: (sentence,)}


# Anki

ANKI = "#separator:tab\n#html:true\n#tags column:{}\n"


def test_ankis_text_export_is_read(tmp_path):
    content = ANKI.format(3) + "lamp\tThe <b>lamp</b> is red.\tunit1\nswim\tWe {{c1::swam}} far.\tA2\n"
    bank = read(tmp_path, "b.txt", content)
    assert bank.sentences == {"lamp": ("The lamp is red.",), "swim": ("We swam far.",)}
    assert bank.read_as.startswith("Anki's export, UTF-8, separated by tabs") and "not read: 'tags'" in bank.read_as


def test_anki_may_turn_the_sides_and_add_columns(tmp_path):
    content = ANKI.format(4) + '"We ""swam"" far."\tid1\tswim\tx\nThe lamp is red.\tid2\tlamp\ty\n'
    assert read(tmp_path, "b.txt", content).sentences == {"swim": ('We "swam" far.',), "lamp": ("The lamp is red.",)}
    content = "#separator:Semicolon\n#columns:Front;Back;Tags\nlamp;The lamp is red.;x\n"
    assert read(tmp_path, "c.txt", content).sentences == {"lamp": ("The lamp is red.",)}


# Folders


def test_hidden_files_and_word_lists_are_passed_over_and_said(tmp_path):
    (tmp_path / "B1.csv").write_text(delimited(","))
    (tmp_path / "._B1.csv").write_bytes(b"\0\5\x16\7")
    (tmp_path / "~$B1.xlsx").write_bytes(b"x")
    (tmp_path / "words_b1.csv").write_text("word\nlamp\n")
    (tmp_path / "b1.txt").write_text("lamp\nswim\n")
    assert banks.find(tmp_path, "B1") == {"B1": tmp_path / "B1.csv"}
    assert [one.split(":")[0] for one in banks.passed_over(tmp_path)] == [
        "._B1.csv", "~$B1.xlsx", "b1.txt", "words_b1.csv"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["A1-A2.csv", "b1_b2.json", "words a2 and b1.tsv"])
def test_a_name_of_two_levels_is_refused(tmp_path, name):
    (tmp_path / name).write_text(delimited(","))
    with pytest.raises(InputError, match=f"the name of {name} says [AB][12] and [AB][12]; expected one level per file"):
        banks.find(tmp_path, "A2")


def test_a_table_with_levels_serves_each_of_them(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text(LEVELLED + "go,I go.,A1\ndeem,They deem it right.,C2\n")
    assert banks.find(path, "B1") == {"A1": path, "B1": path}
    found = banks.read_all(banks.find(path, "B1"))
    assert found["A1"].sentences == {"go": ("I go.",)} and found["B1"].sentences == LAMP


# Files in the folder beside the checkout: words kept, sentences kept, and what was dropped

EXPECTED = {
    "anki_export.txt": (2, 2, {}),
    "anki_markup.csv": (6, 7, {"gap_in_sentence": 2}),
    "cells_of_a_spreadsheet.csv": (6, 9, {"fragment": 2}),
    "chunks_and_contractions.csv": (6, 7, {}),
    "dictionary_headwords.csv": (11, 11, {}),
    "empty_rows.csv": (2, 2, {}),
    "hidden_characters.csv": (7, 7, {}),
    "idioms_and_phrasal_verbs.csv": (10, 10, {}),
    "index_column.csv": (2, 2, {}),
    "json_lines_named_json.json": (40, 80, {}),
    "mojibake.csv": (3, 3, {}),
    "right_bank_of_40_words.csv": (40, 80, {}),
    "semicolons_utf8_bom.csv": (2, 2, {}),
    "space_after_comma.csv": (3, 3, {}),
    "tabs.tsv": (1, 1, {}),
    "word_and_sentences.json": (40, 80, {}),
    "mac_folder": (40, 80, {}),
}


@pytest.mark.skipif(not CASES.is_dir(), reason="no case files beside the checkout")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_case_files_are_read(name):
    bank = banks.read_all(banks.find(CASES / name, "B1"))["B1"]
    words, sentences, dropped = EXPECTED[name]
    found = Counter({reason: count for reason, count in reasons(bank).items() if reason in banks.cleaning.DROPPED})
    assert (len(bank.sentences), sum(map(len, bank.sentences.values())), found) == (words, sentences, dropped)


@pytest.mark.skipif(not CASES.is_dir(), reason="no case files beside the checkout")
def test_the_case_files_that_are_refused():
    with pytest.raises(InputError, match="A1 and A2"):
        banks.find(CASES / "name_of_two_levels", "A1")
    assert banks.read(CASES / "rows_name_their_level.jsonl", "C1").sentences.keys() == {"ubiquitous"}
    with pytest.raises(InputError, match="no row of level B1"):
        banks.read(CASES / "rows_name_their_level.jsonl", "B1")
