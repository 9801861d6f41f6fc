"""Clean (word, sentence) rows, and report what is changed, dropped or doubtful, with counts and examples."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby

from cefr_helpers.data import bank_formats
from cefr_helpers.text import headwords, repair, sentence_cells, word_match
from cefr_helpers.text.sentences import has_end_mark, holds_several

# Reasons by what they mean for a bank; those in no group are only reported.
CHANGED = (
    repair.ENCODING,
    repair.MARKUP,
    repair.CHARACTERS,
    sentence_cells.SPLIT,
    sentence_cells.NUMBERING,
    sentence_cells.GLOSS,
    bank_formats.PATTERN,
    bank_formats.FILLED,
    "white_space_normalised",
    "headword_made_plain",
    "homograph_digit_stripped",
)
DROPPED = (
    "empty_sentence",
    "unreadable_character",
    "gap_in_sentence",
    "fragment",
    "duplicate_sentence",
    "sentence_without_target_word",
)
DOUBTFUL = ("no_end_mark", "several_sentences", "word_entered_twice", "sentence_under_several_words")
_EXAMPLES_SHOWN = 3
_LONGEST_SHOWN = 160  # characters of an example in the terminal
_LOST_CHARACTER = "\ufffd"  # what programs write for a character that they could not read

Rows = list[tuple[str, str]]


def clean(rows: Rows, before: dict[str, list[str]] | None = None) -> tuple[dict[str, tuple[str, ...]], list[dict]]:
    """Clean rows and report every change.

    A sentence under two words is kept under both, because it is a right example of each; the split keeps the two words
    in one part.

    Args:
        before: reason -> examples of what the reader has already changed.

    Returns:
        word -> distinct sentences, and report rows {"reason", "count", "examples"} (the first three, for people).
    """
    report: dict[str, list[str]] = defaultdict(list, before or {})
    rows = _with_plain_white_space(rows, report)
    rows = _with_plain_headwords(rows, report)
    rows = _without_homograph_digits(rows, report)
    report["word_entered_twice"] += _entered_twice(rows)
    kept: dict[str, dict[str, None]] = {}
    for word, sentence in rows:
        own = kept.setdefault(word, {})
        reason = _why_dropped(word, sentence, own)
        if reason is None:
            own[sentence] = None
        else:
            report[reason].append(f"{word}: {sentence}" if sentence else word)
    report["word_without_sentences"] += [word for word, own in kept.items() if not own]
    sentences = {word: tuple(own) for word, own in kept.items() if own}
    report["sentence_under_several_words"] += _shared_sentences(sentences)
    _doubt(sentences, report)
    return sentences, rows_of(report)


def rows_of(report: dict[str, list[str]]) -> list[dict]:
    """Turn reason -> examples into rows {"reason", "count", "examples"} with the first examples."""
    return [
        {"reason": reason, "count": len(found), "examples": found[:_EXAMPLES_SHOWN]}
        for reason, found in report.items()
        if found
    ]


def lines(report: Iterable[dict]) -> list[str]:
    """Return report rows as lines for the terminal: reason and count, with one line per example below."""
    told = []
    for row in report:
        told.append(f"  {row['reason'].replace('_', ' ')}: {row['count']}")
        told += ["    " + textwrap.shorten(one, _LONGEST_SHOWN, placeholder=" …") for one in row["examples"]]
    return told


def _why_dropped(word: str, sentence: str, own: dict[str, None]) -> str | None:
    if not sentence:
        return "empty_sentence"
    if sentence in own:
        return "duplicate_sentence"
    if _LOST_CHARACTER in sentence:
        return "unreadable_character"
    if sentence_cells.has_gap(sentence):
        return "gap_in_sentence"
    if sentence_cells.is_fragment(sentence):
        return "fragment"
    return None if word_match.matches(word, sentence) else "sentence_without_target_word"


def _doubt(sentences: dict[str, tuple[str, ...]], report: dict[str, list[str]]) -> None:
    """Report doubtful sentences that are kept: as answers, the measures would not count them as one whole sentence."""
    for word, own in sentences.items():
        for sentence in own:
            if not has_end_mark(sentence):
                report["no_end_mark"].append(f"{word}: {sentence}")
            elif holds_several(sentence):
                report["several_sentences"].append(f"{word}: {sentence}")


def _with_plain_white_space(rows: Rows, report: dict[str, list[str]]) -> Rows:
    plain = [(" ".join(word.split()), " ".join(sentence.split())) for word, sentence in rows]
    changed = (new for old, new in zip(rows, plain, strict=True) if old != new and new[1])
    report["white_space_normalised"] += [f"{word}: {sentence}" for word, sentence in changed]
    return plain


def _with_plain_headwords(rows: Rows, report: dict[str, list[str]]) -> Rows:
    """ "abandon (v.)" -> abandon; "film/movie" -> the word that each sentence uses, unless one uses it verbatim."""
    offered = {word: headwords.alternatives(word) for word in dict.fromkeys(word for word, _ in rows)}
    printed = {word: found for word, found in offered.items() if found != (word,)}
    said = {word for word, sentence in rows if word in printed and word.casefold() in sentence.casefold()}
    plain = []
    for word, sentence in rows:
        if word in printed and word not in said:
            choices = printed[word]
            plain.append((next((one for one in choices if word_match.matches(one, sentence)), choices[0]), sentence))
        else:
            plain.append((word, sentence))
    changed = dict.fromkeys((old[0], new[0]) for old, new in zip(rows, plain, strict=True) if old[0] != new[0])
    report["headword_made_plain"] += [f"{old} -> {new}" for old, new in changed]
    return plain


def _without_homograph_digits(rows: Rows, report: dict[str, list[str]]) -> Rows:
    """bass1 -> bass, unless a sentence contains "bass1" (as it may with a name such as mp3)."""
    bare = {word: word_match.without_homograph_digit(word) for word in dict.fromkeys(word for word, _ in rows)}
    said = {word for word, sentence in rows if bare[word] != word and word.lower() in sentence.lower()}
    new = {word: word if word in said else stripped for word, stripped in bare.items()}
    report["homograph_digit_stripped"] += [f"{old} -> {stripped}" for old, stripped in new.items() if old != stripped]
    return [(new[word], sentence) for word, sentence in rows]


def _entered_twice(rows: Rows) -> list[str]:
    """Return words that occur in two places of a grouped file, or have twice the usual number of sentences."""
    counts = Counter(word for word, _ in rows)
    usual = Counter(counts.values()).most_common(1)[0][0] if counts else 0
    entries = Counter(word for word, _ in groupby(word for word, _ in rows))
    grouped = entries.total() <= 1.5 * len(counts)
    return [
        f"{word} ({count} sentences)"
        for word, count in counts.items()
        if (grouped and entries[word] > 1) or (len(counts) > 1 and count >= 2 * usual > 2)
    ]


def _shared_sentences(sentences: dict[str, tuple[str, ...]]) -> list[str]:
    users = defaultdict(list)
    for word, own in sentences.items():
        for sentence in own:
            users[sentence].append(word)
    return [f"{', '.join(words)}: {sentence}" for sentence, words in users.items() if len(words) > 1]
