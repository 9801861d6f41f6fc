"""Decide whether a sentence is fluent English, by three statistics of the bundled language model.

Grammar checkers let shuffled words and unsuitable forms pass; one pass of a small model detects them. It is always the
bundled model, whatever is tuned, and it learns nothing from a user's bank, so the measure is the same in all runs. It
cannot tell sense from nonsense. fluency.json has the limits, and docs/evaluation.md the quality; tools/measure_gates.py
makes both.
"""

import json
import math
from collections.abc import Iterable, Sequence, Set
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cefr_helpers.core import files
from cefr_helpers.evaluation import bundled_model
from cefr_helpers.models import base_model
from cefr_helpers.text.tokens import words_of

if TYPE_CHECKING:
    from cefr_helpers.evaluation.baseline_cache import BaselineCache

FILE = Path(__file__).with_name("fluency.json")
STATISTICS = ("association", "local", "form")
_SPACE = "Ġ"  # how the bundled model's tokenizer writes the space before a word
_WINDOW = 3
_RAREST_ZIPF = 1.0  # for words that are not listed
_NO_OTHER_FORM = 5.0
_FORMS_OF = {
    word: frozenset(forms)
    for forms in map(str.split, ("am is are was were be been being", "have has had having", "do does did done doing"))
    for word in forms
}


_KNOWN: dict[str, "Fluency"] = {}  # cache of this process: rows share sentences, and the model is slow


class Fluency(NamedTuple):
    """The model's statistics of a sentence, in nats; higher values mean more fluent English.

    Attributes:
        association: how much likelier each word is in its place than anywhere, mean over the words (SLOR; Lau, Clark
            and Lappin 2017).
        local: the same summed over three neighbouring words, at the worst place.
        form: log-ratio of own to other form, for the word whose other form ("go" for "went") is likeliest.
    """

    association: float
    local: float
    form: float


class _Word(NamedTuple):
    text: str
    log_probability: float
    other_form: float | None


def fluent(sentences: Iterable[str | None]) -> list[bool]:
    """Return for each sentence whether all statistics reach the limit for its length; None is not fluent.

    A mean varies more over few words, and an extreme over many, so each limit depends on the length.
    """
    sentences = list(sentences)
    _learn({one for one in sentences if one})
    return [not below_limit(one, _KNOWN[one]) if one else False for one in sentences]


def keep(sentences: Iterable[str], kept: "BaselineCache") -> None:
    """Measure sentences for `fluent`, or read their statistics if an earlier process kept those of the same sentences.

    Args:
        sentences: such as those of one row of a comparison: what the base says is the same in the next run.
        kept: the cache of the base's results; its key has the machine and the versions of torch and transformers.
    """
    asked = sorted({one for one in sentences if one})

    def measured() -> list[Fluency]:
        _learn(asked)
        return [_KNOWN[one] for one in asked]

    found = kept.result("fluency", [{"sentence": one} for one in asked], _judged_by(), measured)
    _KNOWN.update((one, Fluency(*statistics)) for one, statistics in zip(asked, found, strict=True))


def learn(sentence: str, reading: bundled_model.Reading) -> None:
    """Measure a sentence that was read for something else, so that `fluent` need not read it again."""
    _KNOWN[sentence] = _of_reading(reading)


def _judged_by() -> dict:
    """Return what decides a sentence's statistics besides the sentence and the key of `BaselineCache`."""
    return {
        "model": base_model.BUNDLED_SHA256,
        "code": [files.sha256(Path(one)) for one in (__file__, bundled_model.__file__)],
        "versions": {name: metadata.version(name) for name in ("tokenizers", "lemminflect", "wordfreq")},
    }


def _learn(sentences: Iterable[str]) -> None:
    new = sorted(set(sentences) - _KNOWN.keys())
    _KNOWN.update(zip(new, measure(new), strict=True))


def below_limit(sentence: str, fluency: Fluency) -> list[str]:
    """Return which of STATISTICS are below the limit for a sentence of this length."""
    lengths = length_terms(sentence)
    return [name for name, (start, slope) in limits().items() if getattr(fluency, name) < start + slope * lengths[name]]


def length_terms(sentence: str) -> dict[str, float]:
    """Return statistic -> the function of the sentence's length in which its limit is linear."""
    words = max(len(words_of(sentence)), 1)
    return {"association": words**-0.5, "local": math.log(words), "form": math.log(words)}


@cache
def limits() -> dict[str, tuple[float, float]]:
    """Return statistic -> intercept and slope of its limit."""
    return {name: tuple(json.loads(FILE.read_text(encoding="utf-8"))["limits"][name]) for name in STATISTICS}


@cache
def quality() -> dict[str, dict]:
    """Return how the gates judge the bundled bank: set or kind of mistake -> shares (tools/measure_gates.py)."""
    return json.loads(FILE.read_text(encoding="utf-8"))["quality"]


def gate_quality() -> dict[str, float]:
    """Return shares of the bundled bank's sentences: `right` ones that pass the grammar gate, wrong ones it stops."""
    right = [row["grammar_clean"] for name, row in quality()["right"].items() if name.startswith("bank")]
    mistakes, shuffled = (quality()["mistakes"][kind]["both"] for kind in ("all but shuffled words", "shuffled words"))
    return {"right": round(sum(right) / len(right), 4), "mistakes": mistakes, "shuffled": shuffled}


def measure(sentences: Sequence[str]) -> list[Fluency]:
    """Return the statistics of each sentence."""
    found = {place: _of_reading(one) for place, one in bundled_model.read(sentences)}
    return [found[place] for place in range(len(sentences))]


def _of_reading(one: bundled_model.Reading) -> Fluency:
    return _statistics(_joined(one.pieces, one.ids, one.log_probabilities))


def _statistics(words: list[_Word]) -> Fluency:
    import numpy as np

    spoken = [word.text[0].isalnum() for word in words]
    gains = [
        word.log_probability - _anywhere(word.text) if said else 0.0 for word, said in zip(words, spoken, strict=True)
    ]
    window = np.convolve(gains, np.ones(_WINDOW), "valid") if len(gains) >= _WINDOW else [sum(gains)]
    others = [word.other_form for word in words if word.other_form is not None]
    return Fluency(sum(gains) / max(sum(spoken), 1), float(min(window)), -max(others, default=-_NO_OTHER_FORM))


def _joined(pieces: list[str], ids: list[int], table) -> list[_Word]:
    """Join the tokenizer's pieces to words; `table` has the log-probabilities of all tokens at each position."""
    own = table[range(len(ids)), ids].tolist()
    starts = [
        i
        for i, piece in enumerate(pieces)
        if i == 0 or piece.startswith(_SPACE) or not piece[:1].isalpha() or not pieces[i - 1][-1:].isalpha()
    ]
    words = []
    for first, end in zip(starts, [*starts[1:], len(pieces)], strict=True):
        others = list(_other_forms(pieces[first])) if end == first + 1 else []
        better = table[first, others].max().item() - own[first] if others else None
        text = "".join(pieces[first:end]).removeprefix(_SPACE) or " "
        words.append(_Word(text, sum(own[first:end]), better))
    return words


@cache
def _other_forms(piece: str) -> tuple[int, ...]:
    """Return the tokens of the other inflections of a word that is one token."""
    _, tokenizer = bundled_model.load()
    word = piece.removeprefix(_SPACE)
    if not word.isalpha():
        return ()
    lead = " " if piece.startswith(_SPACE) else ""
    forms = (form.capitalize() if word[0].isupper() else form for form in _inflections(word.lower()))
    found = (tokenizer(lead + form, add_special_tokens=False).input_ids for form in sorted(forms))
    return tuple(ids[0] for ids in found if len(ids) == 1)


def _inflections(word: str) -> Set[str]:
    from lemminflect import getAllInflections, getAllLemmas

    if word in _FORMS_OF:
        return _FORMS_OF[word] - {word}
    heads = [(head, kind) for kind, found in getAllLemmas(word).items() if kind in ("VERB", "NOUN") for head in found]
    inflected = (forms for head, kind in heads for forms in getAllInflections(head, kind).values())
    return {form for forms in inflected for form in forms} - {word}


@cache
def _anywhere(word: str) -> float:
    """Return the log-probability of a word without context."""
    from wordfreq import zipf_frequency

    return math.log(10) * (max(zipf_frequency(word.lower(), "en"), _RAREST_ZIPF) - 9)
