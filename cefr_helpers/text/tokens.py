"""Split sentences into words, and find what each can mean: clitics, contractions, hyphens, typographic characters."""

import re
from functools import lru_cache

TOKEN = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:'[^\W_]+)*(?:-[^\W_]+(?:'[^\W_]+)*)*'?|[.,;:!?()\"…—–]")
_PLAIN_SIGNS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "‐": "-", "‑": "-", "\u00ad": None})
_CLITICS = {
    "'m": ("am",),
    "'re": ("are",),
    "'ve": ("have",),
    "'ll": ("will", "shall"),
    "'d": ("would", "had"),
}
_CONTRACTIONS = {
    "can't": ("can", "not", "cannot"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("am", "is", "are", "not"),
    "let's": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gotta": ("got", "to"),
    "y'all": ("you", "all"),
}
# "'s" is "is" or "has" after these; after a noun it counts as the genitive.
_BEFORE_IS = frozenset(
    ("it", "he", "she", "that", "this", "there", "here", "what", "who", "where", "when", "why", "how", "everything")
)
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def plain_signs(text: str) -> str:
    """Return the text in lower case, with plain apostrophes and hyphens."""
    return text.translate(_PLAIN_SIGNS).lower()


def same_length(text: str) -> str:
    """Return `plain_signs` character by character, so that positions in it are positions in the text."""
    return "".join(plain if len(plain := plain_signs(one)) == 1 else one for one in text)


@lru_cache(maxsize=4096)
def tokens(sentence: str) -> tuple[str, ...]:
    """Return the words (with hyphens and apostrophes) and punctuation marks, in lower case."""
    return tuple(TOKEN.findall(plain_signs(sentence)))


@lru_cache(maxsize=200_000)
def readings(token: str) -> frozenset[str]:
    """Return what a token can mean: "don't" -> don't, do, not; "well-known" -> also well, known, wellknown."""
    token = token.rstrip("'") or token
    found = {token}
    if "-" in token:
        parts = token.split("-")
        found |= {token.replace("-", "")}.union(*(readings(part) for part in parts if part))
    elif token in _CONTRACTIONS:
        found |= set(_CONTRACTIONS[token])
    elif token.endswith("n't"):
        found |= {token[:-3], "not"}
    elif "'" in token:
        stem, _, tail = token.rpartition("'")
        found |= {stem, *_CLITICS.get("'" + tail, ())}
        found |= {"is", "has"} if tail == "s" and stem in _BEFORE_IS else set()
    return frozenset(found)


@lru_cache(maxsize=200_000)
def pairs(token: str) -> frozenset[tuple[str, str]]:
    """Return the two words of a contraction, in order: "mustn't" -> must, not; "there's" -> there, is."""
    if token in _CONTRACTIONS and token != "ain't":
        first, second = _CONTRACTIONS[token][:2]
        return frozenset({(first, second)})
    if token.endswith("n't"):
        return frozenset({(token[:-3], "not")})
    stem, apostrophe, tail = token.rpartition("'")
    if not apostrophe:
        return frozenset()
    second = ("is", "has") if tail == "s" and stem in _BEFORE_IS else _CLITICS.get("'" + tail, ())
    return frozenset((stem, one) for one in second)


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, without punctuation; for lengths and for comparing sentences."""
    return _WORDS.findall(sentence.replace("’", "'").lower())
