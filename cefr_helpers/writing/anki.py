"""Make an Anki package of written sentences: per sentence, a card with its word in bold and one with a gap.

A note's id depends on word, sentence, level and kind, so importing a deck again updates its notes without duplicates.
"""

import hashlib
import html
import io
import re

from cefr_helpers.writing.sentences import Collection, WrittenSentence

# Never change these: Anki identifies note types by them.
_BASIC_ID, _CLOZE_ID = 1_784_220_131, 1_784_220_132
_FIELDS = ("Sentence", "Word", "Part of speech", "Meaning", "Topic", "Level")
_CSS = """.card { font-family: Arial, sans-serif; font-size: 22px; text-align: center; }
.said { font-size: 16px; opacity: .7; } .cloze { font-weight: bold; }"""
_SAID = '<div class="said"><i>{{Part of speech}}</i> {{Meaning}}</div>'
_GAP_BACK = '{{cloze:Sentence}}<hr><b>{{Word}}</b><div class="said"><i>{{Part of speech}}</i> {{Meaning}}</div>'


def as_apkg(collection: Collection) -> bytes:
    """Return the package: two notes per sentence, tagged with the level, the list's name and the topic."""
    import genanki

    fields = [{"name": name} for name in _FIELDS]
    basic = genanki.Model(
        _BASIC_ID,
        "CEFR sentence",
        fields=fields,
        templates=[{"name": "Word", "qfmt": "{{Word}}", "afmt": "{{FrontSide}}<hr>{{Sentence}}" + _SAID}],
        css=_CSS,
    )
    cloze = genanki.Model(
        _CLOZE_ID,
        "CEFR sentence with a gap",
        fields=fields,
        templates=[{"name": "Gap", "qfmt": "{{cloze:Sentence}}", "afmt": _GAP_BACK}],
        css=_CSS,
        model_type=genanki.Model.CLOZE,
    )
    name = f"{collection.name} {collection.level}".replace("::", ":")
    deck = genanki.Deck(_number("deck", name), name)
    for one in collection.sentences:
        tags = [_tag(text) for text in (one.level, collection.name, one.topic) if _tag(text)]
        kinds = [(basic, _bold(one)), *([(cloze, _gap(one))] if one.span else [])]
        for model, sentence in kinds:
            said = [sentence, *map(_escaped, (one.word, one.pos, one.meaning, one.topic, one.level))]
            guid = genanki.guid_for(model.name, one.level, one.word, one.text)
            deck.add_note(genanki.Note(model=model, fields=said, guid=guid, tags=tags))
    content = io.BytesIO()
    genanki.Package(deck).write_to_file(content)
    return content.getvalue()


def _bold(one: WrittenSentence) -> str:
    before, used, after = map(_escaped, one.parts)
    return f"{before}<b>{used}</b>{after}" if one.span else _escaped(one.text)


def _gap(one: WrittenSentence) -> str:
    before, used, after = map(_escaped, one.parts)
    return f"{before}{{{{c1::{used}}}}}{after}"


def _escaped(text: str) -> str:
    """Return HTML without Anki's syntax for fields, gaps and hints: braces and double colons become references."""
    text = html.escape(text)
    for sign in "{}[]":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text.replace("::", "&#58;&#58;").replace("\\", "&#92;")


def _tag(text: str) -> str:
    """Return a tag without spaces and without `::`, which would split it."""
    return re.sub(r"[\s\"]+|::+", "_", text).strip("_")


def _number(*parts: str) -> int:
    """Return a number computed from texts, in the range of Anki's deck ids."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:4]) + 2**31
