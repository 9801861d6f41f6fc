"""Remove what office programs, card programs and web pages leave in a text: markup, mojibake, invisible characters."""

import html
import re
import unicodedata

# Names of reasons in reports.
ENCODING, MARKUP, CHARACTERS = "encoding_repaired", "markup_removed", "characters_normalised"

_SUSPECT = re.compile(r"[^\n\x20-\x7e]|[<&{\[*_`]")  # a text without any of these is returned unchanged at once
_LINE_TAG = re.compile(r"<(?:br|/p|/div|/li|/tr|/h\d)\b[^<>]*>|<(?:p|div|li|tr|h\d)\b[^<>]*>", flags=re.IGNORECASE)
# Only HTML tags: in "May I <borrow> it?" the brackets are emphasis.
_HTML = (
    "a|abbr|audio|b|big|blockquote|body|br|center|cite|code|dd|del|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|ins|kbd|li|"
    "mark|object|ol|p|param|pre|q|rt|ruby|s|small|source|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|"
    "ul|video"
)
_TAG = re.compile(rf"</?(?:{_HTML})(?:\s[^<>]*)?/?>|<!--.*?-->", flags=re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]+\d*);", flags=re.IGNORECASE)
_CLOZE = re.compile(r"\{\{c\d+::((?:(?!\{\{|\}\}|::).)*)(?:::(?:(?!\{\{|\}\}).)*)?\}\}", flags=re.DOTALL)
_MEDIA = re.compile(r"\[(?:sound|anki):[^\]]*\]")
_EMPHASIS = re.compile(r"(?<![\w*_`])(\*\*\*|\*\*|\*|__|_|`)(?=[^\s*_`])([^*_`\n]*[^\s*_`])\1(?![\w*_`])")
# An accent, a prime or a similar character instead of an apostrophe, between two letters.
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[´`′ʼʹ＇‛](?=[^\W\d_])")
_LIGATURES = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_FULL_WIDTH = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F)}
_PLAIN = str.maketrans(_LIGATURES | _FULL_WIDTH)
_JOINER = "\u200d"  # holds some emoji together


def repaired(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text as it was meant, and the reasons for changes: ENCODING, MARKUP and CHARACTERS.

    An HTML line break becomes a line break. Curly quotes, dashes and accented letters stay. Text without problems is
    returned unchanged.
    """
    if not _SUSPECT.search(text):
        return text, ()
    reasons = []
    for reason, step in ((ENCODING, decoded_again), (MARKUP, _without_markup), (CHARACTERS, _normalised)):
        new = step(text)
        if new != text:
            text = new
            reasons.append(reason)
    return text, tuple(reasons)


def decoded_again(text: str) -> str:
    """Repair UTF-8 that was read as a Windows code page ("donâ€™t")."""
    if text.isascii():
        return text
    from ftfy import TextFixerConfig, fix_encoding

    text = text.replace("â€\ufffd", "”")  # the one quote whose last byte Windows-1252 doesn't have
    return fix_encoding(text, TextFixerConfig(unescape_html=False))


def _without_markup(text: str) -> str:
    bare = _TAG.sub("", _LINE_TAG.sub("\n", text))
    bare = _ENTITY.sub(lambda match: html.unescape(match[0]), bare)
    bare = _TAG.sub("", _LINE_TAG.sub("\n", bare))  # tags written as entities
    bare = _MEDIA.sub("", bare)
    while (without := _CLOZE.sub(r"\1", bare)) != bare:  # from the inside out
        bare = without
    bare = _EMPHASIS.sub(r"\2", bare)
    return text if bare == text else "\n".join(" ".join(line.split()) for line in bare.strip().splitlines())


def _normalised(text: str) -> str:
    plain = unicodedata.normalize("NFC", text).translate(_PLAIN)
    plain = _APOSTROPHE.sub("'", plain)
    return "".join(
        one
        for before, one in zip(" " + plain, plain, strict=False)
        if unicodedata.category(one) != "Cf" or (one == _JOINER and not before.isalpha())
    )
