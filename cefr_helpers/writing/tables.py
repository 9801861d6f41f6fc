"""Make tables of written sentences: CSV, TSV and XLSX for spreadsheets, a sentence bank, and Quizlet's import."""

import csv
import io
import json

from cefr_helpers.core import files
from cefr_helpers.evaluation import human_scale
from cefr_helpers.writing.sentences import Collection, WrittenSentence

COLUMNS = ("word", "sentence", "level", "pos", "meaning", "topic", "gap", "level_by_people")


def as_csv(collection: Collection) -> bytes:
    """Return one row per sentence under COLUMNS; stage 01 can read it as a bank."""
    return _delimited(collection, ",")


def as_tsv(collection: Collection) -> bytes:
    """Return the table of `as_csv` with tabs."""
    return _delimited(collection, "\t")


def as_xlsx(collection: Collection) -> bytes:
    """Return a workbook with one sheet, a frozen header, and columns wide enough to read."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.title, sheet.freeze_panes = "sentences", "A2"
    for row in _rows(collection):
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            cell.data_type, cell.alignment = "s", Alignment(wrap_text=True, vertical="top")
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, name in enumerate(COLUMNS, 1):
        wide = 60 if name in ("sentence", "gap") else 30 if name == "meaning" else 14
        sheet.column_dimensions[get_column_letter(number)].width = wide
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_bank(collection: Collection) -> bytes:
    """Return a sentence bank: {word: [sentence, ...]}."""
    bank: dict[str, list[str]] = {}
    for one in collection.sentences:
        bank.setdefault(one.word, []).append(one.text)
    return (json.dumps(bank, indent=1, ensure_ascii=False) + "\n").encode()


def as_quizlet(collection: Collection) -> bytes:
    """Return a line per sentence for Quizlet's import: the sentence with a gap, a tab, and the word."""
    lines = []
    for one in collection.gaps()[0]:
        hint = f" ({one.meaning})" if one.meaning else ""
        lines.append(f"{one.gapped}{hint}\t{one.parts[1]}")
    return "".join(f"{line}\n" for line in lines).encode()


def _delimited(collection: Collection, delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(_rows(collection))
    return text.getvalue().encode()


def _rows(collection: Collection) -> list[list[object]]:
    below = ([files.to_spreadsheet(value) for value in _values(one)] for one in collection.sentences)
    return [list(COLUMNS), *below]


def _values(one: WrittenSentence) -> list[str]:
    people = "" if one.people_level is None else human_scale.in_words(one.people_level)
    return [one.word, one.text, one.level, one.pos, one.meaning, one.topic, one.gapped if one.span else "", people]
