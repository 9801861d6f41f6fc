"""Read headwords as dictionaries and course books print them: "abandon (v.)", "a/b", "close 1", "draw up (plans)"."""

import re
from functools import lru_cache
from itertools import product

SOMEBODY = frozenset(("sb", "sb.", "smb", "smb.", "s.o.", "so.", "sbdy", "sby"))
SOMETHING = frozenset(("sth", "sth.", "smth", "smth.", "s.th.", "sthg", "sthg."))
GAP = "..."
_POINTS = re.compile(r"\s*(?:\.{3,}|…)\s*")
_PRINTED = re.compile(r"[()\[\]{}/,;:=…¹²³⁴⁵⁶⁷⁸⁹]|\.{3}|\.$|\s\d{1,2}$|\s[-–—]\s|^[-*•–—]|^\d{1,3}[.)]\s")
_LEADING = re.compile(r"^(?:\(?\d{1,3}[.)]|[-*•–—·])\s+")
_BRACKETS = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\})\s*")
_INSIDE = re.compile(r"(?<!\S)\(([^\W\d_]+)\)\s+(?=[^\W\d_])")
_OPTIONAL = re.compile(r"(?<=\w)\((\w{1,3})\)|\((\w{1,3})\)(?=\w)")
_LABELS = "n|v|vb|adj|adv|prep|conj|pron|det|art|num|phr|phr v|pl|sing|mod|aux|int|excl|vi|vt"
_LONG_LABELS = "noun|verb|adjective|adverb|preposition|conjunction|pronoun|determiner|article|phrasal verb|idiom|phrase"
_LABEL = re.compile(rf"(?:\s+(?:{_LABELS})\.|\s*[,;:]\s*(?:{_LABELS}|{_LONG_LABELS})\.?)+$", flags=re.IGNORECASE)
_NUMBER = re.compile(r"(?:\s+\d{1,2}|\s*[¹²³⁴⁵⁶⁷⁸⁹]+)$")
_LISTED = re.compile(r"\s*[,;]\s*|\s+/\s+|\s*=\s*")
_MOST = 12  # ways of reading one headword: more would be a sentence


def is_placeholder(part: str) -> bool:
    """Return whether a part of a phrase is a placeholder: sb, sth., sb/sth."""
    return all(one in SOMEBODY or one in SOMETHING for one in part.lower().split("/"))


@lru_cache(maxsize=100_000)
def alternatives(headword: str, with_optional: bool = True) -> tuple[str, ...]:
    """Return the words or phrases that a printed headword offers, in order: "a/b" gives a and b; a plain word itself.

    Brackets, parts of speech and numbers of meanings are removed; "..." between words stays as a placeholder.

    Args:
        with_optional: also return the form with the text in brackets, last, if words follow it: "keep (on) going" gives
            "keep going" and "keep on going".
    """
    text = " ".join(headword.split())
    if not _PRINTED.search(text):
        return (text,)
    if with_optional and (inside := _INSIDE.sub(r"\1 ", text)) != text:
        return tuple(dict.fromkeys((*alternatives(text, False), *alternatives(inside, False))))
    found = [one for listed in _LISTED.split(_bare(text)) for one in _choices(listed)]
    words = tuple(dict.fromkeys(one for one in found if any(map(str.isalpha, one))))
    return words[:_MOST] or (text,)


def _bare(text: str) -> str:
    """Remove number, brackets, part of speech and number of meaning."""
    text = _LEADING.sub("", text)
    with_optional = _OPTIONAL.sub(lambda match: match[1] or match[2], text)
    if with_optional != text:
        text = f"{with_optional}, {_OPTIONAL.sub('', text)}"
    outside = " ".join(_BRACKETS.sub(" ", text).split())
    text = outside if any(map(str.isalpha, outside)) else text.strip("()[]{} ")
    return _NUMBER.sub("", _LABEL.sub("", _NUMBER.sub("", text)))


def _choices(listed: str) -> list[str]:
    """Return each way of choosing between words with a slash: "make/do a list" gives two phrases; "sb/sth" is one."""
    listed = _POINTS.sub(f" {GAP} ", _LABEL.sub("", listed)).lstrip(" .")
    listed = listed if _abbreviated(listed) else listed.rstrip(" .")
    parts = [[part] if is_placeholder(part) else part.split("/") for part in listed.split()]
    if any(not all(choices) for choices in parts):
        return [listed]
    return [" ".join(chosen).strip() for chosen in product(*parts)][:_MOST]


def _abbreviated(listed: str) -> bool:
    """Return whether the full stop at the end belongs to the word, as in a.m., etc., sth."""
    last = listed.split()[-1:] or [""]
    return last[0].endswith(".") and (is_placeholder(last[0]) or "." in last[0][:-1] or last[0].lower() in _OWN_POINT)


_OWN_POINT = frozenset(("etc.", "mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "vs.", "no."))
