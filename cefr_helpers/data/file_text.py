"""Read text in the encodings that office programs save: Unicode, Windows-1252 and -1254, Mac Roman."""

import json
import re
from pathlib import Path

from cefr_helpers.core.errors import InputError

UTF8 = "UTF-8"
_NAMES = {"utf-8-sig": UTF8, "utf-8": UTF8, "utf-16": "UTF-16", "utf-32": "UTF-32"}
# The six letters in which the Turkish code page differs from the Western one, which has Icelandic letters there.
_TURKISH = re.compile(rb"[\xd0\xdd\xde\xf0\xfd\xfe]")
_ACCENTED = "À-ÖØ-öø-ÿŒœŠšŸĞğİıŞşŽž"
_WORD_WITHOUT_ASCII = re.compile(rf"(?<![a-zA-Z{_ACCENTED}])[{_ACCENTED}]+(?![a-zA-Z{_ACCENTED}])")
# é and the quotes of Mac Roman. Every byte is a character in it, so without one of these it would fit any file.
_OF_A_MAC = re.compile(rb"[\x8e\xd2-\xd5]")
# What appears when one code page is read as another: "donÕt", "cafŽ".
_CAPITAL_INSIDE = re.compile(r"[a-zà-öø-ÿœšžğış][À-ÖØ-ÞŒŠŸĞİŞŽ]")
# What a sentence in a code page may contain besides letters: quotes, dashes, dots, currencies, degrees, fractions.
_SIGNS = frozenset("‘’“”‚„–—…€£¥¢°´§©®™·•«»¿¡º½¼¾²³¹×÷\xa0\xad‹›†±")


def read(path: Path, expected: str) -> tuple[str, str]:
    """Return the text of a file and the name of its encoding.

    A byte order mark is removed. Text that is not UTF-8 is read as a code page if that gives words: no word consists
    only of accented letters, none has an accented capital in its middle, and all other characters occur in writing.

    Raises:
        InputError: it cannot be read (the message says what was `expected`), or it is in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {expected}") from error
    encoding = json.detect_encoding(content)  # by its byte order mark, or else by the positions of zero bytes
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
    """Return the text and name of the code page that fits; None if none does."""
    if re.search(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}", content):
        return None  # mostly UTF-8, with an error in it
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
