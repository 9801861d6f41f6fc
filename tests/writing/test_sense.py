"""The ranking of candidates that readers' votes taught, its file, and its table in docs/evaluation.md."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cefr_helpers.core import files, progress
from cefr_helpers.evaluation import bundled_model, fluency
from cefr_helpers.writing import sense
from tools import fit_sense, marked_parts

PRINTABLE = ["We put the old lamp next to the sofa.", "The train was late because of the heavy snow."]
NONSENSE = ["We put the old lamp inside of its own number.", "The train was late to be the opinion of the soup."]


def test_sense_ranks_before_nonsense():
    odds = sense.log_odds([*PRINTABLE, *NONSENSE])
    assert min(odds[:2]) > max(odds[2:])


def test_a_sentence_gets_the_same_in_any_company_and_a_blank_one_the_least():
    [alone] = sense.log_odds(PRINTABLE[:1])
    together = sense.log_odds([" ", *NONSENSE, *PRINTABLE])
    assert together[3] == pytest.approx(alone, abs=1e-3) and together[0] == -math.inf
    assert sense.log_odds([]) == []


def test_one_pass_of_the_model_serves_the_ranking_and_the_gates(monkeypatch):
    sentences = ["Her new lamp is taller than the door.", "Door the lamp than taller her is new."]
    expected = [not fluency.below_limit(*one) for one in zip(sentences, fluency.measure(sentences), strict=True)]
    sense.log_odds(sentences)
    monkeypatch.setattr(bundled_model, "_read_batch", None)
    assert fluency.fluent(sentences) == expected == [True, False]


def test_probability_by_hand():
    assert [sense.probability(one) for one in (0.0, math.log(3), -math.inf)] == pytest.approx([0.5, 0.75, 0.0])


def test_the_fit_finds_what_separates_votes():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(2000, 12)) * 5 + 3
    printable = (rows[:, 2] + rng.normal(size=2000) > 3).astype(int)
    intercept, coefficients = fit_sense.fit(rows, printable)
    assert np.argmax(np.abs(coefficients)) == 2
    assert roc_auc_score(printable, intercept + rows @ coefficients) > 0.9


def test_quality_by_hand():
    votes = pd.DataFrame({"level": "A2", "word": ["dog"] * 3 + ["cat"] * 2, "printable": [1, 0, 0, 1, 1]})
    found = fit_sense.quality(votes, {"sense": np.array([0.5, 0.9, 0.1, 0.8, 0.7])})["A2"]
    assert (found["n"], found["words"], found["printable"]) == (5, 2, 0.6)
    # pairs over all: .5 beats .1 only, .8 and .7 beat .1 only; within a word: one of two; each word's best: no, yes
    assert found["sense"] == pytest.approx({"auc": 3 / 6, "within": 1 / 2, "best": 1 / 2})


def test_the_shipped_weights_are_those_of_the_shipped_votes():
    shipped = json.loads(sense.FILE.read_text())
    assert shipped["votes"]["sha256"] == files.sha256(fit_sense.VOTES)
    page = fit_sense.PAGE.read_text()
    assert marked_parts.replace(page, fit_sense.START, fit_sense.END, fit_sense.table(shipped["quality"])) == page
    for level in shipped["quality"].values():  # otherwise likelihood alone should rank
        assert level["sense"]["auc"] > level["likelihood"]["auc"]


@pytest.mark.slow
def test_a_fit_to_the_shipped_votes_gives_the_shipped_weights():
    votes = fit_sense.read_votes()
    rows = sense.features(list(votes["sentence"]))
    intercept, coefficients = fit_sense.fit(rows, votes["printable"].to_numpy())
    again = intercept + rows @ coefficients
    assert again == pytest.approx(np.array(sense.log_odds(list(votes["sentence"]))), abs=0.02)


def test_reading_many_sentences_shows_progress(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", 0)
    sentences = [f"We saw {number} boats on the river." for number in range(20)]
    assert sorted(place for place, _ in bundled_model.read(sentences)) == list(range(20))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"{done} of 20 sentences read" for done in (16, 20)]
