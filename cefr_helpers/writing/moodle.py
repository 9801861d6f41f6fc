"""Make questions with gaps for Moodle's question bank from written sentences: XML of the kind `cloze`.

The format: https://docs.moodle.org/en/Moodle_XML_format and https://docs.moodle.org/en/Embedded_Answers_(Cloze)_question_type
"""

import html
import re
from xml.etree import ElementTree

from cefr_helpers.writing.sentences import Collection, WrittenSentence


def as_moodle(collection: Collection) -> bytes:
    """Return one question per sentence, with the word to be typed into the gap; case is ignored."""
    quiz = ElementTree.Element("quiz")
    category = ElementTree.SubElement(quiz, "question", type="category")
    name = f"{collection.name} {collection.level}".replace("/", "//")  # a single slash would begin a subcategory
    _text(category, "category", f"$course$/top/{name}")
    counts: dict[str, int] = {}
    for one in collection.gaps()[0]:
        counts[one.word] = counts.get(one.word, 0) + 1
        question = ElementTree.SubElement(quiz, "question", type="cloze")
        _text(question, "name", f"{one.word} {counts[one.word]}")
        _text(question, "questiontext", _question(one), format="html")
        tags = ElementTree.SubElement(question, "tags")
        for tag in filter(None, (one.level, collection.name, one.topic)):
            _text(tags, "tag", tag)
    ElementTree.indent(quiz)
    return ElementTree.tostring(quiz, encoding="utf-8", xml_declaration=True) + b"\n"


def _text(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(ElementTree.SubElement(parent, name, attributes), "text").text = text


def _question(one: WrittenSentence) -> str:
    before, used, after = one.parts
    hint = f" ({one.meaning})" if one.meaning else ""
    return f"<p>{_around(before)}{{1:SHORTANSWER:={_answer(used)}}}{_around(after + hint)}</p>"


def _around(text: str) -> str:
    """Return HTML without Moodle's syntax for gaps."""
    return html.escape(text, quote=False).replace("{", "&#123;").replace("}", "&#125;")


def _answer(text: str) -> str:
    r"""An answer inside a gap: `}`, `#`, `~`, `/`, `"` and `\` get a backslash; so does `*`, which matches all."""
    return re.sub(r'([}#~/"\\*])', r"\\\1", html.escape(text, quote=False))
