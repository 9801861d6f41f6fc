"""Measure how much of one part's examples leaks into another part, on the examples as they are written."""

from collections.abc import Iterable

from cefr_helpers.text import word_match
from cefr_helpers.text.near_duplicates import near_duplicates
from cefr_helpers.text.tokens import words_of

_ZERO_FOR_WORDS = ("word_overlap", "sentence_overlap", "near_duplicates")


# Pairs of parts that must not overlap, as (seen, compared): the first pair is about training and test words.
PAIRS = (("train", "eval"), ("train", "dev"), ("dev", "eval"))


def audit_parts(examples: dict[str, Iterable[dict]], policy: str) -> dict[tuple[str, str], dict]:
    """Return the `leak_audit` of each pair in PAIRS.

    Args:
        examples: "train", "dev" and "eval" -> their examples.

    Raises:
        RuntimeError: the split is "words" and two parts overlap; names the parts and an example.
    """
    return {pair: leak_audit(examples[pair[0]], examples[pair[1]], policy, pair) for pair in PAIRS}


def leak_audit(
    seen_examples: Iterable[dict], examples: Iterable[dict], policy: str, names: tuple[str, str] = PAIRS[0]
) -> dict:
    """Return the overlap of two parts, each as {"count", "share"} of the distinct words or sentences of `examples`.

    word_overlap: words that share a headword with a seen word. sentence_overlap: sentences that are also seen ones,
    ignoring case and punctuation. near_duplicates: further sentences whose Jaccard index with a seen sentence is at
    least .8. held_out_words_in_training_sentences: words that occur, in any form, in a seen sentence.

    Args:
        names: names of the two parts, for the message.

    Raises:
        RuntimeError: the split is "words" and one of the first three is not zero; names the parts and an example.
    """
    seen_words, seen_sentences = _words_and_sentences(seen_examples)
    own_words, own_sentences = _words_and_sentences(examples)
    seen = {" ".join(words_of(sentence)) for sentence in seen_sentences}
    plain = {sentence: words_of(sentence) for sentence in own_sentences}
    same = {sentence for sentence, words in plain.items() if " ".join(words) in seen}
    found = {
        "word_overlap": (_words_in_both(own_words, seen_words), own_words),
        "sentence_overlap": (same, own_sentences),
        "near_duplicates": (_near(plain, seen_sentences) - same, own_sentences),
        "held_out_words_in_training_sentences": (word_match.words_found_in(own_words, seen_sentences), own_words),
    }
    if policy == "words":
        for name in _ZERO_FOR_WORDS:
            if leaked := found[name][0]:
                parts = " and ".join(names)
                raise RuntimeError(f"the split leaks: {name} of {parts} is {len(leaked)}, such as {min(leaked)!r}")
    return {name: {"count": len(leaked), "share": len(leaked) / len(of)} for name, (leaked, of) in found.items()}


def _words_and_sentences(examples: Iterable[dict]) -> tuple[set[str], set[str]]:
    words: set[str] = set()
    sentences: set[str] = set()
    for example in examples:
        words.update(example["words"])
        sentences.update(line.partition(". ")[2] for line in example["output"].split("\n"))
    return words, sentences


def _words_in_both(words: set[str], others: set[str]) -> set[str]:
    headwords = {headword for other in others for headword in word_match.lemmas(other)}
    return {word for word in words if not headwords.isdisjoint(word_match.lemmas(word))}


def _near(plain: dict[str, list[str]], seen_sentences: set[str]) -> set[str]:
    sentences = list(plain)
    seen = sorted(seen_sentences)
    pairs = near_duplicates([frozenset(words_of(one)) for one in seen], [frozenset(plain[one]) for one in sentences])
    return {sentences[j] for _, j in pairs}
