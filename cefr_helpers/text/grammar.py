"""Check sentences for mistakes with a rule-based checker: Harper, offline, through harper-py."""

from collections.abc import Iterable
from functools import cache

# Kinds of mistakes that are mistakes in either dialect. Kinds of taste and layout (Style, Enhancement, Readability,
# Redundancy, Formatting) and of region (Regionalism) are left out.
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
    """Return for each sentence whether it is free of mistakes by American or by British rules; None is not clean.

    Harper knows little about word order: most shuffled sentences pass it, which is why `evaluation.fluency` is used
    with it.
    """
    return [sentence is not None and _is_clean(sentence) for sentence in sentences]


def mistakes(sentence: str, dialect: str) -> list[tuple[str, str, str]]:
    """Return the mistakes that Harper finds, as (kind, the words it is about, message), with kinds from MISTAKES.

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
    """Return a cached linter, since it takes a third of a second to make; do not share it between threads."""
    import harper

    linter = harper.Linter(dialect=getattr(harper.Dialect, dialect))
    linter.set_lint_config(dict.fromkeys(MISFIRING, False))
    return linter
