"""The text of a file in whatever encoding office programs save: Unicode, Windows-1252 and -1254, Mac Roman."""

import json
import re
from pathlib import Path

from cefr_helpers.core.errors import InputError

UTF8 = "UTF-8"
_NAMES = {"utf-8-sig": UTF8, "utf-8": UTF8, "utf-16": "UTF-16", "utf-32": "UTF-32"}
# The six letters in which the Turkish code page differs from the Western one, where they are Icelandic.
_TURKISH = re.compile(rb"[\xd0\xdd\xde\xf0\xfd\xfe]")
_ACCENTED = "À-ÖØ-öø-ÿŒœŠšŸĞğİıŞşŽž"
_WORD_WITHOUT_ASCII = re.compile(rf"(?<![a-zA-Z{_ACCENTED}])[{_ACCENTED}]+(?![a-zA-Z{_ACCENTED}])")
# é and the quotes of Mac Roman, where every byte is a character: without one of them it fits too much.
_OF_A_MAC = re.compile(rb"[\x8e\xd2-\xd5]")
# As when one code page is read as another: "donÕt", "cafŽ".
_CAPITAL_INSIDE = re.compile(r"[a-zà-öø-ÿœšžğış][À-ÖØ-ÞŒŠŸĞİŞŽ]")
# What a sentence in a code page has beside letters: quotes, dashes, points, money, degrees, fractions.
_SIGNS = frozenset("‘’“”‚„–—…€£¥¢°´§©®™·•«»¿¡º½¼¾²³¹×÷\xa0\xad‹›†±")


def read(path: Path, expected: str) -> tuple[str, str]:
    """The text of a file and its encoding, for people.

    A byte order mark is left out. What is not UTF-8 is read as a code page if that makes words: no word is of accented
    letters alone, none has an accented capital in its middle, and each sign is one of writing.

    Raises:
        InputError: it cannot be read (the message says what was `expected`), or it is in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {expected}") from error
    encoding = json.detect_encoding(content)  # by byte order mark, else by where the zero bytes are
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        code_page = _of_a_code_page(content) if encoding.startswith("utf-8") else None
        if code_page is None:
            raise _not_utf8(path, content, error) from error
        return code_page
    return text.removeprefix("\ufeff") if encoding[-2:] in ("le", "be") else text, _name(encoding)


def _name(encoding: str) -> str:
    return _NAMES.get(encoding, _NAMES.get(encoding[:6], encoding.upper()))


def _of_a_code_page(content: bytes) -> tuple[str, str] | None:
    """The text in the code page that fits; None where none does."""
    if re.search(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}", content):
        return None  # UTF-8 for the most part, with a fault in it
    windows = "1254" if _TURKISH.search(content) else "1252"
    mac = [("mac_roman", "Mac Roman")] if _OF_A_MAC.search(content) else []
    for codec, name in ((f"cp{windows}", f"Windows-{windows}"), *mac):
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if _makes_words(text):
            return text, name
    return None


def _makes_words(text: str) -> bool:
    strange = {one for one in text if ord(one) > 126 and not one.isalpha()} - _SIGNS
    return not (strange or _WORD_WITHOUT_ASCII.search(text) or _CAPITAL_INSIDE.search(text))


def _not_utf8(path: Path, content: bytes, error: UnicodeDecodeError) -> InputError:
    line = content[: error.start].count(b"\n") + 1
    byte = content[error.start : error.start + 1].hex()
    kind = "UTF-8" if error.encoding.startswith("utf-8") else _name(error.encoding)
    return InputError(f"{path}, line {line}: byte 0x{byte} is not {kind}; save the file as UTF-8")
