"""The function words of English: a list of the closed classes, whose words have grammar rather than content."""

from cefr_helpers.text.tokens import readings


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words(
    "a an the this that these those my your his her its our their some any no every each either neither both all half "
    "another other others such much many more most few fewer fewest little less least several enough what which whose"
)
_PRONOUNS = _words(
    "i me mine myself you yours yourself yourselves he him himself she hers herself it itself we us ours ourselves "
    "they them theirs themselves one ones oneself who whom whoever whatever whichever someone somebody something "
    "anyone anybody anything everyone everybody everything nobody nothing none there"
)
_AUXILIARIES = _words(
    "be am is are was were been being have has had having do does did doing done can could may might must shall should "
    "will would ought cannot not"
)
_PREPOSITIONS = _words(
    "about above across after against along among amongst around as at before behind below beneath beside besides "
    "between beyond by despite down during except for from in inside into like near of off on onto out outside over "
    "past per since than through throughout till to toward towards under underneath until unless up upon via with "
    "within without"
)
_CONJUNCTIONS = _words(
    "and or but nor so yet if because although though while whilst whereas whether when where why how"
)
# Adverbs that have no content of their own.
_PARTICLES = _words("away back here then too very also just only even still again already once ever never quite rather")
_NUMBERS = _words(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million first second third"
)

FUNCTION_WORDS = _DETERMINERS | _PRONOUNS | _AUXILIARIES | _PREPOSITIONS | _CONJUNCTIONS | _PARTICLES | _NUMBERS


def is_function_word(word: str) -> bool:
    """Return whether a lower-case word, or a contraction such as "don't" or "it's", belongs to a closed class.

    A genitive counts as its noun, so "teacher's" does not.
    """
    if word in FUNCTION_WORDS:
        return True
    return "'" in word and not FUNCTION_WORDS.isdisjoint(readings(word) - {word, "is", "has"})
