"""Is a sentence free of mistakes that a rule-based checker finds? The checker is Harper, offline, through harper-py."""

from collections.abc import Iterable
from functools import cache

# What harper calls a mistake of these kinds is one in either dialect. Left out are matters of taste and layout (Style,
# Enhancement, Readability, Redundancy, Formatting) and of place (Regionalism).
MISTAKES = frozenset(
    (
        "Agreement",
        "BoundaryError",
        "Capitalization",
        "Eggcorn",
        "Grammar",
        "Malapropism",
        "Miscellaneous",
        "Nonstandard",
        "Punctuation",
        "Repetition",
        "Spelling",
        "Typo",
        "Usage",
        "WordChoice",
    )
)

# Rules of the kinds above that stop right sentences: each finds a mistake in two or more of the 3,000 sentences of
# one half of the bundled bank ("a blue bird", "Horses are strong", "a fondness for"); tests/text/test_grammar.py.
MISFIRING = frozenset(
    (
        "CompoundNouns",
        "DoubleModal",
        "Everyone",
        "FindOut",
        "MassNouns",
        "MissingPreposition",
        "QuantifierNumeralConflict",
        "SingleBe",
        "SplitWords",
    )
)


def clean(sentences: Iterable[str | None]) -> list[bool]:
    """Whether each sentence is free of mistakes by American or by British rules; one flagged by both is not clean.

    None is not clean. Harper knows little of word order: most shuffled sentences pass it, which is why
    `evaluation.fluency` stands beside it.
    """
    return [sentence is not None and _is_clean(sentence) for sentence in sentences]


def mistakes(sentence: str, dialect: str) -> list[tuple[str, str, str]]:
    """What harper finds, as (kind, the words it is about, message), the kinds being among MISTAKES.

    Args:
        dialect: "BRITISH" or "AMERICAN".
    """
    found = _linter(dialect).lint(sentence, language="plaintext")
    return [(lint.lint_kind, lint.problem_text, lint.message) for lint in found if lint.lint_kind in MISTAKES]


@cache
def _is_clean(sentence: str) -> bool:
    return not mistakes(sentence, "BRITISH") or not mistakes(sentence, "AMERICAN")


@cache
def _linter(dialect: str):
    """Takes a third of a second to make, so one of each is kept; not to be shared between threads."""
    import harper

    linter = harper.Linter(dialect=getattr(harper.Dialect, dialect))
    linter.set_lint_config(dict.fromkeys(MISFIRING, False))
    return linter
