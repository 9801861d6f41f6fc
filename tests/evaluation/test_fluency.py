"""Fluency, the mistakes made by rule that it is measured with, and the tables of the gates in docs/evaluation.md."""

import random

import numpy as np
import pandas as pd
import pytest

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import project_root
from cefr_helpers.evaluation import fluency
from cefr_helpers.evaluation.baseline_cache import BaselineCache
from cefr_helpers.text import grammar
from tools import made_mistakes, marked_parts, measure_gates

RIGHT = [
    "The children walked to the station because the last bus was late.",
    "Where is the station?",
    "She was desperate to get out of the room.",
    "May I borrow your blue umbrella?",
    "Not everyone agrees.",
]
WRONG = [
    "Late the because was station to bus last children the walked the.",
    "Station the is where?",
    "The children walks to the station every day.",
    "She did not went to school yesterday.",
    "They has go home.",
]


def test_english_is_fluent_and_salad_and_wrong_forms_are_not():
    assert fluency.fluent([*RIGHT, None, ""]) == [True] * len(RIGHT) + [False, False]
    assert fluency.fluent(WRONG) == [False] * len(WRONG)


def test_each_statistic_sees_its_own():
    right, salad, form = fluency.measure([RIGHT[0], WRONG[0], WRONG[3]])
    assert right.association > salad.association + 1 and right.local > salad.local
    assert right.form > form.form + 2  # "go" is far likelier than "went" there
    assert fluency.below_limit(WRONG[3], form) == ["form"]
    assert "association" in fluency.below_limit(WRONG[0], salad)


def test_a_sentence_gets_the_same_in_any_company():
    alone = fluency.measure([RIGHT[1]])[0]
    together = fluency.measure([*WRONG, *RIGHT])[len(WRONG) + 1]
    assert together == pytest.approx(alone, abs=1e-3)


def test_what_is_no_word_is_no_error():
    assert len(fluency.measure(["…", "42", "Ünlü değil 😀!", "a"])) == 4


def test_what_was_kept_is_not_measured_again_and_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fluency, "_KNOWN", {})
    asked = []

    def measure(sentences):
        asked.extend(sentences)
        return [fluency.Fluency(len(one) / 7, -1.5, 0.1 + 0.2) for one in sentences]

    monkeypatch.setattr(fluency, "measure", measure)
    kept = BaselineCache({"weights": "none"})
    fluency.keep([RIGHT[0], "", RIGHT[1], RIGHT[0]], kept)
    first = dict(fluency._KNOWN)
    assert asked == sorted(RIGHT[:2]) and kept.reused == []
    fluency._KNOWN.clear()  # another process
    fluency.keep(RIGHT[:2], kept)
    assert first == fluency._KNOWN and asked == sorted(RIGHT[:2]) and kept.reused == ["fluency"]
    fluency.keep(RIGHT[1:3], kept)  # other sentences: of these, one is new
    assert asked == [*sorted(RIGHT[:2]), RIGHT[2]]
    assert fluency.fluent(RIGHT[:3]) == [not fluency.below_limit(one, fluency._KNOWN[one]) for one in RIGHT[:3]]
    assert len(asked) == 3


@pytest.mark.parametrize("changed", ["BUNDLED_SHA256", "version", "sha256"])
def test_what_another_model_version_or_code_said_is_measured_again(changed, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fluency, "measure", lambda sentences: [fluency.Fluency(1.0, 1.0, 1.0) for _ in sentences])
    kept = BaselineCache({"weights": "none"})
    fluency.keep(RIGHT, kept)
    owner = {"BUNDLED_SHA256": fluency.base_model, "version": fluency.metadata, "sha256": fluency.files}[changed]
    monkeypatch.setattr(owner, changed, "other" if changed == "BUNDLED_SHA256" else lambda of: "other")
    fluency.keep(RIGHT, kept)
    assert kept.reused == []


RIGHT_BANK = project_root().parent / "shared" / "cases" / "right_bank_of_40_words.csv"


@pytest.mark.parametrize(
    "path",
    [
        project_root() / "docs" / "tutorial_words.csv",
        pytest.param(
            RIGHT_BANK,
            marks=[pytest.mark.slow, pytest.mark.skipif(not RIGHT_BANK.is_file(), reason="no case files here")],
        ),
    ],
    ids=lambda path: path.stem,
)
def test_a_right_bank_of_a_few_words_passes_its_own_gates(path):
    """A judge that had learnt from a user's few sentences rejected half of them."""
    sentences = list(pd.read_csv(path)["sentence"])
    both = np.array(grammar.clean(sentences)) & np.array(fluency.fluent(sentences))
    assert len(sentences) >= 40 and both.mean() >= 0.95


@pytest.mark.parametrize(
    ("kind", "sentence", "wrong"),
    [
        ("article", "He has a dog.", {"He has an dog.", "He has dog."}),
        ("article", "We saw our aunt.", {"We saw the our aunt."}),
        ("article", "Few people came.", set()),
        ("agreement", "She likes tea.", {"She like tea."}),
        ("agreement", "They are here.", {"They is here."}),
        ("agreement", "If he was here, I would ask.", set()),
        ("agreement", "I took these books.", {"I took these book."}),
        ("tense", "He did not go home.", {"He did not went home."}),
        ("tense", "She has gone home.", {"She has go home."}),
        ("tense", "We ate rice yesterday.", {"We eat rice yesterday."}),
        ("word order", "Where are you going?", {"Where you are going?"}),
        ("word order", "He is in the car.", {"He is the in car.", "He is in car the."}),
        ("missing word", "She was ashamed of her lack of money.", {
            "She ashamed of her lack of money.", "She was ashamed her lack of money."}),
        ("missing word", "I want to go.", {"I want go."}),
        ("missing word", "Sit down.", set()),
    ],
)  # fmt: skip
def test_mistakes_by_rule(kind, sentence, wrong):
    assert set(made_mistakes.KINDS[kind](sentence)) == wrong
    assert made_mistakes.made(sentence, kind, random.Random(1)) in (wrong or {None})


def test_shuffled_words_are_the_same_words():
    sentence = "I saw the old bridge there."
    found = made_mistakes.made(sentence, "shuffled words", random.Random(1))
    assert found != sentence and found[0].isupper() and found.endswith(".")
    assert sorted(found[:-1].lower().split()) == sorted(sentence[:-1].lower().split())


def test_the_page_has_the_tables_of_the_shipped_figures():
    page = measure_gates.PAGE.read_text(encoding="utf-8")
    for name, table in measure_gates.tables(fluency.quality()).items():
        start, end = measure_gates.START.format(name), measure_gates.END.format(name)
        assert marked_parts.replace(page, start, end, table) == page


def test_the_shipped_figures_are_of_every_level_and_kind():
    quality = fluency.quality()
    assert {f"bank, {level}" for level in LEVELS} < set(quality["right"])
    assert set(quality["mistakes"]) == {*measure_gates.MISTAKES, "all but shuffled words"}
    assert quality["mistakes"]["shuffled words"]["both"] >= 0.95
    assert min(row["grammar_clean"] for name, row in quality["right"].items() if name.startswith("bank")) >= 0.9


@pytest.mark.slow
def test_the_limits_are_those_of_the_fit():
    all_banks, split = measure_gates.held_out_half()
    assert fluency.limits() == {
        name: pytest.approx(limit, abs=0.02) for name, limit in measure_gates.fit(all_banks, split).items()
    }
