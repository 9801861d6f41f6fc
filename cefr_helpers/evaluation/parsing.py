"""Parse generated answers into slots: one row for each requested word."""

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
# After a word that labels its line: nothing, a full stop, or a colon or dash and then the sentence.
_LABEL_END = re.compile(r"\s*(?:\.|(?::|\s[-–—](?=\s))\s*(.*))?")
_MASK = "<target>"

COLUMNS = ("prompt", "slot", "word", "sentence", "valid", "covered", "repeated", "exact_ten")


def parse_answers(answers: Sequence[str | None], words: Sequence[Sequence[str]]) -> "pandas.DataFrame":
    """Return one row for each requested word, in order, whatever the answers look like.

    A slot gets the first line with its number, if no higher number came before it; lines without a number belong to the
    line above until a blank line. Text before the list, after a blank line, or under a number that was not requested is
    ignored, and so is the word itself as a label ("apple: She ate one."), which does not count as use of the word.

    Args:
        answers: one text per prompt.
        words: the words of each prompt, as they were numbered in it.

    Returns:
        `prompt` (from 0), `slot` (from 1), `word`, `sentence` (None if the slot is empty), `valid` (in order, one
        sentence, with an end mark), `covered` (valid, and uses its word), `repeated` (see `repeated`) and `exact_ten`
        (the numbered lines of the whole answer are 1 to n, each once, in order, and each says more than its word).

    Raises:
        InputError: the numbers of answers and lists of words differ.
    """
    import pandas as pd

    if len(answers) != len(words):
        raise InputError(f"answers: {len(answers)} texts for {len(words)} prompts; expected one per prompt")
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
    """Return the numbered lines ("3. A sentence.", "3) …") of an answer in order, with their continuations."""
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
    """Return which sentences repeat an earlier one, or another one of the same answer.

    Repeating means the same words, or nearly (Jaccard index of the sets of words >= .8), with the forms of each slot's
    own word masked, so that "I like the apple." and "I like the bridge." are the same. Within one answer all copies
    count, including the first: an answer that repeats one sentence ten times has done none of its task.
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
    """Mark all of `rows` (ascending, of near-duplicates) except a first one that is the only one in its answer."""
    for row in rows[1:]:
        again[row] = True
    if len(rows) > 1 and prompts[rows[0]] == prompts[rows[1]]:
        again[rows[0]] = True


def masked(word: str, sentence: str) -> frozenset[str]:
    """Return the words of a sentence, with the forms of its target word replaced by one placeholder."""
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
    """Remove the word as a label of the line ("apple: She ate ..."), which would count as use of the word.

    The result is empty if the line is only the word, as in a list of the words before the sentences.
    """
    if text[: len(word)].lower() != word.lower():
        return text
    rest = _LABEL_END.fullmatch(text, len(word))
    return (rest[1] or "") if rest else text


def plain(text: str) -> str:
    """Return a line without emphasis, quotes around all of it, and runs of white space."""
    text = " ".join(_EMPHASIS.sub("", text).split())
    bare = text[1:-1]
    # a sentence entirely in quotes counts as the sentence
    return bare.strip() if len(text) > 2 and text[0] in '"“' and text[-1] in '"”' and '"' not in bare else text
