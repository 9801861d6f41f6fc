"""Decide whether a sentence uses its target word: inflections, spellings, clitics, hyphens, phrases, printed headwords.

Derivations do not count: "quickly" does not use "quick". Parts of speech are not checked: "meeting" is a form of "meet"
as well as a noun.
"""

import re
from collections.abc import Iterable
from functools import cache

from cefr_helpers.text import headwords as printed_headwords
from cefr_helpers.text import phrases, spelling
from cefr_helpers.text.tokens import TOKEN, pairs, plain_signs, readings, same_length, tokens

_LONGEST_USE = 12  # tokens of a phrase, including an object inside
_HOMOGRAPH_DIGIT = re.compile(r"(?<=[^\W\d_])\d$")
# Forms missing from lemminflect's dictionary.
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


def matches(word: str, sentence: str) -> bool:
    """Return whether `sentence` uses `word`, in any inflection, spelling or joining; case is ignored.

    The words of a multi-word target must be adjacent, each possibly inflected; a phrasal verb may have its object
    inside ("look it up", "wake Anna up"). your, one's, oneself, sb and sth are placeholders (`phrases`), and for a
    headword such as "film/movie" either word counts (`headwords`).
    """
    singles, rows = _targets(word)
    found = tokens(sentence)
    if any(not singles.isdisjoint(readings(token)) for token in found):
        return True
    pieces = [piece for token in found for piece in token.split("-")]
    if any(phrases.has_phrase(row, pieces) for row in rows):
        return True
    return any(a + b in singles and _may_be_joined(a, b) for a, b in zip(pieces, pieces[1:], strict=False))


def place(word: str, sentence: str) -> tuple[int, int] | None:
    """Return where a sentence uses its word: start and end of the first part with the fewest words, or None.

    The part excludes a genitive's ending ("the dog's tail") and includes an object inside a phrase ("look it up").
    """
    found = [match.span() for match in TOKEN.finditer(same_length(sentence))]
    if not matches(word, sentence):
        return None
    for count in range(1, min(_LONGEST_USE, len(found)) + 1):
        for (start, _), (_, end) in zip(found, found[count - 1 :], strict=False):
            if matches(word, sentence[start:end]):
                return _without_genitive(word, sentence, start, end)
    return None


def _without_genitive(word: str, sentence: str, start: int, end: int) -> tuple[int, int]:
    bare = re.sub(r"['\u2019](s|S)?$", "", sentence[start:end])
    return (start, start + len(bare)) if matches(word, bare) else (start, end)


def words_found_in(words: Iterable[str], sentences: Iterable[str]) -> set[str]:
    """Return those of `words` that any of `sentences` uses, as `matches` decides, but fast for many of both."""
    by_form: dict[str, set[str]] = {}
    for word in words:
        singles, rows = _targets(word)
        # a phrase contains at least a form of its first word; `matches` checks what the index finds
        for form in singles.union(*(row[0] for row in rows)):
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
    """Return the forms of one word in lower case: itself and its inflections, in British and American spelling.

    A target that is itself an inflected form ("children") has the forms of its headword; the forms of a phrase are
    those of the phrase written as one word or with its hyphens.
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
    """Return every headword that `word` may be a form of, itself included, each in one spelling; for grouping words."""
    parts = re.split(r"[ -]+", _plain(word))
    if len(parts) > 1:
        return frozenset({lemma(word), spelling.canonical("".join(parts))})
    return frozenset(spelling.canonical(one) for one in {parts[0], *headwords(parts[0])})


@cache
def lemma(word: str) -> str:
    """Return the headword of `word` in one spelling: children -> child, colour and color -> color."""
    parts = re.split(r"[ -]+", _plain(word))
    if len(parts) > 1:
        return spelling.canonical(" ".join(lemma(part) for part in parts))
    heads = headwords(parts[0])
    return spelling.canonical(parts[0] if parts[0] in heads or not heads else heads[0])


def without_homograph_digit(word: str) -> str:
    """Remove a dictionary's homograph number from a word: bass1 -> bass; a name like mp3 stays."""
    bare = _HOMOGRAPH_DIGIT.sub("", word)
    return bare if bare != word and (len(bare) >= 4 or headwords(bare.lower())) else word


def _plain(word: str) -> str:
    return " ".join(without_homograph_digit(plain_signs(word).strip()).split())


@cache
def _targets(word: str) -> tuple[frozenset[str], tuple[tuple[phrases.Place, ...], ...]]:
    """Return a target as single tokens and as phrases (sequences of places), for all that its headword offers."""
    singles, found = {plain_signs(word).strip()}, []
    for offered in printed_headwords.alternatives(word):
        plain = _plain(offered)
        for variant in spelling.variants(plain):
            parts = re.split(r"[ -]+", variant)
            if len(parts) == 1:
                singles |= phrases.REFLEXIVES if variant == "oneself" else forms(variant)
                found += [tuple(frozenset({one}) for one in pair) for pair in pairs(variant)]
                continue
            rows = _phrases(parts)
            found += rows
            if "-" in variant or not any(part in phrases.FUNCTION_WORDS for part in parts):
                singles |= {"".join(parts[:-1]) + last for row in rows for last in row[-1] if len(row) == len(parts)}
    return frozenset(singles), tuple(found)


def _phrases(parts: list[str]) -> list[tuple[phrases.Place, ...]]:
    """Return the sequences of places by which a phrase may be used."""
    places = _without_ends(_places(parts))
    rows = [places] if places else []
    # "pick sb up" is used by "picked up his son" as well
    rows += [(places[0], places[2])] if len(places) == 3 and places[1] is phrases.ANYTHING else []
    # "to borrow", as dictionaries print verbs
    rows += _phrases(parts[1:]) if parts[0] == "to" and len(parts) > 1 and _is_verb(parts[1]) else []
    return rows


def _places(parts: list[str]) -> tuple[phrases.Place, ...]:
    places: list[phrases.Place] = []
    for before, part in zip(["", *parts], parts, strict=False):
        if _stands_for_something(part, parts):
            if before in ("do", "doing") and len(places) > 1:
                places[-1] = phrases.VERB if before == "do" else phrases.ING_FORM
            places.append(phrases.ANYTHING)
        else:
            places.append(_part_forms(part))
    return tuple(places)


def _without_ends(places: tuple[phrases.Place, ...]) -> tuple[phrases.Place, ...]:
    """Remove placeholders at either end, which do not help to locate the phrase."""
    start = next((at for at, place in enumerate(places) if place is not phrases.ANYTHING), len(places))
    end = next((at for at in range(len(places), start, -1) if places[at - 1] is not phrases.ANYTHING), start)
    return places[start:end]


def _stands_for_something(part: str, parts: list[str]) -> bool:
    """Return whether a part is a placeholder; in "do something" and "or something" the word means itself."""
    if part == printed_headwords.GAP or printed_headwords.is_placeholder(part):
        return True
    if all(one in phrases.FUNCTION_WORDS for one in parts if one != part):
        return False
    return part in {"someone", "somebody"} or (part == "something" and len(parts) > 2)


def _part_forms(part: str) -> phrases.Place:
    if part in {"your", "one's", "sb's", "someone's", "somebody's", "sb.'s"}:
        return phrases.POSSESSIVES
    if part in {"yourself", "oneself"}:
        return phrases.REFLEXIVES
    if part in {"is", "am", "are"}:  # "there is" is used by "there were"
        return forms("be")
    heads = headwords(part)
    inflected = bool(heads) and part not in heads  # "fashioned" in "old-fashioned" is not changed
    return frozenset({part, *_MORE_FORMS.get(part, ())}) if inflected else forms(part)


def _is_verb(part: str) -> bool:
    from lemminflect import getAllLemmas

    return part in getAllLemmas(part).get("VERB", ()) or part in getAllLemmas(part).get("AUX", ())


def _may_be_joined(first: str, second: str) -> bool:
    """ "web site" may be written for "website", but not "may be" for "maybe"."""
    return first not in phrases.FUNCTION_WORDS and second not in phrases.FUNCTION_WORDS


@cache
def _inflections(word: str) -> frozenset[str]:
    """Return all inflected forms of one spelling of a word in lower case, including the word."""
    from lemminflect import getAllInflections, getAllInflectionsOOV

    found = {word, *_MORE_FORMS.get(word, ())}
    heads = headwords(word)
    for head in [word] if word in heads or not heads else heads:
        tagged = dict(getAllInflections(head))
        if not heads and word.isalpha() and len(word) > 1 and word not in phrases.FUNCTION_WORDS:
            tagged |= {**getAllInflectionsOOV(head, "NOUN"), **getAllInflectionsOOV(head, "VERB")}
        found |= {head, *_MORE_FORMS.get(head, ())}.union(*tagged.values())
        found |= _doubled(head, found)
    return frozenset(form.lower() for form in found)


@cache
def headwords(word: str) -> tuple[str, ...]:
    """Return the headwords that a lower-case word may be a form of, in any part of speech; none for an unknown word."""
    from lemminflect import getAllLemmas

    found = getAllLemmas(word) or getAllLemmas(word.capitalize())
    order = ("VERB", "AUX", "NOUN", "ADJ", "ADV")
    return tuple(dict.fromkeys(head.lower() for tag in order for head in found.get(tag, ())))


def _doubled(head: str, found: set[str]) -> set[str]:
    """Return the other spelling of forms of a longer verb that ends in a vowel and l: travelled and traveled."""
    if not re.search(r"[aeiou].*[aeiou]l$", head):
        return set()
    endings = ("ed", "ing", "er", "est") if any(form.endswith("est") for form in found) else ("ed", "ing")
    known = [ending for ending in endings if head + ending in found or head + "l" + ending in found]
    return {stem + ending for ending in known for stem in (head, head + "l")}
