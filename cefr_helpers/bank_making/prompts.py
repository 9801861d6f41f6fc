"""The prompts with which a model writes example sentences for a bank, and the sentences in its answer."""

import re
from collections.abc import Sequence

from cefr_helpers.core.levels import NAMES
from cefr_helpers.evaluation import parsing
from cefr_helpers.text import word_match

GRAMMAR = {
    "A1": "one clause, present simple or continuous, can, imperatives",
    "A2": "one or two clauses, past simple, going to, comparatives, and, but, because, when",
    "B1": "present perfect, past continuous, first conditional, relative clauses, reported speech",
    "B2": "passive, second and third conditional, past perfect, participle clauses, although, unless",
    "C1": "inversion, cleft sentences, participle clauses, nominalisation, formal linkers",
}
TEMPLATE = """\
Write {count} example sentences in English for learners at CEFR level {level} ({name}).

- Each of them uses "{word}", as it stands or inflected.
- Each is one whole sentence of {shortest} to {longest} words. It stands by itself and shows what "{word}" means.
- Grammar of the level: {grammar}.
- The other words are no harder than level {level}.
- The sentences differ in subject, in their opening and in what they are about.
{before}
Answer with the {count} sentences alone, one a line, numbered 1 to {count}."""
BEFORE = """
These were written before. Write other ones, and mind what is said of them:
{lines}
"""
_SHOWN = 8  # sentences of earlier answers that are shown again; more would make prompts expensive
_BULLET = re.compile(r"^\s*[-*•–]\s+")


def prompt(word: str, level: str, count: int, lengths: tuple[int, int], before: Sequence[tuple[str, str]] = ()) -> str:
    """Return the prompt for a word.

    Args:
        count: number of sentences.
        lengths: the shortest and the longest length of a sentence, in words.
        before: sentences of earlier answers, each with a remark.
    """
    lines = "\n".join(f"- {sentence} ({remark})" for sentence, remark in list(dict.fromkeys(before))[-_SHOWN:])
    return TEMPLATE.format(
        word=word_match.without_homograph_digit(word),
        level=level,
        name=NAMES["en"][level],
        count=count,
        shortest=lengths[0],
        longest=lengths[1],
        grammar=GRAMMAR[level],
        before=BEFORE.format(lines=lines) if lines else "",
    )


def sentences(answer: str, word: str) -> list[str]:
    """Return an answer's sentences: its numbered lines, or all lines if it has no numbers.

    The thoughts of a reasoning model are ignored, and so is the word as a label before its sentence.
    """
    told = answer.rpartition("</think>")[2].partition("<think>")[0]
    lines = [line for _, line in parsing.numbered_lines(told)]
    if not lines:
        lines = [parsing.plain(_BULLET.sub("", line)) for line in told.splitlines()]
    bare = word_match.without_homograph_digit(word)
    offered = [parsing.without_label(line, bare) for line in lines]
    return [sentence for sentence in offered if sentence]
