"""Rank a tuned model's sentences by how likely a reader would print them, learnt from a reader's votes.

A logistic regression over hidden states and likelihoods of the bundled language model. It ranks the candidates of one
word and is no measure of sense: it gives the bank's own sentences, which readers print, low values, because they are
more unusual than what a small model writes. sense.json has the weights and their quality; tools/fit_sense.py makes it.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import required
from cefr_helpers.evaluation import bundled_model, fluency

if TYPE_CHECKING:
    import numpy as np

FILE = Path(__file__).with_name("sense.json")
LAYER = 20  # of 30; docs/lab_log.md says how others did


def log_odds(sentences: Sequence[str]) -> list[float]:
    """Return for each sentence the estimated log-odds that a reader would print it; a blank one gets minus infinity."""
    import numpy as np

    known = _weights()
    there = [place for place, sentence in enumerate(sentences) if sentence.strip()]
    found = [-math.inf] * len(sentences)
    rows = features([sentences[place] for place in there])
    for place, value in zip(there, known["intercept"] + rows @ np.array(known["coefficients"]), strict=True):
        found[place] = float(value)
    return found


def probability(log_odds: float) -> float:
    """Return the probability with these log-odds."""
    return 0.5 + 0.5 * math.tanh(log_odds / 2)  # overflows nowhere


def features(sentences: Sequence[str]) -> "np.ndarray":
    """Return the features of each sentence; `fluency` learns its statistics from the same pass of the model.

    Returns:
        (sentences, 2 * hidden size + 4): the mean of the hidden states over the tokens, those of the last token, and of
        the tokens' log-probabilities mean, sum and minimum, and the number of tokens.
    """
    import numpy as np

    size = bundled_model.load()[0].config.hidden_size
    rows = np.empty((len(sentences), 2 * size + 4))
    for place, one in bundled_model.read(sentences, LAYER):
        fluency.learn(sentences[place], one)
        own = one.log_probabilities[range(len(one.ids)), one.ids].double().numpy()
        hidden = required(one.hidden).double().numpy()
        rows[place] = [*hidden.mean(0), *hidden[-1], own.mean(), own.sum(), own.min(), len(own)]
    return rows


@cache
def _weights() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))
