"""The number of votes needed for an answer, against published numbers and a simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from cefr_helpers.rating import sample_size


@pytest.mark.parametrize(("share", "words"), [(0.7, 47), (0.65, 85), (0.6, 194), (0.3, 47), (0.5, None)])
def test_a_preference(share, words):
    assert sample_size.words_for_share(share) == words


def test_a_preference_of_that_many_words_is_found_four_times_in_five():
    wins = np.random.default_rng(0).binomial(47, 0.7, size=2000)
    by_wins = {n: binomtest(int(n), 47).pvalue < sample_size.SURE for n in set(wins)}
    # the exact test is a little more careful than the formula's
    assert 0.74 <= np.mean([by_wins[n] for n in wins]) <= 0.84


@pytest.mark.parametrize(
    ("difference", "mean_square", "words"),
    # d = .2, s = .4: ((1.95996 * .63246 + .84162 * .6) / .2)^2 = 76.07; no word against it: s = d
    [(0.2, 0.4, 77), (-0.2, 0.4, 77), (0.5, 0.5, 14), (0.0, 0.3, None)],
)
def test_a_difference(difference, mean_square, words):
    assert sample_size.words_for_difference(difference, mean_square) == words
