"""What a note says by rule: the verdict on likelihood, remarks on the course of training, observations."""

import hand_made_records
import pytest
from hand_made_notes import note
from hand_made_records import change

from cefr_helpers.notes import observations
from cefr_helpers.rendering import locale


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.63, -0.55, "**The tuned model predicts the reference answers better than its base**"),
        (0.10, 0.20, "**The tuned model predicts the reference answers worse than its base**"),
        (-0.10, 0.02, "**No difference between tuned model and base shown at n = 24**"),
        (-0.10, 0.0, "**No difference between tuned model and base shown at n = 24**"),
        (None, None, "**No interval is recorded, so whether the tuned model predicts better"),
    ],
)
def test_the_verdict_says_better_only_where_the_interval_excludes_zero(low, high, said):
    records = hand_made_records.level_records()
    change(records.comparison.results.completion.difference, low=low, high=high)
    text = observations.verdict(records, locale.load_locale("en"))
    assert text.startswith(said)
    assert ("better than its base**" in text) == (high is not None and high < 0)


@pytest.mark.parametrize(
    ("records", "seen"),
    [
        (
            hand_made_records.level_records(),
            "ölçüm, ne eğitimin ne de kontrol noktası seçiminin gördüğü test kelimeleriyle yapıldı (eğitimde de geçen "
            "hedef kelimeler: %0,0; cümleler: %0,0).",
        ),
        (
            hand_made_records.before_dev(),
            "ölçüm, eğitimin dışında tutulan kelimelerle yapıldı (eğitimde de geçen hedef kelimeler: %0,0; cümleler: "
            "%0,0).",
        ),
    ],
)
def test_the_verdict_in_full(records, seen):
    assert observations.verdict(records, locale.load_locale("tr")) == (
        "**İnce ayarlı model, referans yanıtları temel modelden daha iyi öngörüyor**: yanıt kaybı 2,392 → 1,801 "
        "nat/token (azalma: %24,7), perplexity 10,94 → 6,06 (azalma: %44,6); fark −0,591 nat/token, %95 güven aralığı "
        f"[−0,634; −0,551], n = 24 örnek; {seen}"
    )


@pytest.mark.parametrize(
    ("overlap", "said"),
    [
        (0.94, "this shows memory, not skill"),
        (0.3, "30.0% of the sentences are in training too"),
        (0.0, "neither training nor"),
    ],
)
def test_the_verdict_says_what_training_had_seen(overlap, said):
    records = hand_made_records.level_records(split="examples" if overlap else "words", overlap=overlap)
    assert said in observations.verdict(records, locale.load_locale("en"))


def test_without_comparison_or_evaluation_the_verdict_claims_nothing():
    words = locale.load_locale("en")
    records = hand_made_records.training_alone()
    expected = "No comparison with the base model is recorded; best evaluation loss 1.801 nats per token at step 45"
    assert observations.verdict(records, words).startswith(expected)
    change(records.training.results, history=[], best=None)
    assert observations.verdict(records, words) == "No comparison with the base model and no evaluation is recorded."


def remarks(losses: list[float]) -> list[list[str]]:
    records = hand_made_records.training_alone()
    history = [{"step": 10 * n, "epoch": float(n), "eval_loss": loss} for n, loss in enumerate(losses, 1)]
    change(records.training.results, history=history, best=None)
    return [row["remarks"] for row in observations.progress_rows(records)]


def test_remarks_by_rule():
    assert remarks([2.0, 1.7, 1.65, 1.6499, 1.5, 1.52, 1.7, 1.6]) == [
        ["first"],
        ["fast"],
        ["improving"],
        ["unchanged"],
        ["best"],
        ["slight_rise"],
        ["rise"],
        ["falling_again", "last"],
    ]
    assert remarks([2.0]) == [["first", "best"]]
    assert remarks([2.0, 1.9]) == [["first"], ["best", "last"]]


def test_long_courses_are_thinned_but_keep_first_best_and_last():
    losses = [3.0 - 0.01 * n for n in range(70)] + [2.31 + 0.001 * n for n in range(1, 31)]
    records = hand_made_records.training_alone()
    history = [{"step": n, "epoch": n / 10, "eval_loss": loss} for n, loss in enumerate(losses, 1)]
    change(records.training.results, history=history, best=None)
    rows = observations.thin_rows(observations.progress_rows(records))
    assert len(rows) <= observations.MOST_ROWS
    assert [row["step"] for row in rows if {"first", "best", "last"} & set(row["remarks"])] == [1, 70, 100]
    assert f"The table shows {len(rows)} of 100 evaluations" in note(records)


def test_observations_name_their_figures_and_follow_the_rules():
    words = locale.load_locale("en")
    records = hand_made_records.level_records()
    said = observations.of_level(records, words)
    assert any("rises to 1.806 at step 60, while the training loss goes from 1.743 to 1.693" in text for text in said)
    assert not any("memory" in text or "were cut" in text or "differ by" in text for text in said)
    change(records.dataset.results.tokens.train, truncated=7)
    change(records.training.results, history=[row for row in records.training.results.history if row.step <= 45])
    said = observations.of_level(records, words)
    assert "7 of 240 training examples are longer than 512 tokens and were cut." in said
    assert any(text.startswith("The best evaluation is the last one (step 45, loss 1.801)") for text in said)


def test_levels_are_told_apart_only_where_intervals_do_not_overlap():
    words = locale.load_locale("en")
    a2, b2 = hand_made_records.level_records("A2"), hand_made_records.level_records("B2")
    assert (
        "they overlap; no difference between the levels shown at n = 24 and 24"
        in observations.across({"A2": a2, "B2": b2}, words)[0]
    )
    weaker = {"estimate": -0.3, "low": -0.4, "high": -0.2, "resamples": 10_000}
    change(a2.comparison.results.completion, difference=weaker)
    first = observations.across({"A2": a2, "B2": b2}, words)[0]
    assert "[−0.634, −0.551] at B2 and [−0.400, −0.200] at A2" in first
    assert "they do not overlap, so the completion loss fell further at B2" in first
    assert observations.across({"B2": b2}, words) == []
