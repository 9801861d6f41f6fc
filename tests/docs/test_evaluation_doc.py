"""docs/evaluation.md gives the thresholds that the code uses."""

import inspect

import pytest

from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.core.paths import project_root
from cefr_helpers.core.schema import MEASURE_VERSION
from cefr_helpers.data import banks
from cefr_helpers.evaluation import (
    bank_levels,
    baselines,
    cloze,
    intervals,
    level_features,
    level_scorers,
    metrics,
    summary,
    variety,
)
from cefr_helpers.models import generation
from cefr_helpers.notes import observations, verdicts
from cefr_helpers.pipeline import configuration
from cefr_helpers.rendering import locale
from cefr_helpers.text import grammar, ngrams

IN_WORDS = dict(enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1))


def fewest_prompts(levels: int) -> int:
    """The smallest number of prompts with which notes and report give no warning about too few."""
    words = locale.load_locale("en")
    return next(n for n in range(2, 20) if verdicts.few_prompts(n, levels, words) is None)


def worst(level: str) -> int:
    return max(number(level) - 1, len(LEVELS) - number(level)) ** 2


def resamples(function) -> int:
    return inspect.signature(function).parameters["resamples"].default


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join((project_root() / "docs" / "evaluation.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "said",
    [
        f"at most {metrics.TOLERANCE} from the requested level",
        f"Of Harper's rules {IN_WORDS[len(grammar.MISFIRING)]} are left out",
        f"The gates have a version, {MEASURE_VERSION} at present",
        f"the first {IN_WORDS[baselines.N_SHOTS]} training examples and their answers",
        f"after the first words of the first {IN_WORDS[baselines.N_ONE_WORD_SHOTS]} training examples",
        f"at most {baselines.ONE_WORD_TOKENS} new tokens per word",
        f"{cloze.OTHERS} other words of its level",
        f"at temperature {generation.TEMPERATURE}",
        f"runs of {IN_WORDS[ngrams.GRAM]} words",
        f"means over {IN_WORDS[ngrams._DRAWS]} random choices",
        f"Rows with fewer than {IN_WORDS[summary._FEWEST_TO_COMPARE]} are left out",
        f"out of {len(level_features.FEATURES)} features",
        f"the {len(level_features.FREE_FEATURES)} that do not grow",
        f"({IN_WORDS[level_scorers.FOLDS]}, if the bank has that many groups)",
        f"differ by more than {observations.AGREE_WITHIN:.0%}",
        f"bootstrap over whole examples, {resamples(intervals.paired_difference):,} resamples",
        f"bootstrap-t over whole prompts, {resamples(intervals.paired_cluster_difference):,} resamples",
        f"none below {IN_WORDS[intervals._FEWEST_EXAMPLES]} examples",
        f"all flips up to {intervals._ALL_FLIPS_UP_TO} prompts, else {intervals._FLIPS:,} with",
        f"p is below {verdicts.SURE:.2f}".replace("0.", "."),
        f"one level needs at least {IN_WORDS[fewest_prompts(1)]} prompts",
        f"two or three levels in a report need {IN_WORDS[fewest_prompts(2)]} each",
        f"four or five {IN_WORDS[fewest_prompts(4)]};",
        f"with more than {bank_levels.MOST} sentences per level, {bank_levels.MOST} that the seed draws",
        f"`human_within_one`: at most {metrics.HUMAN_TOLERANCE} from it",
        f"{worst('A1')} at A1 and C1, {worst('B2')} at A2 and B2, {worst('B1')} at B1",
    ],
)
def test_the_page_has_the_thresholds_of_the_code(page, said):
    assert said in page


def test_the_bundled_banks_c1_sentences_read_as_the_pages_say(page):
    bank = banks.read_all({"C1": banks.find("bundled", "C1")["C1"]})["C1"]
    placed = bank_levels.of_bank("C1", bank, configuration.read({}).seed).in_words()
    said, of = placed.split(" (500 of ")
    assert said in page and of == "the 3,000 sentences were scored)."
    own_bank = (project_root() / "docs" / "own_bank.md").read_text(encoding="utf-8")
    assert said.split(";")[0] in own_bank


def test_levels_that_the_page_takes_together_need_the_same(page):
    assert fewest_prompts(2) == fewest_prompts(3)
    assert fewest_prompts(4) == fewest_prompts(5)
    assert worst("A1") == worst("C1") and worst("A2") == worst("B2")


def test_every_row_gate_and_measure_is_named(page):
    text = locale.phrases("en")["generation"]
    named = [text["measures"][gate] for gate in summary.GATES]
    named += [text["measures"][key] for key in ("control_error", "bias", "exact_accuracy", "above_level_share")]
    named += [text["measures"][key] for key in ("distinct_2", "self_bleu", "gzip_ratio", "ngrams_in_training")]
    named += ["`human_within_one`", *(f"`{key}`" for key in summary.MEAN_LEVELS)]
    named += [text["rows"][row] for row in ("base_three_examples", "base_one_word")]
    named += [text["measures"][key] for key in (*variety.MEASURES, *cloze.MEASURES)]
    assert [name for name in named if name.lower() not in page.lower()] == []
