"""Make mistakes by rule in right sentences, such as learners and small models make, for measuring the gates.

Each rule changes one place, and only if the result is wrong English: in many places a word may be left out without
harm, and these are not changed. Capital and end mark stay as in a right sentence, so that they reveal nothing.
"""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache

_VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)
_PREPOSITIONS = "of|with|from|by|at|in|on|for|into|about"
_DETERMINERS = "the|a|an|my|your|his|her|its|our|their"
_BE = "am|is|are|was|were"
_ASK = "What|Where|When|Why|How|Who"
_AUXILIARIES = "am|is|are|was|were|do|does|did|can|could|will|would|should|has|have"
_PRONOUNS = "I|you|he|she|it|we|they"
_WANTS_TO = "want|wants|wanted|need|needs|needed|going|able|decided|tried|hope|hoped|began|used|learned|learnt|forgot"
_NO_MISTAKE_WITHOUT_A = "few|lot|little|bit|hundred|thousand|million|dozen|great|good|couple"
_UNREAL = re.compile(r"\b(?:if|wish|wishes|wished|though|unless|suppose|were|as)\b", re.IGNORECASE)


def article(sentence: str) -> Iterator[str]:
    """ "a" for "an" and the reverse, an article left out, or one before a possessive."""
    for found in re.finditer(r"\b(a|an) (\w+)", sentence):
        swapped = "an" if found[1] == "a" else "a"
        yield _put(sentence, found, f"{swapped} {found[2]}")
        if not re.fullmatch(_NO_MISTAKE_WITHOUT_A, found[2]):
            yield _put(sentence, found, found[2])
    for found in re.finditer(r"(?<=[a-z] )(my|your|his|our|their) (?=\w)", sentence):
        yield _put(sentence, found, f"the {found[1]} ")


def agreement(sentence: str) -> Iterator[str]:
    """A verb or determiner that does not agree: "he like", "they likes", "she are", "these book"."""
    for found in re.finditer(r"\b([Hh]e|[Ss]he|[Ii]t) (\w+)", sentence):
        base = _lemma(found[2])
        if found[2] in _form(base, "VBZ") and found[2] not in ("is", "has", "was"):
            yield _put(sentence, found, f"{found[1]} {base}")
        wrong = (
            {"is": "are", "has": "have"} if _UNREAL.search(sentence) else {"is": "are", "has": "have", "was": "were"}
        )
        if found[2] in wrong:
            yield _put(sentence, found, f"{found[1]} {wrong[found[2]]}")
    for found in re.finditer(r"\b(I|[Ww]e|[Tt]hey|[Yy]ou) (\w+)\b(?!')", sentence):
        third = _form(found[2], "VBZ")
        if third and _lemma(found[2]) == found[2] and found[2] not in ("be", "better", "can", "will", "may"):
            yield _put(sentence, found, f"{found[1]} {third[0]}")
        wrong = {"are": "is", "am": "is", "were": "was", "have": "has"}
        if found[2] in wrong and not _UNREAL.search(sentence[: found.start()] + " " + sentence[found.end() :]):
            yield _put(sentence, found, f"{found[1]} {wrong[found[2]]}")
    for found in re.finditer(r"\b([Tt]hese|[Tt]hose) (\w+)", sentence):
        if _form(_lemma(found[2], "NOUN"), "NNS") == (found[2],):
            yield _put(sentence, found, f"{found[1]} {_lemma(found[2], 'NOUN')}")


def tense(sentence: str) -> Iterator[str]:
    """A verb in a form that its auxiliary or its time does not take: "did not went", "has go", "is go", "to went"."""
    takes_base = rf"\b(to|can|could|will|would|should|must|might|(?:did|does|do)(?: not|n't| (?:{_PRONOUNS}))) (\w+)"
    for found in re.finditer(takes_base, sentence):
        past = _form(found[2], "VBD")
        if _lemma(found[2]) == found[2] and past and past[0] != found[2]:
            yield _put(sentence, found, f"{found[1]} {past[0]}")
    for auxiliary, tag in ((r"has|have|had|'ve", "VBN"), (rf"{_BE}|'m|'re", "VBG")):
        for found in re.finditer(rf"(?<=\w)( ?\b(?:{auxiliary})|'ve|'m|'re) (\w+)\b(?!-)", sentence):
            base = _lemma(found[2])
            if found[2] in _form(base, tag) and found[2] != base and not _also_noun(found[2]):
                yield _put(sentence, found, f"{found[1]} {base}")
    if re.search(r"\b(yesterday|ago|last (night|week|month|year|summer|winter))\b", sentence, re.IGNORECASE):
        for found in re.finditer(rf"\b({_PRONOUNS}) (\w+)", sentence, re.IGNORECASE):
            base = _lemma(found[2])
            present = _form(base, "VBZ") if found[1].lower() in ("he", "she", "it") else (base,)
            if found[2] in _form(base, "VBD") and found[2] != base and present:
                yield _put(sentence, found, f"{found[1]} {present[0]}")


def word_order(sentence: str) -> Iterator[str]:
    """Two neighbours that have changed places: "brother my", "the in", "the house old", "Where you are going?"."""
    for found in re.finditer(rf"\b({_DETERMINERS}) (\w+)\b(?! (?:and|or)\b)", sentence):
        if found[1] not in ("her", "his"):
            yield _put(sentence, found, f"{found[2]} {found[1]}")
    for found in re.finditer(rf"\b({_PREPOSITIONS}) ({_DETERMINERS})\b", sentence):
        yield _put(sentence, found, f"{found[2]} {found[1]}")
    for found in re.finditer(r"\b(a|an|the) (\w+) (\w+)\b", sentence):
        if _kinds(found[2]) == {"ADJ"} and _kinds(found[3]) == {"NOUN"}:
            yield _put(sentence, found, f"{found[1]} {found[3]} {found[2]}")
    for found in re.finditer(rf"\b({_ASK}) ({_AUXILIARIES}) ({_PRONOUNS})\b", sentence):
        yield _put(sentence, found, f"{found[1]} {found[3]} {found[2]}")


def missing_word(sentence: str) -> Iterator[str]:
    """A word left out that English needs: a form of "be", "to", a preposition, a subject."""
    for found in re.finditer(rf"(?<=[a-z] )(?<!and )(?<!or )(?<!but )({_BE}) (?=\w)", sentence):
        yield _put(sentence, found, "")
        break
    for found in re.finditer(rf"\b({_WANTS_TO}) to (?=\w)", sentence):
        yield _put(sentence, found, f"{found[1]} ")
    for found in re.finditer(rf"(?<=[a-z] )({_PREPOSITIONS}) (?=(?:{_DETERMINERS})\b)", sentence):
        yield _put(sentence, found, "")
    for found in re.finditer(rf"\b([Bb]ecause|[Aa]lthough|[Ii]f) ({_PRONOUNS}) (?=\w)", sentence):
        yield _put(sentence, found, f"{found[1]} ")


def shuffled(sentence: str, rng: random.Random) -> str:
    """Return the same words in another order."""
    words = sentence[:-1].split()
    words[0] = _small(words[0])
    before = list(words)
    for _ in range(20):
        rng.shuffle(words)
        if words != before:
            break
    return _capital(" ".join(words)) + sentence[-1]


KINDS: dict[str, Callable[[str], Iterator[str]]] = {
    "article": article,
    "agreement": agreement,
    "tense": tense,
    "word order": word_order,
    "missing word": missing_word,
}


def made(sentence: str, kind: str, rng: random.Random) -> str | None:
    """Return a sentence with one mistake of a kind, one of KINDS or "shuffled words"; None if no rule applies.

    It expects a right sentence of two words or more, with an end mark.
    """
    if kind == "shuffled words":
        return shuffled(sentence, rng)
    changed = sorted({_capital(one) for one in KINDS[kind](sentence)} - {sentence})
    return rng.choice(changed) if changed else None


def _put(sentence: str, found: re.Match, text: str) -> str:
    return sentence[: found.start()] + text + sentence[found.end() :]


def _small(word: str) -> str:
    return word if re.match(r"I\b", word) else word[0].lower() + word[1:]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


@cache
def _lemma(word: str, kind: str = "VERB") -> str:
    """Return the base form of a verb or noun; empty for other words."""
    from lemminflect import getLemma

    return next(iter(getLemma(word.lower(), kind, lemmatize_oov=False)), "")


@cache
def _form(base: str, tag: str) -> tuple[str, ...]:
    from lemminflect import getInflection

    return getInflection(base, tag, inflect_oov=False) if base else ()


@cache
def _kinds(word: str) -> set[str]:
    from lemminflect import getAllLemmas

    return set(getAllLemmas(word))


def _also_noun(word: str) -> bool:
    return "NOUN" in _kinds(word) and not word.endswith("ing")
