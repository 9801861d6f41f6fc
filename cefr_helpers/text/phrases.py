"""Decide whether a sentence uses a phrase: placeholders, movable objects, and contractions of two words.

A phrase is a sequence of places. Each is a set of forms, one of which a word of the sentence has to be, or `ANYTHING`:
up to six words that name somebody or something, or none ("accuse sb of" is used by "was accused of").
"""

from functools import cache

from cefr_helpers.text.tokens import pairs, readings

Place = frozenset[str]
ANYTHING: Place = frozenset(("...",))
VERB: Place = frozenset(("do sth",))  # any word, if a dictionary says "do sth"
ING_FORM: Place = frozenset(("doing sth",))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _words(
    "a about above after again all also an and any are as at away be because been before but by can could day did do "
    "does down each every few for from had has have he her him his how i if in into is it its just like may me might "
    "more most must my no not of off on one or our out over own she should so some such than that the their them then "
    "there these they this those through time times to too under until up us very was way we were what when where "
    "which while who whose will with would yet you your"
)
POSSESSIVES = _words(
    "my your his her its our their one's someone's somebody's everyone's everybody's anyone's nobody's people's"
)
REFLEXIVES = _words("myself yourself himself herself itself oneself ourselves yourselves themselves themself")
_OBJECT_PRONOUNS = REFLEXIVES | _words(
    "me you him her it us them this that these those everything something anything nothing everyone everybody someone "
    "somebody anyone anybody nobody one ones each other both all some any many several mine yours hers ours theirs"
)
_DETERMINERS = POSSESSIVES | _words(
    "a an the some any all both no every each this that these those another other enough many several few most more "
    "two three four five six seven eight nine ten which what whose"
)
# Verbs with these take their object in the middle: "look the word up".
_PARTICLES = _words("apart around aside away back down in off on out over through together up")
# After an object some of them are mostly prepositions ("put it on the table"), unless one of these comes next.
_PREPOSITIONS_TOO = _words("around down in off on over through up")
_AFTER_A_PARTICLE = _words(
    "after again and as at because before behind but by during every for from if in inside into near next now of on or "
    "so than then to today tomorrow under until when while with yesterday"
)
_INSIDE_AN_OBJECT = _DETERMINERS | _words("of own one ones few")
_LONGEST_OBJECT = 5
_LONGEST_PLACEHOLDER = 6


def has_phrase(phrase: tuple[Place, ...], pieces: list[str]) -> bool:
    """Return whether the pieces of a sentence (lower-case words without hyphens, and marks) use the phrase."""
    first = phrase[0]
    for start, piece in enumerate(pieces):
        if first.isdisjoint(readings(piece)):
            continue
        if _follows(phrase, pieces, start):
            return True
        if len(phrase) == 2 and _object_inside(phrase[1], pieces[start + 1 :]):
            return True
    return False


def _follows(phrase: tuple[Place, ...], pieces: list[str], at: int) -> bool:
    """Return whether the whole phrase begins at `at`."""
    if not phrase:
        return True
    wanted, rest = phrase[0], phrase[1:]
    if wanted is ANYTHING:
        return _follows(rest, pieces, at) or (
            at < len(pieces) and any(_follows(rest, pieces, end) for end in _ends_of_a_placeholder(pieces, at))
        )
    if at >= len(pieces):
        return False
    piece = pieces[at]
    if _fits(wanted, piece) and _follows(rest, pieces, at + 1):
        return True
    if rest and any(first in wanted and second in rest[0] for first, second in pairs(piece)):
        return _follows(rest[1:], pieces, at + 1)
    return wanted is POSSESSIVES and any(_follows(rest, pieces, end) for end in _ends_of_a_possessor(pieces, at))


def _fits(wanted: Place, piece: str) -> bool:
    if wanted is VERB:
        return piece[0].isalpha()
    if wanted is ING_FORM:
        return piece.endswith("ing") and len(piece) > 4
    return not wanted.isdisjoint(readings(piece))


def _ends_of_a_placeholder(pieces: list[str], at: int) -> range:
    """Return where the words for a placeholder may end: after one to six words, before the first punctuation mark."""
    end = at
    while end < min(len(pieces), at + _LONGEST_PLACEHOLDER) and pieces[end][0].isalnum():
        end += 1
    return range(at + 1, end + 1)


def _ends_of_a_possessor(pieces: list[str], at: int) -> range | tuple[int, ...]:
    """Return where "Anna's", "the old man's" or "my parents'" may end."""
    for end in range(at, min(len(pieces), at + 4)):
        if not pieces[end][0].isalnum():
            return ()
        if pieces[end].endswith(("'s", "s'")):
            return (end + 1,)
    return ()


def _object_inside(particle: Place, after: list[str]) -> bool:
    """Return whether `after` is an object, then the particle: "it up", "the light off", "her little brothers up"."""
    if particle.isdisjoint(_PARTICLES):
        return False
    for gap in range(1, _LONGEST_OBJECT + 1):
        if len(after) <= gap or not after[gap - 1][0].isalnum():
            return False
        if after[gap] not in particle:
            continue
        following = after[gap + 1 : gap + 2]
        closed = not following or not following[0][0].isalnum() or following[0] in _AFTER_A_PARTICLE
        if after[0] in _OBJECT_PRONOUNS and gap == 1:
            return closed or particle.isdisjoint(_PREPOSITIONS_TOO)
        if after[0] in _DETERMINERS or after[0].endswith(("'s", "s'")):
            inside = gap <= 3 or all(_may_stand_in_an_object(one) for one in after[1:gap])
            return gap > 1 and inside and (closed or particle.isdisjoint(_PREPOSITIONS_TOO))
        return closed and following[:1] != ["of"] and _is_bare_object(after[:gap])
    return False


def _is_bare_object(words: list[str]) -> bool:
    """Return whether words without an article can be an object: a name, or nouns with adjectives ("old phones")."""
    return all(_may_stand_in_an_object(one) for one in words) and _may_be_a_noun(words[-1])


@cache
def _may_stand_in_an_object(word: str) -> bool:
    return word in _INSIDE_AN_OBJECT or (word not in FUNCTION_WORDS and (_may_be_a_noun(word) or "ADJ" in _tags(word)))


@cache
def _may_be_a_noun(word: str) -> bool:
    """Return whether a word can be a noun: not one mostly used for a direction or time ("left", "home")."""
    tags = _tags(word)
    if word in FUNCTION_WORDS or "ADV" in tags or not word[0].isalpha():
        return False
    return not tags or "PROPN" in tags or ("NOUN" in tags and not word.endswith("ing"))


@cache
def _tags(word: str) -> frozenset[str]:
    from lemminflect import getAllLemmas

    return frozenset(getAllLemmas(word)) | frozenset(getAllLemmas(word.capitalize()))
