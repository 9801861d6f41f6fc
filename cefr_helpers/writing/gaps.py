"""Measure whether the gaps of sentences ask for their words, for the forms with gaps."""

from collections.abc import Sequence

from cefr_helpers.evaluation import cloze
from cefr_helpers.models import likelihood
from cefr_helpers.writing.writers import Writer


def fits(found: Sequence[tuple[str, str]], words: Sequence[str], writer: Writer) -> dict[tuple[str, str], bool]:
    """Return for each sentence whether no other word of the level is likelier in its gap, by the base model.

    Args:
        found: words with their sentences; one whose gap can't be tested (see `cloze.choices`) is left out.
        words: the level's words, from `judging.level_words`.
        writer: the writer, whose base model compares the words.
    """
    groups = {one: texts for one in found if (texts := cloze.choices(*one, words))}
    with writer.models.base_alone():
        scores = likelihood.score_choices(writer.models.model, writer.models.tokenizer, list(groups.values()))
    return {one: own >= max(others) for one, (own, *others) in zip(groups, scores, strict=True)}
