"""Does a sentence use its target word? Inflections, both spellings, clitics, hyphens and phrases are understood.

Derivations do not count: "quickly" does not use "quick". A part of speech is not looked at: "meeting" is a form of
"meet" as much as a noun of its own.
"""

import re
from collections.abc import Iterable
from functools import cache

from cefr_helpers.text import spelling
from cefr_helpers.text.tokens import plain_signs, readings, tokens

_HOMOGRAPH_DIGIT = re.compile(r"(?<=[^\W\d_])\d$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What lemminflect's dictionary does not have.
_MORE_FORMS = {
    "a": ("an",),
    "an": ("a",),
    "this": ("these",),
    "that": ("those",),
    "leap": ("leaped",),
    "prove": ("proven",),
    "plead": ("pled", "pleaded"),
    "mimic": ("mimicked", "mimicking"),
    "yourself": ("yourselves",),
    "used": ("use",),  # "used to", "didn't use to"
    "have": ("has", "had", "having"),
    "not": ("n't",),
}
_FUNCTION_WORDS = _words(
    "a about above after again all also an and any are as at away be because been before but by can could day did do "
    "does down each every few for from had has have he her him his how i if in into is it its just like may me might "
    "more most must my no not of off on one or our out over own she should so some such than that the their them then "
    "there these they this those through time times to too under until up us very was way we were what when where "
    "which while who whose will with would yet you your"
)
_POSSESSIVES = _words("my your his her its our their one's someone's somebody's")
_OBJECT_PRONOUNS = _words("me you him her it us them this that these those everything something")
_DETERMINERS = _words("a an the some any all both no every each this that these those") | _POSSESSIVES
# Verbs with these take their object in the middle: "look the word up".
_PARTICLES = _words("apart around aside away back down in off on out over through together up")
# Behind an object some of them are mostly prepositions ("put it on the table"), unless one of these comes next.
_PREPOSITIONS_TOO = _words("around down in off on over through up")
_AFTER_A_PARTICLE = _words(
    "after again and as at because before behind but by during every for from if in inside into near next now of on or "
    "so than then to today tomorrow under until when while with yesterday"
)
_LONGEST_GAP = 3


def matches(word: str, sentence: str) -> bool:
    """Whether `sentence` uses `word`: in any inflection, spelling or joining; case is ignored.

    A multi-word target stands together, any of its words inflected; a phrasal verb may have a short object inside
    ("look it up", "turn the light off").
    """
    singles, phrases = _targets(word)
    found = tokens(sentence)
    if any(not singles.isdisjoint(readings(token)) for token in found):
        return True
    pieces = [piece for token in found for piece in token.split("-")]
    if any(_has_phrase(phrase, pieces) for phrase in phrases):
        return True
    return any(a + b in singles and _may_be_joined(a, b) for a, b in zip(pieces, pieces[1:], strict=False))


def words_found_in(words: Iterable[str], sentences: Iterable[str]) -> set[str]:
    """Those of `words` that any of `sentences` uses; the same answer as `matches`, fast for many of both."""
    by_form: dict[str, set[str]] = {}
    for word in words:
        singles, phrases = _targets(word)
        # a phrase shows in the forms of its first word at least; what the index finds is checked by `matches`
        for form in singles.union(*(phrase[0] for phrase in phrases)):
            by_form.setdefault(form, set()).add(word)
    found: set[str] = set()
    for sentence in sentences:
        told = tokens(sentence)
        said = {a + b for a, b in zip(told, told[1:], strict=False)}.union(*map(readings, told))
        candidates = set().union(*(by_form[one] for one in said if one in by_form)) - found
        found |= {word for word in candidates if matches(word, sentence)}
    return found


@cache
def forms(word: str) -> frozenset[str]:
    """The forms of one word, lower case: itself, its inflections, in British and American spelling.

    A target that is itself an inflected form ("children") has the forms of its headword; of a phrase, the forms are
    those of the phrase written solid or with the hyphens it has.
    """
    word = _plain(word)
    found = {word}
    for variant in spelling.variants(word):
        if " " not in variant and "-" not in variant:
            found |= _inflections(variant)
    for noun in spelling.noun_variants(word):
        found |= {noun, noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"}
    return frozenset(found)


@cache
def lemmas(word: str) -> frozenset[str]:
    """Every headword that `word` may be a form of, itself included, each in one spelling; for grouping words."""
    parts = re.split(r"[ -]+", _plain(word))
    if len(parts) > 1:
        return frozenset({lemma(word), spelling.canonical("".join(parts))})
    return frozenset(spelling.canonical(one) for one in {parts[0], *headwords(parts[0])})


@cache
def lemma(word: str) -> str:
    """The headword of `word` in one spelling: children -> child, colour and color -> color; a headword stays."""
    parts = re.split(r"[ -]+", _plain(word))
    if len(parts) > 1:
        return spelling.canonical(" ".join(lemma(part) for part in parts))
    heads = headwords(parts[0])
    return spelling.canonical(parts[0] if parts[0] in heads or not heads else heads[0])


def without_homograph_digit(word: str) -> str:
    """The word without a dictionary's homograph number: bass1 -> bass; a name like mp3 stays."""
    bare = _HOMOGRAPH_DIGIT.sub("", word)
    return bare if bare != word and (len(bare) >= 4 or headwords(bare.lower())) else word


def _plain(word: str) -> str:
    return " ".join(without_homograph_digit(plain_signs(word).strip()).split())


@cache
def _targets(word: str) -> tuple[frozenset[str], tuple[tuple[frozenset[str], ...], ...]]:
    """A target as single tokens and as phrases, a phrase being the forms of each of its words."""
    plain = _plain(word)
    singles = {plain_signs(word).strip()}
    phrases = []
    for variant in spelling.variants(plain):
        parts = re.split(r"[ -]+", variant)
        if len(parts) == 1:
            singles |= forms(variant)
            continue
        phrases.append(tuple(_part_forms(part) for part in parts))
        if "-" in variant or not any(part in _FUNCTION_WORDS for part in parts):
            singles |= {"".join(parts[:-1]) + last for last in phrases[-1][-1]}
    return frozenset(singles), tuple(phrases)


def _part_forms(part: str) -> frozenset[str]:
    if part in {"one's", "sb's", "someone's", "somebody's"}:
        return _POSSESSIVES
    heads = headwords(part)
    inflected = bool(heads) and part not in heads  # "fashioned" in "old-fashioned" stays as it is
    return frozenset({part, *_MORE_FORMS.get(part, ())}) if inflected else forms(part)


def _has_phrase(phrase: tuple[frozenset[str], ...], pieces: list[str]) -> bool:
    first, rest = phrase[0], phrase[1:]
    for start, piece in enumerate(pieces):
        if first.isdisjoint(readings(piece)):
            continue
        after = pieces[start + 1 :]
        if _follows(rest, after) or (len(rest) == 1 and _object_inside(rest[0], after)):
            return True
    return False


def _follows(rest: tuple[frozenset[str], ...], pieces: list[str]) -> bool:
    return len(pieces) >= len(rest) and all(
        not wanted.isdisjoint(readings(piece)) for wanted, piece in zip(rest, pieces, strict=False)
    )


def _object_inside(particle: frozenset[str], after: list[str]) -> bool:
    """Whether `after` is a short object and then the particle: "it up", "the light off"."""
    if particle.isdisjoint(_PARTICLES):
        return False
    for gap in range(1, _LONGEST_GAP + 1):
        if len(after) <= gap or not after[gap - 1][0].isalpha():
            return False
        if after[gap] not in particle:
            continue
        if not (after[0] in _OBJECT_PRONOUNS if gap == 1 else after[0] in _DETERMINERS):
            return False
        following = after[gap + 1 : gap + 2]
        closed = not following or not following[0][0].isalnum() or following[0] in _AFTER_A_PARTICLE
        return closed or particle.isdisjoint(_PREPOSITIONS_TOO)
    return False


def _may_be_joined(first: str, second: str) -> bool:
    """ "web site" may stand for "website", but "may be" not for "maybe"."""
    return first not in _FUNCTION_WORDS and second not in _FUNCTION_WORDS


@cache
def _inflections(word: str) -> frozenset[str]:
    """All inflected forms of one spelling of a word, lower case, the word included."""
    from lemminflect import getAllInflections, getAllInflectionsOOV

    found = {word, *_MORE_FORMS.get(word, ())}
    heads = headwords(word)
    for head in [word] if word in heads or not heads else heads:
        tagged = dict(getAllInflections(head))
        if not heads and word.isalpha() and len(word) > 1 and word not in _FUNCTION_WORDS:
            tagged |= {**getAllInflectionsOOV(head, "NOUN"), **getAllInflectionsOOV(head, "VERB")}
        found |= {head, *_MORE_FORMS.get(head, ())}.union(*tagged.values())
        found |= _doubled(head, found)
    return frozenset(form.lower() for form in found)


@cache
def headwords(word: str) -> tuple[str, ...]:
    """The headwords that a lower-case word may be a form of, of any part of speech; none for an unknown word."""
    from lemminflect import getAllLemmas

    found = getAllLemmas(word) or getAllLemmas(word.capitalize())
    order = ("VERB", "AUX", "NOUN", "ADJ", "ADV")
    return tuple(dict.fromkeys(head.lower() for tag in order for head in found.get(tag, ())))


def _doubled(head: str, found: set[str]) -> set[str]:
    """travelled and traveled: the other spelling of the forms of a longer verb that ends in a vowel and l."""
    if not re.search(r"[aeiou].*[aeiou]l$", head):
        return set()
    endings = ("ed", "ing", "er", "est") if any(form.endswith("est") for form in found) else ("ed", "ing")
    known = [ending for ending in endings if head + ending in found or head + "l" + ending in found]
    return {stem + ending for ending in known for stem in (head, head + "l")}
