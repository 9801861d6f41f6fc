"""How varied a row's sentences are beside the bank's for the same words: openings, frames, and whether they tell."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cefr_helpers.text import ngrams, word_match
from cefr_helpers.text.function_words import is_function_word
from cefr_helpers.text.tokens import tokens, words_of

if TYPE_CHECKING:
    import pandas

MEASURES = ("first_words", "target_place", "questions", "frames", "told_from_bank")
FRAME = 4  # pieces of a sentence's beginning that make its frame
FILLS = 1 / 3  # share of a row's sentences from which a repeated opening is a template
TIMES_THE_BANK = 2  # and as many times the bank's share at least: what the bank does as well is no fault
FEWEST = 10  # valid sentences below which nothing is said of a row
_EARLY = 2  # the target is early as one of so many first words
_FOLDS = 5
_SHUFFLES = 3
_GAP = "_"
_START, _TARGET = "<start>", "<target>"


def measure(row: "pandas.DataFrame", bank: "pandas.DataFrame", compared: int, seed: int) -> dict[str, float | None]:
    """The MEASURES of one row's sentences; None where there is too little to measure.

    Args:
        row: slots of the row, with `prompt`, `sample`, `slot`, `word`, `sentence`, `valid` and `covered`.
        bank: the same of the bank's own sentences, one sample.
        compared: on how many sentences the two measures are taken that depend on the number of sentences; the same for
            all rows, 0 for none.
        seed: which sentences these take, and the folds.

    Returns:
        `first_words`: different first words over sentences, of `compared` valid ones, as a mean over ten choices.
        `target_place`: share of the sentences that use their word whose word is the first or second one.
        `questions`: share of the valid sentences that end with a question mark.
        `frames`: share of `compared` valid sentences whose frame another of them has, see `frame`; over ten choices.
        `told_from_bank`: how well a classifier tells the row from the bank, see `told_apart`; .5 is not at all.
    """
    valid = row[row["valid"]]
    sentences, used = list(valid["sentence"]), valid[valid["covered"]]
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    if len(sentences) < FEWEST:
        return found
    if 2 <= compared <= len(sentences):
        chosen = ngrams.choices(sentences, compared, seed)
        found["first_words"] = float(np.mean([_first_words(some) for some in chosen]))
        found["frames"] = float(np.mean([_shared_frames(some) for some in chosen]))
    if len(used):
        found["target_place"] = float(
            np.mean([_is_early(*one) for one in zip(used["word"], used["sentence"], strict=True)])
        )
    found["questions"] = float(np.mean([one.rstrip("\"'”’) ").endswith("?") for one in sentences]))
    found["told_from_bank"] = _told_from_bank(valid, bank, seed)
    return found


def opening(row: "pandas.DataFrame", bank: "pandas.DataFrame") -> dict | None:
    """How most of a row's sentences begin: with one word, or with two where a third of all share both.

    Args:
        row: as in `measure`, and bank.

    Returns:
        `words` as they stand in a sentence, `sentences` that begin so, `of` so many valid ones, and `bank`: how many of
        the bank's sentences for the same slots begin so. None below FEWEST valid sentences.
    """
    valid = row[row["valid"]]
    if len(valid) < FEWEST:
        return None
    told = [words_of(sentence) for sentence in valid["sentence"]]
    (words, count), (two, both) = (Counter(tuple(one[:n]) for one in told).most_common(1)[0] for n in (1, 2))
    if both >= FILLS * len(told):
        words, count = two, both
    begins = [tuple(one[: len(words)]) == words for one in told]
    first = valid["sentence"].iloc[begins.index(True)]
    beside = _of_bank(valid, bank)
    return {
        "words": " ".join(first.split()[: len(words)]).strip("\"'“”‘,.;:!?"),
        "sentences": count,
        "of": len(told),
        "bank": sum(tuple(words_of(sentence)[: len(words)]) == words for sentence in beside),
    }


def is_template(sentences: int, of: int, bank: int) -> bool:
    """Whether an opening fills a third of a row's sentences or more, and twice as many as of the bank's at least.

    Args:
        sentences: that begin so.
        of: valid sentences of the row, and as many of the bank.
        bank: of these, those that begin so.
    """
    return sentences >= FILLS * of and sentences >= TIMES_THE_BANK * bank


def frame(sentence: str) -> tuple[str, ...]:
    """The beginning of a sentence without its content words: "The old car was so slow" -> the, _, was, so.

    Its first four pieces; a run of content words is one piece, function words and punctuation marks stay. The whole
    sentence would do for short ones alone, since hardly two sentences of fifteen words have the same frame.
    """
    pieces: list[str] = []
    for token in tokens(sentence):
        piece = _GAP if token[0].isalnum() and not is_function_word(token) else token
        if piece != _GAP or pieces[-1:] != [_GAP]:
            pieces.append(piece)
    return tuple(pieces[:FRAME])


def told_apart(sentences: Sequence[str], others: Sequence[str], words: Sequence[str], seed: int = 0) -> float:
    """How well a classifier tells two sets of sentences for the same words apart: the AUC on words it has not seen.

    Logistic regression on tf-idf of words, marks and pairs of neighbours, a start sign before and the target word
    masked; five folds, in which all sentences for a word lie together, three times over. .5: it cannot tell them, as of
    another sentence of the bank for each word; 1: always. After the classifier two-sample test (Lopez-Paz and Oquab
    2017, arXiv 1610.06545).

    Args:
        sentences: one a word.
        others: of the other set, for the same words in the same order.
        words: the target words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline

    told = [_pieces(word, one) for side in (sentences, others) for word, one in zip(words, side, strict=True)]
    labels = np.repeat([1, 0], len(words))
    names = sorted(set(words))
    place = np.array([names.index(word) for word in words] * 2)
    # the pieces are there already: nothing is to be split or lowered
    how = {"tokenizer": list, "preprocessor": None, "token_pattern": None, "lowercase": False}
    areas = []
    for shuffle in range(_SHUFFLES):
        folds = np.random.default_rng([seed, shuffle]).permutation(len(names))[place] % _FOLDS
        scores = np.zeros(len(labels))
        for fold in set(folds):
            known = folds != fold
            vectors = TfidfVectorizer(ngram_range=(1, 2), **how)
            model = make_pipeline(vectors, LogisticRegression(max_iter=1000))
            model.fit([one for one, is_known in zip(told, known, strict=True) if is_known], labels[known])
            held_out = [one for one, is_known in zip(told, known, strict=True) if not is_known]
            scores[~known] = model.decision_function(held_out)
        areas.append(roc_auc_score(labels, scores))
    return float(np.mean(areas))


def _told_from_bank(valid: "pandas.DataFrame", bank: "pandas.DataFrame", seed: int) -> float | None:
    """The mean over a row's samples, each with the bank's sentences for the same slots."""
    samples = [one for _, one in valid.groupby("sample") if len(one) >= FEWEST and one["word"].nunique() > _FOLDS]
    areas = [told_apart(list(one["sentence"]), _of_bank(one, bank), list(one["word"]), seed) for one in samples]
    return float(np.mean(areas)) if areas else None


def _of_bank(slots: "pandas.DataFrame", bank: "pandas.DataFrame") -> list[str]:
    """The bank's sentence of each slot."""
    keys = ["prompt", "slot"]
    return list(slots[keys].merge(bank[[*keys, "sentence"]], on=keys, how="left")["sentence"].fillna(""))


def _first_words(sentences: Sequence[str]) -> float:
    return len({tuple(words_of(sentence)[:1]) for sentence in sentences}) / len(sentences)


def _shared_frames(sentences: Sequence[str]) -> float:
    frames = [frame(sentence) for sentence in sentences]
    counts = Counter(frames)
    return sum(counts[one] > 1 for one in frames) / len(frames)


def _is_early(word: str, sentence: str) -> bool:
    """Whether the target begins as the first or second word; a target of several words takes more places."""
    return word_match.matches(word, " ".join(sentence.split()[: _EARLY - 1 + len(word.split())]))


def _pieces(word: str, sentence: str) -> list[str]:
    forms = word_match.forms(word)
    return [_START, *(_TARGET if token in forms else token for token in tokens(sentence))]
