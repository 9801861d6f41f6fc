"""Features of a sentence's level that are cheap to count: length, words, grammar by word lists.

Shuffling the words changes hardly any of them. The target word is masked, so that a scorer learns how sentences of a
level are written and not which target words a bank has.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cefr_helpers.core.errors import InputError
from cefr_helpers.text import vocabulary, word_match
from cefr_helpers.text.tokens import plain_signs, readings, tokens

if TYPE_CHECKING:
    import numpy as np


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LISTS = {
    "article": "a an the",
    "that": "that",
    "me_or_you": "i you we me us my your our mine yours ours myself yourself ourselves",
    "other_pronoun": "he she it they him her them his hers its their theirs himself herself itself themselves",
    "basic_conjunction": "and but or so because",
    "subordinator": "although though unless until whereas while when whenever wherever whether since once if as before "
    "after provided lest albeit",
    "relative": "who whom whose which where whereby",
    "connective": "however therefore moreover nevertheless nonetheless furthermore thus hence yet instead otherwise "
    "rather indeed meanwhile besides consequently although though whereas despite unless whether albeit",
    "modal": "could would should might may must ought shall 'd",
    "negative": "not n't no never none neither nor nobody nothing nowhere cannot hardly scarcely barely rarely seldom",
    "preposition": "in on at to for with from of by about into over under near behind between around through during "
    "before after up down off out like",
    "formal_preposition": "despite within throughout beyond beneath among amongst amid upon against towards toward via "
    "alongside concerning regarding unlike whereas per beside besides except amidst given",
    "comparison": "than more most less least better worse best worst rather as",
    "focus": "even only just still already almost quite merely simply such so far",
}
_CATEGORIES = {
    word: frozenset(name for name, words in _LISTS.items() if word in words.split())
    for word in _words_of(" ".join(_LISTS.values()))
}
_BE = _words_of("am is are was were be been being 'm 're")
_HAVE = _words_of("have has had having 've")
_INVERTING = _words_of("had should were never only not seldom rarely hardly scarcely little nowhere such so no under")
_CLITIC = re.compile(r"(?<=.)(?:n't|'(?:s|m|re|ve|ll|d))$")
_SAYS_IS = _words_of("it he she that this there here what who where when why how")
_NAME = re.compile(r"(?<=[^\s.?!] )[A-Z][\w-]*")
_NOMINAL = re.compile(r"(?:tion|sion|ment|ness|ity|ance|ence|ism|ship|hood|acy|ure)s?$")

_RATES = (*_LISTS, "ing_form", "past_form", "nominal", "ly_adverb", "hyphen", "clitic", "passive", "perfect")
_RATES += ("infinitive", "comma", "heavy_mark", "number")
LENGTH_FEATURES = (
    *("words", "log_words", "characters", "syllables", "flesch_kincaid", "automated_readability", "rarest_zipf"),
    *("highest_level", "words_above_b1", "clause_marks", "commas", "prepositions"),
)
FREE_FEATURES = (
    *("characters_a_word", "syllables_a_word", "mean_zipf", "sd_zipf", "share_zipf_below_5", "share_function"),
    *("mean_level", "share_a1", "share_above_a2", "share_above_b1", "share_above_b2", "share_unlisted"),
    *("question", "exclamation", "inverted_start", "participle_start", "pronoun_start", "subordinate_start"),
    *(f"{name}_rate" for name in _RATES),
)
FEATURES = LENGTH_FEATURES + FREE_FEATURES
LENGTH_ONLY = ("words", "log_words", "characters")


class Word(NamedTuple):
    """Properties of a lower-case word without context; `zipf` is log10 of its count in a billion words."""

    text: str
    syllables: int
    zipf: float
    level: int | None
    categories: frozenset[str]
    tags: frozenset[str]


class Sentence(NamedTuple):
    """The parts of a sentence.

    Attributes:
        tokens: words and marks, in lower case.
        names: number of capitals inside the sentence.
        pieces: the words, with clitics split off; None for the masked target word.
        known: the words that show vocabulary: neither masked nor names nor numbers.
    """

    tokens: tuple[str, ...]
    names: int
    pieces: tuple[Word | None, ...]
    known: tuple[Word, ...]

    @property
    def words(self) -> int:
        """The number of words in the sentence, with contractions as one word."""
        return sum(token[0].isalnum() for token in self.tokens)


def depends_on_length(feature: str) -> bool:
    """Return whether a feature grows with the number of words, as counts, extremes and readability formulas do."""
    return feature in LENGTH_FEATURES


def matrix(sentences: Sequence[str], target_words: Sequence[str] | None = None) -> "np.ndarray":
    """Return the features of each sentence, float64, shape (sentences, len(FEATURES)); all 0 without a word.

    Args:
        sentences: the sentences.
        target_words: the target word of each sentence. Its forms count only as words of average length.

    Raises:
        InputError: the numbers of target words and sentences differ.
    """
    import numpy as np

    targets = [None] * len(sentences) if target_words is None else target_words
    if len(targets) != len(sentences):
        raise InputError(f"target_words: {len(targets)} for {len(sentences)} sentences; expected one per sentence")
    rows = [features_of(take_apart(sentence, target)) for sentence, target in zip(sentences, targets, strict=True)]
    return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))


@lru_cache(maxsize=4096)
def take_apart(sentence: str, target: str | None = None) -> Sentence:
    """Return the parts of a sentence, with the forms of the target word masked."""
    told = tokens(sentence)
    found = _NAME.findall(sentence)
    names = {plain_signs(name) for name in found} - {"i"}
    pieces = _pieces(told, _masked_forms(target))
    known = (piece for piece in pieces if piece and piece.text[0].isalpha() and piece.text not in names | {"n't"})
    return Sentence(told, sum(plain_signs(name) != "i" for name in found), tuple(pieces), tuple(known))


def features_of(sentence: Sentence) -> list[float]:
    """Return one row of `matrix`."""
    told, _, pieces, known = sentence
    words = sentence.words
    if not words:
        return [0.0] * len(FEATURES)
    counts = _counts(pieces, told)
    found = _word_features(known, words) | _start_features(pieces)
    found |= {f"{name}_rate": counts[name] / words for name in _RATES}
    found |= {"question": float("?" in told), "exclamation": float("!" in told), "commas": counts["comma"]}
    found["prepositions"] = counts["preposition"] + counts["formal_preposition"]
    found["clause_marks"] = sum(counts[name] for name in ("subordinator", "relative", "that", "basic_conjunction"))
    return [found[name] for name in FEATURES]


@cache
def _masked_forms(target: str | None) -> frozenset[str]:
    """Return the forms to mask: of the target word, and of each part of a target of several words."""
    if not target:
        return frozenset()
    return word_match.forms(target).union(*map(word_match.forms, re.split(r"[ -]+", plain_signs(target).strip())))


def _pieces(told: Sequence[str], masked: frozenset[str]) -> list[Word | None]:
    """Return the words with clitics split off ("don't" -> do, n't); None represents the masked target word."""
    pieces: list[Word | None] = []
    for token in told:
        if not token[0].isalnum():
            continue
        token = token.rstrip("'")
        if token in masked or not masked.isdisjoint(readings(token)):
            pieces.append(None)
            continue
        clitic = _CLITIC.search(token)
        stem = token[: clitic.start()] if clitic else token
        pieces.append(_word({"ca": "can", "wo": "will"}.get(stem, stem) if clitic else stem))
        if clitic:
            pieces.append(_word("is" if clitic.group() == "'s" and stem in _SAYS_IS else clitic.group()))
    return pieces


def _word_features(known: Sequence[Word], words: int) -> dict[str, float]:
    """Return lengths, readability, frequency and level of words that are neither masked nor names nor numbers."""
    known = [word for word in known if word.level is not None or word.zipf > 0] or [_word("the")]
    n = len(known)
    characters, syllables = sum(len(word.text) for word in known) / n, sum(word.syllables for word in known) / n
    zipfs = [word.zipf for word in known]
    mean_zipf = sum(zipfs) / n
    content = [word.level for word in known if word.level != vocabulary.FUNCTION_WORD]
    listed = [level for level in content if level is not None]
    above = {limit: sum(level > limit for level in listed) for limit in (2, 3, 4)}
    of_content = max(len(content), 1)
    return {
        "words": words,
        "log_words": math.log(words),
        "characters": characters * words,
        "syllables": syllables * words,
        # Kincaid et al. 1975, and Senter and Smith 1967, applied to a text of one sentence
        "flesch_kincaid": 0.39 * words + 11.8 * syllables - 15.59,
        "automated_readability": 4.71 * characters + 0.5 * words - 21.43,
        "rarest_zipf": min(zipfs),
        "highest_level": max(listed, default=0),
        "words_above_b1": above[3],
        "characters_a_word": characters,
        "syllables_a_word": syllables,
        "mean_zipf": mean_zipf,
        "sd_zipf": math.sqrt(sum((zipf - mean_zipf) ** 2 for zipf in zipfs) / n),
        "share_zipf_below_5": sum(zipf < 5 for zipf in zipfs) / n,
        "mean_level": sum(listed) / max(len(listed), 1),
        "share_a1": listed.count(1) / of_content,
        **{f"share_above_{name}": above[limit] / of_content for name, limit in (("a2", 2), ("b1", 3), ("b2", 4))},
        "share_unlisted": content.count(None) / of_content,
        "share_function": 1 - len(content) / n,
    }


def _start_features(pieces: Sequence[Word | None]) -> dict[str, float]:
    """Return features of how the sentence begins, 0 or 1 each."""
    first = pieces[0] or Word("", 0, 0.0, None, frozenset(), frozenset())
    return {
        "inverted_start": float(first.text in _INVERTING),
        "participle_start": float(not first.tags.isdisjoint({"VBG", "VBN"}) and "VB" not in first.tags),
        "pronoun_start": float(not first.categories.isdisjoint({"me_or_you", "other_pronoun"})),
        "subordinate_start": float("subordinator" in first.categories),
    }


def _counts(pieces: Sequence[Word | None], told: Sequence[str]) -> Counter[str]:
    """Return how often each of _RATES occurs."""
    counts = Counter(name for piece in pieces if piece for name in piece.categories)
    for i, piece in enumerate(pieces):
        if piece is None:
            continue
        # an adverb or a subject may come between: "has never been", "was she told"
        after = frozenset().union(*(one.tags for one in pieces[i + 1 : i + 3] if one))
        counts["passive"] += piece.text in _BE and "VBN" in after
        counts["perfect"] += piece.text in _HAVE and "VBN" in after
        following = pieces[i + 1 : i + 2]
        counts["infinitive"] += piece.text == "to" and any(one is None or "VB" in one.tags for one in following)
        counts["clitic"] += piece.text[0] == "'" or piece.text == "n't"
    counts["comma"] = told.count(",")
    counts["heavy_mark"] = sum(token in ';:—–"(…' for token in told)
    return counts


@cache
def _word(text: str) -> Word:
    from wordfreq import zipf_frequency

    tags = _verb_tags(text)
    shapes = {
        "ing_form": "VBG" in tags,
        "past_form": "VBD" in tags and "VB" not in tags and text not in _BE | _HAVE,
        "nominal": len(text) >= 6 and bool(_NOMINAL.search(text)),
        "ly_adverb": len(text) >= 5 and text.endswith("ly"),
        "hyphen": "-" in text,
        "number": text[0].isdigit(),
    }
    categories = _CATEGORIES.get(text, frozenset()) | {name for name, holds in shapes.items() if holds}
    zipf, level = zipf_frequency(text, "en"), vocabulary.word_level(text)
    return Word(text, _syllables(text), zipf, level, categories, tags)


@cache
def _verb_tags(text: str) -> frozenset[str]:
    """Return the Penn tags that a word can have as a verb; none for a word that is not a verb form."""
    from lemminflect import getAllInflections, getAllLemmas

    heads = {*getAllLemmas(text, upos="VERB").get("VERB", ()), *getAllLemmas(text, upos="AUX").get("AUX", ())}
    inflected = [pair for head in heads for pair in getAllInflections(head).items() if pair[0].startswith("V")]
    return frozenset(tag for tag, forms in inflected if text in forms)


def _syllables(word: str) -> int:
    """Return the number of vowel groups without a silent final e; right for about nine words in ten."""
    silent = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$|[aeiou]le$", word) is not None
    return max(len(re.findall(r"[aeiouy]+", word)) - silent, 1)
