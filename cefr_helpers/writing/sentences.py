"""A written sentence with everything that forms show of it, and the collection for a word list."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cefr_helpers.text import word_match

GAP = "________"


@dataclass(frozen=True)
class WrittenSentence:
    """A sentence for a word, as forms use it; all texts are on one line and without control characters.

    Attributes:
        span: start and end of the word in `text`; None if no form of it is found.
        pos, meaning, topic: the word list's entries for the word; empty if there are none.
        people_level: the score on the human scale, 1 (A1) to 5 (C1); None if it was not measured.
        gap_fits: whether only the word fits its gap; None if that was not measured.
    """

    word: str
    text: str
    level: str
    span: tuple[int, int] | None
    pos: str = ""
    meaning: str = ""
    topic: str = ""
    people_level: float | None = None
    gap_fits: bool | None = None

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the text before the word, the word as it is used, and the text after it."""
        start, end = self.span or (len(self.text), len(self.text))
        return self.text[:start], self.text[start:end], self.text[end:]

    @property
    def gapped(self) -> str:
        """Return the sentence with a gap in place of its word."""
        before, _, after = self.parts
        return f"{before}{GAP}{after}"


@dataclass(frozen=True)
class Collection:
    """The sentences of a word list.

    Attributes:
        name: the list's name, for titles and tags.
        sentences: the sentences, in the order of the list, with those of a word together.
    """

    name: str
    level: str
    sentences: tuple[WrittenSentence, ...]

    def with_gap_fits(self, fits: dict[tuple[str, str], bool]) -> "Collection":
        """Return the collection with `gap_fits` of its sentences, (word, sentence) -> whether only the word fits."""
        measured = (replace(one, gap_fits=fits.get((one.word, one.text))) for one in self.sentences)
        return replace(self, sentences=tuple(measured))

    def gaps(self) -> tuple[list[WrittenSentence], str]:
        """Return the sentences for an exercise with gaps, and a remark for people on which those are.

        They contain their word, and if that was measured, no other word fits their gap.
        """
        usable = [one for one in self.sentences if one.span]
        if all(one.gap_fits is None for one in usable):
            return usable, "It was not checked whether other words would fill the gaps as well."
        fits = [one for one in usable if one.gap_fits]
        left = len(usable) - len(fits)
        return fits, f"Sentences left out, because another word would fill the gap as well: {left}." if left else ""


def written(word: str, text: str, level: str, **others) -> WrittenSentence:
    """Return a `WrittenSentence` from raw texts: each made `plain`, with its word located in it."""
    word, text = plain(word), plain(text)
    others = {name: plain(value) if isinstance(value, str) else value for name, value in others.items()}
    return WrittenSentence(word, text, level, word_match.place(word, text), **others)


def plain(text: str) -> str:
    """Return the text on one line, without control characters and characters that XML does not allow."""
    spaced = "".join(" " if one.isspace() else one for one in text)
    kept = (one for one in spaced if unicodedata.category(one) not in ("Cc", "Cs", "Cn"))
    return " ".join("".join(kept).split())


def exercises(sentences: Sequence[WrittenSentence], size: int = 10) -> list[list[WrittenSentence]]:
    """Return parts of at most `size` sentences for a worksheet: the first sentences of all words, then the second ones.

    So a part rarely has two gaps for the same word.
    """
    counts: dict[str, int] = {}
    rounds = []
    for one in sentences:
        counts[one.word] = counts.get(one.word, 0) + 1
        rounds.append(counts[one.word])
    ordered = [one for _, one in sorted(zip(rounds, sentences, strict=True), key=lambda pair: pair[0])]
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def word_box(part: Sequence[WrittenSentence]) -> list[str]:
    """Return the words for the gaps of a part, each once, sorted; capitals that only begin a sentence are lowered."""
    return sorted({_inside(one) for one in part}, key=str.casefold)


def _inside(one: WrittenSentence) -> str:
    before, used, _ = one.parts
    begins = not before.strip(" \"'“‘") and used[1:] == used[1:].lower()
    return used[0].lower() + used[1:] if begins and one.word[:1].islower() else used
