"""From a generated answer to its slots: one row for each word that was asked for."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import InputError
from cefr_helpers.text import word_match
from cefr_helpers.text.near_duplicates import near_duplicates
from cefr_helpers.text.sentences import is_one_sentence
from cefr_helpers.text.tokens import words_of

if TYPE_CHECKING:
    import pandas

_LINE = re.compile(r"[ \t]*(?:\*\*|__)?(\d{1,3})[.)](?:\*\*|__)?[ \t]+(.*)", flags=re.ASCII)
_EMPHASIS = re.compile(r"\*\*|__")
# Behind a word that labels its line: nothing, a full stop, or a colon or dash and then the sentence.
_LABEL_END = re.compile(r"\s*(?:\.|(?::|\s[-–—](?=\s))\s*(.*))?")
_MASK = "<target>"

COLUMNS = ("prompt", "slot", "word", "sentence", "valid", "covered", "repeated", "exact_ten")


def parse_answers(answers: Sequence[str | None], words: Sequence[Sequence[str]]) -> "pandas.DataFrame":
    """One row for each word asked for, in order, whatever the answers look like.

    A slot takes the first line that bears its number, if no higher number came before it; lines without a number
    belong to the line above until a blank line. What comes before the list, after a blank line, or under a number that
    was not asked for is passed over; so is the word itself as a label ("apple: She ate one."), which covers nothing.

    Args:
        answers: one text a prompt.
        words: the words of each prompt, as they were numbered in it.

    Returns:
        `prompt` (from 0), `slot` (from 1), `word`, `sentence` (None where the slot is empty), `valid` (in order, one
        sentence, with an end mark), `covered` (valid, and uses its word), `repeated` (see `repeated`) and `exact_ten`
        (the numbered lines of the whole answer are 1 to n, each once, in order, and each says more than its word).

    Raises:
        InputError: not as many answers as lists of words.
    """
    import pandas as pd

    if len(answers) != len(words):
        raise InputError(f"answers: {len(answers)} texts for {len(words)} prompts; expected one a prompt")
    rows = []
    for prompt, (text, asked) in enumerate(zip(answers, words, strict=True)):
        lines = numbered_lines(text or "")
        found = _by_slot(lines, asked)
        exact = [number for number, _ in lines] == list(found) == list(range(1, len(asked) + 1))
        for slot, word in enumerate(asked, 1):
            sentence = found.get(slot)
            valid = sentence is not None and is_one_sentence(sentence)
            covered = sentence is not None and valid and word_match.matches(word, sentence)
            rows.append((prompt, slot, word, sentence, valid, covered, False, exact))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["sentence"] = table["sentence"].astype(object).where(table["sentence"].notna(), None)
    return table.assign(repeated=repeated(table["prompt"], table["word"], table["sentence"]))


def numbered_lines(text: str) -> list[tuple[int, str]]:
    """The numbered lines ("3. A sentence.", "3) …") of an answer in their order, with what continues them."""
    found: list[tuple[int, list[str]]] = []
    goes_on = False
    for line in re.split(r"\r\n|\r|\n", text):
        numbered = _LINE.fullmatch(line)
        if numbered:
            found.append((int(numbered[1]), [numbered[2]]))
        elif goes_on and line.strip():
            found[-1][1].append(line)
        goes_on = bool(line.strip()) and bool(found)
    return [(number, plain(" ".join(parts))) for number, parts in found]


def repeated(prompts: Sequence[int], words: Sequence[str], sentences: Sequence[str | None]) -> list[bool]:
    """Which sentences say again what an earlier one said, or what another of the same answer says.

    The same means: the same words, or nearly (Jaccard index of the sets of words >= .8), the forms of each slot's own
    word being masked, so that "I like the apple." and "I like the bridge." are one sentence. Inside one answer all the
    copies count, the first included: an answer that repeats one sentence ten times has done none of its task.
    """
    places = defaultdict(list)
    for row, (word, sentence) in enumerate(zip(words, sentences, strict=True)):
        if sentence is not None and (said := masked(word, sentence)):
            places[said].append(row)
    distinct = list(places)
    again = [False] * len(words)
    prompts = list(prompts)
    for said in distinct:
        _mark(again, prompts, places[said])
    for i, j in near_duplicates(distinct):
        _mark(again, prompts, sorted(places[distinct[i]] + places[distinct[j]]))
    return again


def _mark(again: list[bool], prompts: list[int], rows: list[int]) -> None:
    """Mark all of `rows` (ascending, of near-same sentences) but a first one that stands alone in its answer."""
    for row in rows[1:]:
        again[row] = True
    if len(rows) > 1 and prompts[rows[0]] == prompts[rows[1]]:
        again[rows[0]] = True


def masked(word: str, sentence: str) -> frozenset[str]:
    """The words of a sentence, the forms of its target word as one sign: what it says of whatever word."""
    forms = word_match.forms(word)
    return frozenset(_MASK if one in forms else one for one in words_of(sentence))


def _by_slot(lines: list[tuple[int, str]], asked: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    highest = 0
    for number, text in lines:
        if not highest < number <= len(asked):
            continue
        if told := without_label(text, asked[number - 1]):
            highest = number
            found[number] = told
    return found


def without_label(text: str, word: str) -> str:
    """The line without the word said before it ("apple: She ate ..."), which would cover the slot by itself.

    Empty where the line says nothing but the word, as in a list of the words before the sentences.
    """
    if text[: len(word)].lower() != word.lower():
        return text
    rest = _LABEL_END.fullmatch(text, len(word))
    return (rest[1] or "") if rest else text


def plain(text: str) -> str:
    """A line without emphasis, quotes around the whole of it, and runs of white space."""
    text = " ".join(_EMPHASIS.sub("", text).split())
    bare = text[1:-1]
    # a sentence wholly in quotes is that sentence
    return bare.strip() if len(text) > 2 and text[0] in '"“' and text[-1] in '"”' and '"' not in bare else text
