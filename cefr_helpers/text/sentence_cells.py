"""Extract the sentences of one cell: split several, and remove numbers, patterns and glosses."""

import re

from cefr_helpers.text.sentences import has_end_mark

# Names of reasons in reports.
SPLIT, NUMBERING, GLOSS = "cell_split", "numbering_removed", "gloss_removed"

_QUOTES = "\"'“‘«("
_NUMBER = re.compile(r"^\s*(?:\(?\d{1,2}[.)]|[-–—•*·▪●])\s+(?=\S)")
_NEXT_NUMBER = re.compile(r"(?<=[.!?…\"”’)])\s+(?=\(?\d{1,2}[.)]\s+\S)")
_SEPARATOR = re.compile(rf"\s+[/|]\s+(?=[{_QUOTES}]*[^\W\d_])")
_GLOSS = re.compile(r"\s*\((?:=|i\.e\.|e\.g\.)[^()]*\)")
# "complain about something, They complained …": the pattern of a word before its sentence.
_PATTERN = re.compile(r"^([a-z][^.!?:,;]*)(?:[,;:]|\s[-–—])\s+(?=[A-Z])")
# Three dots alone are not a gap: a sentence may trail off.
_GAP = re.compile(r"_{2,}|\.{5,}|…{2,}|\[\s*(?:\.{3}|…)\s*\]|-{4,}")


def sentences(cell: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the sentences of a cell, and the reasons for changes: SPLIT, NUMBERING and GLOSS.

    A cell is split at line breaks, " / ", " | " and consecutive numbers. A sentence that continues on the next line
    with a small letter stays whole. A cell of one sentence is returned unchanged.
    """
    reasons: dict[str, None] = {}
    pieces = _pieces(cell)
    if len(pieces) > 1:
        reasons[SPLIT] = None
    found = []
    for piece in pieces:
        bare = _NUMBER.sub("", piece)
        if bare != piece:
            reasons[NUMBERING] = None
        without = _GLOSS.sub("", bare)
        if without != bare:
            reasons[GLOSS] = None
        found.append(without)
    return found, tuple(reasons)


def without_pattern(sentence: str, word: str) -> str:
    """Remove a word's pattern from its sentence: "complain about sth, They complained." becomes "They complained."."""
    match = _PATTERN.match(sentence)
    if match and match[1].startswith(word.lower()) and has_end_mark(sentence):
        return sentence[match.end() :]
    return sentence


def has_gap(sentence: str) -> bool:
    """Return whether it is an exercise with a line or dots in place of a word."""
    return bool(_GAP.search(sentence))


def is_fragment(sentence: str) -> bool:
    """Return whether it is a fragment, such as "to go abroad": it begins with a small letter and has no end mark."""
    first = sentence.lstrip(_QUOTES)[:1]
    return first.islower() and not has_end_mark(sentence)


def _pieces(cell: str) -> list[str]:
    lines = _lines(cell)
    pieces = [piece for line in lines for piece in _SEPARATOR.split(line) if piece.strip()]
    if not all(_starts(piece) for piece in pieces):
        pieces = lines  # "to go / travel": alternative words, not sentences
    if len(pieces) == 1 and re.match(r"\s*\(?1[.)]\s", pieces[0]):
        pieces = _NEXT_NUMBER.split(pieces[0])
    return pieces or [""]


def _starts(piece: str) -> bool:
    """Return whether a piece begins as a sentence does: with a capital, a digit, or a number or bullet before it."""
    first = piece.strip().lstrip(_QUOTES)[:1]
    return bool(_NUMBER.match(piece)) or not first.islower()


def _lines(cell: str) -> list[str]:
    """Return the lines of a cell, with continuations joined to the line before."""
    if "\n" not in cell and "\r" not in cell:
        return [cell]
    lines: list[str] = []
    for line in filter(str.strip, cell.splitlines()):
        if lines and not _starts(line) and not has_end_mark(lines[-1]):
            lines[-1] += "\n" + line.strip()
        else:
            lines.append(line)
    return lines
