"""Make a worksheet with gaps: exercises of ten, each with a word box, and the key on a separate page."""

import io
from pathlib import Path

from cefr_helpers.writing import sentences
from cefr_helpers.writing.sentences import Collection

_TEMPLATE = Path(__file__).parent / "template"
_TASK = "Put the words from the box into the gaps. Each word fits once."


def as_html(collection: Collection) -> bytes:
    """Return a self-contained page for printing on A4."""
    import jinja2

    loader = jinja2.FileSystemLoader(_TEMPLATE)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    parts, note = _parts(collection)
    parts = [{"box": sentences.word_box(part), "sentences": part} for part in parts]
    page = environment.get_template("worksheet.html.j2").render(title=_title(collection), parts=parts, note=note)
    return page.encode()


def as_docx(collection: Collection) -> bytes:
    """Return the worksheet for word processors."""
    from docx import Document
    from docx.shared import Pt

    document = Document()
    document.core_properties.title, document.core_properties.author = _title(collection), ""
    document.styles["Normal"].font.size = Pt(11)
    document.add_heading(_title(collection), 1)
    document.add_paragraph(f"Name: {'_' * 30}   Date: {'_' * 15}")
    document.add_paragraph(_TASK)
    parts, note = _parts(collection)
    for number, part in enumerate(parts, 1):
        document.add_heading(f"Exercise {number}", 2)
        box = document.add_table(1, 1, style="Table Grid")
        box.cell(0, 0).text = "    ".join(sentences.word_box(part))
        document.add_paragraph()
        for place, one in enumerate(part, 1):
            hint = f" ({one.meaning})" if one.meaning else ""
            document.add_paragraph(f"{place}.  {one.gapped}{hint}")
    document.add_page_break()
    document.add_heading(f"Key: {_title(collection)}", 1)
    for number, part in enumerate(parts, 1):
        document.add_heading(f"Exercise {number}", 2)
        document.add_paragraph("   ".join(f"{place}. {one.parts[1]}" for place, one in enumerate(part, 1)))
    if note:
        document.add_paragraph(note)
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def _parts(collection: Collection) -> tuple[list[list[sentences.WrittenSentence]], str]:
    usable, note = collection.gaps()
    return sentences.exercises(usable), note


def _title(collection: Collection) -> str:
    return f"{collection.name} ({collection.level})"
