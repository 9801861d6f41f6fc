"""What the training examples give away of the held-out ones, measured on the examples as they are written."""

from collections.abc import Iterable

from cefr_helpers.text import word_match
from cefr_helpers.text.near_duplicates import near_duplicates
from cefr_helpers.text.tokens import words_of

_ZERO_FOR_WORDS = ("word_overlap", "sentence_overlap", "near_duplicates")


def leak_audit(train_examples: Iterable[dict], eval_examples: Iterable[dict], policy: str) -> dict:
    """Overlap of the two sides, each as {"count", "share"} of the distinct words or sentences of the eval examples.

    word_overlap: words that share a headword with a training word. sentence_overlap: sentences that are trained on,
    case and punctuation aside. near_duplicates: further sentences with a training sentence of Jaccard index >= .8.
    held_out_words_in_training_sentences: words that occur, in any form, inside any training sentence.

    Raises:
        RuntimeError: the split is "words" and one of the first three is not zero; names an example.
    """
    train_words, train_sentences = _words_and_sentences(train_examples)
    eval_words, eval_sentences = _words_and_sentences(eval_examples)
    trained = {" ".join(words_of(sentence)) for sentence in train_sentences}
    plain = {sentence: words_of(sentence) for sentence in eval_sentences}
    same = {sentence for sentence, words in plain.items() if " ".join(words) in trained}
    found = {
        "word_overlap": (_words_in_both(eval_words, train_words), eval_words),
        "sentence_overlap": (same, eval_sentences),
        "near_duplicates": (_near(plain, train_sentences) - same, eval_sentences),
        "held_out_words_in_training_sentences": (word_match.words_found_in(eval_words, train_sentences), eval_words),
    }
    if policy == "words":
        for name in _ZERO_FOR_WORDS:
            if found[name][0]:
                raise RuntimeError(f"the split leaks: {name} is {len(found[name][0])}, such as {min(found[name][0])!r}")
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


def _near(plain: dict[str, list[str]], train_sentences: set[str]) -> set[str]:
    sentences = list(plain)
    train = sorted(train_sentences)
    pairs = near_duplicates([frozenset(words_of(one)) for one in train], [frozenset(plain[one]) for one in sentences])
    return {sentences[j] for _, j in pairs}
