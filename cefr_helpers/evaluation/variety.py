"""Measure how varied a row's sentences are, beside the bank's for the same words: openings, frames, a classifier."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cefr_helpers.evaluation import intervals
from cefr_helpers.text import ngrams, word_match
from cefr_helpers.text.function_words import is_function_word
from cefr_helpers.text.tokens import tokens, words_of

if TYPE_CHECKING:
    import pandas

MEASURES = ("first_words", "target_place", "questions", "frames", "told_from_bank")
FRAME = 4  # pieces of a sentence's beginning that make its frame
FILLS = 1 / 3  # share of a row's sentences from which a repeated opening is a template
TIMES_THE_BANK = 2  # and at least this many times the bank's share: an opening that the bank has too is no fault
FEWEST = 10  # a row with fewer valid sentences is not measured
_EARLY = 2  # the target is early if it is among this many first words
_FOLDS = 5
_SHUFFLES = 3
_GAP = "_"
_START, _TARGET = "<start>", "<target>"


def measure(row: "pandas.DataFrame", bank: "pandas.DataFrame", compared: int, seed: int) -> dict[str, float | None]:
    """Return the MEASURES of one row's sentences; None if there are too few.

    Args:
        row: slots of the row, with `prompt`, `sample`, `slot`, `word`, `sentence`, `valid` and `covered`.
        bank: the same for the bank's own sentences, one sample.
        compared: number of sentences for the two measures that depend on it; the same for all rows, 0 for none.
        seed: the seed by which these sentences and the folds are chosen.

    Returns:
        `first_words`: number of different first words over `compared` valid sentences, as a mean over ten choices.
        `target_place`: share of the sentences that use their word whose word is the first or second one.
        `questions`: share of the valid sentences that end with a question mark.
        `frames`: share of `compared` valid sentences whose frame another of them has, see `frame`; over ten choices.
        `told_from_bank`: how well a classifier tells the row from the bank, see `told_apart`; .5 means not at all.
    """
    valid = row[row["valid"]]
    sentences = list(valid["sentence"])
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    if len(sentences) < FEWEST:
        return found
    if 2 <= compared <= len(sentences):
        chosen = ngrams.choices(sentences, compared, seed)
        found["first_words"] = float(np.mean([_first_words(some) for some in chosen]))
        found["frames"] = float(np.mean([_shared_frames(some) for some in chosen]))
    found |= {name: float(values.mean()) for name, values in shares(row).items()}
    found["told_from_bank"] = _told_from_bank(valid, bank, seed)
    return found


def shares(row: "pandas.DataFrame") -> "dict[str, pandas.Series]":
    """Return the measures that are shares of sentences, from which come their intervals: name -> slot -> yes or no.

    Args:
        row: as in `measure`; the slots are labels of its index.

    Returns:
        "target_place" and "questions"; without those that no sentence has, and empty below FEWEST valid sentences.
    """
    import pandas as pd

    valid = row[row["valid"]]
    used = valid[valid["covered"]]
    if len(valid) < FEWEST:
        return {}
    found = {"questions": valid["sentence"].map(_is_question)}
    if len(used):
        early = [_is_early(*one) for one in zip(used["word"], used["sentence"], strict=True)]
        found["target_place"] = pd.Series(early, used.index)
    return found


def opening(row: "pandas.DataFrame", bank: "pandas.DataFrame") -> dict | None:
    """Return how most of a row's sentences begin: with one word, or with two if a third of all share both.

    Args:
        row, bank: as in `measure`.

    Returns:
        `words` as in a sentence, `sentences`, the number that begin so, `of`, the number of valid ones, and `bank`, the
        number of the bank's sentences for the same slots that begin so, and `share`, that of the sentences with its
        interval over prompts, as if the words had not been picked for being the most common. None below FEWEST valid
        sentences.
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
        "share": intervals.metric_of_rate(begins, list(valid["prompt"])),
        "bank": sum(tuple(words_of(sentence)[: len(words)]) == words for sentence in beside),
    }


def is_template(sentences: int, of: int, bank: int) -> bool:
    """Return whether an opening begins a third of a row's sentences or more, and at least twice as many as the bank's.

    Args:
        sentences: number of the row's sentences that begin so.
        of: number of valid sentences of the row, and of the bank's sentences.
        bank: number of the bank's sentences that begin so.
    """
    return sentences >= FILLS * of and sentences >= TIMES_THE_BANK * bank


def frame(sentence: str) -> tuple[str, ...]:
    """Return the beginning of a sentence without its content words: "The old car was so slow" -> the, _, was, so.

    These are its first four pieces; a run of content words is one piece, and function words and punctuation marks stay.
    Frames of whole sentences would work only for short ones, since hardly two sentences of fifteen words share one.
    """
    pieces: list[str] = []
    for token in tokens(sentence):
        piece = _GAP if token[0].isalnum() and not is_function_word(token) else token
        if piece != _GAP or pieces[-1:] != [_GAP]:
            pieces.append(piece)
    return tuple(pieces[:FRAME])


def told_apart(sentences: Sequence[str], others: Sequence[str], words: Sequence[str], seed: int = 0) -> float:
    """Return how well a classifier tells two sets of sentences for the same words apart: the AUC on unseen words.

    It is a logistic regression on tf-idf of words, marks and pairs of neighbours, with a start symbol and the target
    word masked; five-fold cross-validation, with all sentences for a word in one fold, repeated three times. .5: it
    cannot tell them apart, as with another sentence of the bank for each word; 1: it always can. After the classifier
    two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545).

    Args:
        sentences: one per word.
        others: the other set, for the same words in the same order.
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
    # the texts are already split into pieces in lower case
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
    """Return the mean over a row's samples, each compared with the bank's sentences for the same slots."""
    samples = [one for _, one in valid.groupby("sample") if len(one) >= FEWEST and one["word"].nunique() > _FOLDS]
    areas = [told_apart(list(one["sentence"]), _of_bank(one, bank), list(one["word"]), seed) for one in samples]
    return float(np.mean(areas)) if areas else None


def _of_bank(slots: "pandas.DataFrame", bank: "pandas.DataFrame") -> list[str]:
    """Return the bank's sentence for each slot."""
    keys = ["prompt", "slot"]
    return list(slots[keys].merge(bank[[*keys, "sentence"]], on=keys, how="left")["sentence"].fillna(""))


def _first_words(sentences: Sequence[str]) -> float:
    return len({tuple(words_of(sentence)[:1]) for sentence in sentences}) / len(sentences)


def _shared_frames(sentences: Sequence[str]) -> float:
    frames = [frame(sentence) for sentence in sentences]
    counts = Counter(frames)
    return sum(counts[one] > 1 for one in frames) / len(frames)


def _is_question(sentence: str) -> bool:
    return sentence.rstrip("\"'”’) ").endswith("?")


def _is_early(word: str, sentence: str) -> bool:
    """Return whether the target begins as the first or second word; a target of several words takes more places."""
    return word_match.matches(word, " ".join(sentence.split()[: _EARLY - 1 + len(word.split())]))


def _pieces(word: str, sentence: str) -> list[str]:
    forms = word_match.forms(word)
    return [_START, *(_TARGET if token in forms else token for token in tokens(sentence))]
