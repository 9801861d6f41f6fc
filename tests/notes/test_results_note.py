"""Notes and report: exact tables, numbers read back, rules, missing levels, escaping, both languages in step."""

import csv
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import hand_made_records
import pytest
from hand_made_notes import WORKSPACE, by_level, nasty_records, note, tokens
from hand_made_records import write_records

from cefr_helpers.core import paths
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.core.schema import LevelRecords, above_floor, find, read_level, read_levels
from cefr_helpers.notes import final_report, level_tables, observations, results_note, sections, verdicts
from cefr_helpers.rendering import escaping, locale, tables

NUMBER = re.compile(r"−?\d+(?:[.,:]\d+)*(?:e-?\d+)?")


def lines(text: str) -> list[str]:
    return text.splitlines()


# The reference note's figures, to the digit

REFERENCE = {
    "en": [
        "| Training time | 6:30 |",
        "| Steps | 290 (29 an epoch; epochs: 10) |",
        "| Training loss | 1.83 → 0.28 (reduction 84.7%) |",
        "| Evaluation loss | 0.61 → 0.34 at best (reduction 44.3%), 0.35 at the end |",
        "| Best evaluation | 0.34 at step 200, epoch 6.90 |",
        "| Examples | training 1,800, evaluation 200 |",
        "| Rank | 128 |",
        "| Alpha | 256 |",
        "| Dropout | 0.05 |",
        "| Examples a step | 64 |",
        "| Learning rate | 2e-4 |",
        "| Optimizer | `adamw_8bit` |",
        "| 0.34 | 10 | 1.83 | — | start |",
        "| 1.72 | 50 | 0.72 | 0.61 | first evaluation |",
        "| 3.45 | 100 | 0.48 | 0.42 | fast improvement |",
        "| 5.17 | 150 | 0.38 | 0.36 | fast improvement |",
        "| 6.90 | 200 | 0.32 | 0.34 | best |",
        "| 8.62 | 250 | 0.29 | 0.35 | slight rise |",
        "| 10.00 | 290 | 0.28 | — | last |",
        "| Completion: loss, nats a token | 2.34 | 0.65 | 72.2% |",
        "| Completion: perplexity | 10.33 | 1.91 | 81.5% |",
        "| B2 | 72.2% | 81.5% | 6:30 | 0.34 | 6.90 | 0.27 |",
    ],
    "tr": [
        "| Eğitim süresi | 6:30 |",
        "| Adımlar | 290 (epok başına 29; toplam 10 epok) |",
        "| Eğitim kaybı | 1,83 → 0,28 (azalma: %84,7) |",
        "| Değerlendirme kaybı | 0,61 → en iyi 0,34 (azalma: %44,3), sonda 0,35 |",
        "| En iyi değerlendirme | 0,34 (adım 200, epok 6,90) |",
        "| Örnekler | eğitim: 1.800, değerlendirme: 200 |",
        "| Rank | 128 |",
        "| Dropout | 0,05 |",
        "| Adım başına örnek | 64 |",
        "| 0,34 | 10 | 1,83 | — | başlangıç |",
        "| 1,72 | 50 | 0,72 | 0,61 | ilk değerlendirme |",
        "| 3,45 | 100 | 0,48 | 0,42 | hızlı iyileşme |",
        "| 6,90 | 200 | 0,32 | 0,34 | en iyi |",
        "| 8,62 | 250 | 0,29 | 0,35 | hafif artış |",
        "| Yanıt: kayıp, nat/token | 2,34 | 0,65 | %72,2 |",
        "| Yanıt: perplexity | 10,33 | 1,91 | %81,5 |",
        "| B2 | %72,2 | %81,5 | 6:30 | 0,34 | 6,90 | 0,27 |",
    ],
}


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_reference_notes_figures_come_out_to_the_digit(language):
    shown = lines(note(hand_made_records.reference_b2(), language))
    assert [line for line in REFERENCE[language] if line not in shown] == []


def test_the_reference_notes_contradictions_are_named():
    text = note(hand_made_records.reference_b2())
    assert "(0.34) and the comparison's tuned loss (0.65) differ by 91.18%" in text
    assert "The best model is that of step 200 (epoch 6.90), with an evaluation loss of 0.34" in text
    assert "step 200, loss 0.34) the evaluation loss rises to 0.35 at step 250" in text
    assert "whether the tuned model predicts better than its base stays open" in text
    assert "94.0% are in the training examples too: this shows memory, not skill" in text
    assert len(set(re.findall(r"step (\d+)[ ,](?:\(epoch|epoch)", text))) == 1


# Every number is found in its record

PARAMETERS = 134_515_008 + 9_768_960
FIXED = {"95", "4", "16", "32", "2", "3", "1", "0"}  # 95 % intervals, "4 bits", headings "Prompt 2"; "B2"


def numbers_of(value, words) -> set[str]:
    """Every way in which a note may write the numbers of a record."""
    if isinstance(value, dict):
        return set().union(*(numbers_of(part, words) for part in value.values()), set())
    if isinstance(value, list):
        return set().union(*(numbers_of(part, words) for part in value), set())
    if isinstance(value, str):
        return set(NUMBER.findall(value)) | set(NUMBER.findall(escaping.markdown(value)))
    if value is None or isinstance(value, bool):
        return set()
    ways = [locale.plain(value, words), locale.percent(value, words), locale.share(value, words)]
    ways += [locale.decimal(value, places, words) for places in range(4)] + [locale.gigabytes(value, words)]
    ways += [locale.percent(100 * value, words, 2), locale.decimal(100 * value, 1, words)]
    ways += [locale.duration(abs(value), words)]
    return {number for way in ways for number in NUMBER.findall(way)}


def numbers_in(text: str) -> set[str]:
    """The numbers of a note but for its file tree and code, which hold names."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)
    text = re.sub(r"&#\d+;|\b[ABC][12]\b", "", text)
    return set(NUMBER.findall(text))


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize(
    "make", [hand_made_records.level_records, hand_made_records.with_answers, hand_made_records.reference_b2]
)
def test_every_number_of_a_note_is_found_in_its_record(language, make):
    held = make()
    words = level_tables.wording_for(by_level(B2=held), language)
    lowest = held.training["results"]["best"]
    then = next(row["train_loss"] for row in observations.progress_rows(held) if row["step"] == lowest["step"])
    ran = held.training["results"]["hyperparameters"]
    worked_out = {
        "above": above_floor(held),
        "gap": lowest["eval_loss"] - then,
        "examples a step": ran["batch_size"] * ran["gradient_accumulation_steps"],
        "parameters with the adapter's": PARAMETERS,
    }
    generation = held.comparison["results"].get("generation")
    if generation:
        generation["scores"] = {}  # hundreds of figures that a note does not name
        worked_out |= {"level on the scale": 4, "smallest p of five prompts": 2**-4, "first slots": 10}
    known = [held.dataset, held.training, held.comparison, worked_out]
    day = {"2026", "22"}
    allowed = set().union(*(numbers_of(part, words) for part in known), FIXED, day)
    assert numbers_in(note(held, language)) - allowed == set()


def test_the_reading_back_would_notice_a_wrong_number():
    held = hand_made_records.level_records()
    words = locale.load_locale("en")
    allowed = set().union(*(numbers_of(part, words) for part in (held.dataset, held.training, held.comparison)))
    assert numbers_in(note(held).replace("1.801", "1.802")) - allowed - FIXED - {
        "1.730",
        "0.058",
        f"{PARAMETERS:,}",
    } == {"1.802"}


# Verdict and remarks by rule


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
    held = hand_made_records.level_records()
    held.comparison["results"]["completion"]["difference"] |= {"low": low, "high": high}
    text = observations.verdict(held, locale.load_locale("en"))
    assert text.startswith(said)
    assert ("better than its base**" in text) == (high is not None and high < 0)


def test_a_note_of_the_reference_run_says_how_many_parameters_there_are_and_that_the_merge_was_checked():
    workspace = Workspace(project_root() / "docs" / "reference_run", project_root() / "user_data")
    shown = note(read_level(workspace, "B2"))
    assert f"| Trainable parameters | 9,768,960 of {PARAMETERS:,} |" in shown
    assert (
        "| Merged model | its logits differ from base + adapter by at most 1.44e-4 before rounding to 16 bits and by "
        "0.03514 on average after it, from the base alone by 2.076 on average |"
    ) in shown


def test_the_verdict_in_full():
    assert observations.verdict(hand_made_records.level_records(), locale.load_locale("tr")) == (
        "**İnce ayarlı model, referans yanıtları temel modelden daha iyi öngörüyor**: yanıt kaybı 2,392 → 1,801 "
        "nat/token (azalma: %24,7), perplexity 10,94 → 6,06 (azalma: %44,6); fark −0,591 nat/token, %95 güven aralığı "
        "[−0,634; −0,551], n = 24 örnek; ölçüm, eğitimin dışında tutulan kelimelerle yapıldı (eğitimde de geçen hedef "
        "kelimeler: %0,0; cümleler: %0,0)."
    )


@pytest.mark.parametrize(
    ("overlap", "said"),
    [(0.94, "this shows memory, not skill"), (0.3, "30.0% of the sentences are in training too"), (0.0, "held out")],
)
def test_the_verdict_says_what_training_had_seen(overlap, said):
    held = hand_made_records.level_records(split="examples" if overlap else "words", overlap=overlap)
    assert said in observations.verdict(held, locale.load_locale("en"))


def test_without_comparison_or_evaluation_the_verdict_claims_nothing():
    words = locale.load_locale("en")
    held = LevelRecords("B2", training=hand_made_records.training())
    expected = "No comparison with the base model is recorded; best evaluation loss 1.801 nats a token at step 45"
    assert observations.verdict(held, words).startswith(expected)
    held.training["results"] |= {"history": [], "best": None}
    assert observations.verdict(held, words) == "No comparison with the base model and no evaluation is recorded."


def remarks(losses: list[float]) -> list[list[str]]:
    held = LevelRecords("B2", training=hand_made_records.training())
    history = [{"step": 10 * n, "epoch": float(n), "eval_loss": loss} for n, loss in enumerate(losses, 1)]
    held.training["results"] |= {"history": history, "best": None}
    return [row["remarks"] for row in observations.progress_rows(held)]


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
    held = LevelRecords("B2", training=hand_made_records.training())
    history = [{"step": n, "epoch": n / 10, "eval_loss": loss} for n, loss in enumerate(losses, 1)]
    held.training["results"] |= {"history": history, "best": None}
    rows = observations.thin_rows(observations.progress_rows(held))
    assert len(rows) <= observations.MOST_ROWS
    assert [row["step"] for row in rows if {"first", "best", "last"} & set(row["remarks"])] == [1, 70, 100]
    assert f"The table shows {len(rows)} of 100 evaluations" in note(held)


def test_observations_name_their_figures_and_follow_the_rules():
    words = locale.load_locale("en")
    held = hand_made_records.level_records()
    said = observations.of_level(held, words)
    assert any("rises to 1.806 at step 60, while the training loss goes from 1.743 to 1.693" in text for text in said)
    assert not any("memory" in text or "were cut" in text or "differ by" in text for text in said)
    held.dataset["results"]["tokens"]["train"]["truncated"] = 7
    held.training["results"]["history"] = [r for r in held.training["results"]["history"] if r["step"] <= 45]
    said = observations.of_level(held, words)
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
    a2.comparison["results"]["completion"]["difference"] = weaker
    first = observations.across({"A2": a2, "B2": b2}, words)[0]
    assert "[−0.634, −0.551] at B2 and [−0.400, −0.200] at A2" in first
    assert "they do not overlap, so the completion loss fell further at B2" in first
    assert observations.across({"B2": b2}, words) == []


# Missing and unknown


@pytest.mark.parametrize(("language", "said"), [("en", "not run yet"), ("tr", "henüz çalıştırılmadı")])
def test_levels_without_records_are_shown_as_missing(language, said):
    shown = lines(note(hand_made_records.level_records(), language))
    for level in ("A1", "A2", "B1", "C1"):
        assert f"| {level} | {said} | — | — | — | — | — |" in shown
    missing = {"en": "- Levels missing: A1, A2, B1 and C1.", "tr": "- Eksik düzeyler: A1, A2, B1 ve C1."}[language]
    assert missing in shown


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_note_can_be_made_from_a_training_record_alone_with_nothing_known(language):
    held = LevelRecords("B2", training=hand_made_records.training())
    held.training["results"] = dict.fromkeys(held.training["results"]) | {
        "history": [],
        "adopted": {"read": "run/trainer_state.json"},
    }
    held.training["recipe"] = dict.fromkeys(held.training["recipe"])
    held.training["seed"] = None
    unknown = {"en": "unknown", "tr": "bilinmiyor"}[language]
    text = note(held, language)
    assert text.count(f"| {unknown} |") >= 30
    assert "Example CPU" not in text and "0123456789ab" not in text and "None" not in text
    assert "None" not in final_report.final_report(WORKSPACE, by_level(B2=held), language)


def test_missing_levels_reasons_and_unknown_languages_are_errors(tmp_path):
    workspace = Workspace(tmp_path, tmp_path)
    with pytest.raises(InputError, match="02_training"):
        results_note.write_results_note(workspace, "B2", "en")
    with pytest.raises(InputError, match="'b2' is not a CEFR level"):
        results_note.write_results_note(workspace, "b2", "en")
    with pytest.raises(InputError, match="language: 'de' is not one of en, tr"):
        results_note.results_note(WORKSPACE, "B2", by_level(B2=hand_made_records.level_records()), "de")


# Generated answers

ANSWERS = {
    "en": [
        "## Answers on held-out words",
        "| Base | 4.0% [0.0, 9.9] | 62.0% [47.4, 76.6] | 30.0% [16.3, 43.7] | 34.0% [19.8, 48.2] | 40.0% [25.3, 54.7] "
        "| 62.0% [47.4, 76.6] | 46.0% [31.0, 61.0] | 40.0% |",
        "| Tuned minus base, points | 34.0 [16.3, 51.7] | 32.0 [9.4, 54.6] | 32.0 [7.1, 56.9] | 40.0 [21.1, 58.9] "
        "| 32.0 [−2.2, 66.2] | 30.0 [8.0, 52.0] | 44.0 [25.2, 62.8] | — |",
        "| Tuned | 1.14 | 1.26 | −0.21 | 52.0% | 18.7% | 15.9 | 0.88 | 0.14 | 2.12 | 1.3% |",
        "| Trivial: “I like the WORD.” | 8.11 | 7.73 | −2.87 | 0.0% | — | 4.0 | 0.41 | — | 3.55 | 0.0% |",
        "| 1 | abandon | They abandon it. | 3.57 | ✓ |",
        "| 2 | benefit | Gains &#124; &#60;b&#62;came&#60;/b&#62; to &#96;all&#96; &#36;of&#36; us. | 3.64 "
        "| ✗ word not used, grammar |",
        "| 4 | debate | *(no sentence)* | — | ✗ no valid sentence |",
        "| 8 | hesitate | They hesitate it. | 1.94 | ✗ level |",
        "With 5 prompts no result could bring the test's p below 0.062.",
        "![B2: answers by measure](../training_plots/B2/6_answer_measures.png)",
        "![B2: level scores of the answers](../training_plots/B2/7_level_scores.png)",
        "- Of the conditions of Joint Success the tuned model meets this one least often: Uses its word (62.0% of 50 "
        "slots; base 30.0%, bank 100.0%).",
    ],
    "tr": [
        "## Dışarıda tutulan kelimelere verilen yanıtlar",
        "| İnce ayarlı eksi temel, puan | 34,0 [16,3; 51,7] | 32,0 [9,4; 54,6] | 32,0 [7,1; 56,9] | 40,0 [21,1; 58,9] "
        "| 32,0 [−2,2; 66,2] | 30,0 [8,0; 52,0] | 44,0 [25,2; 62,8] | — |",
        "| 4 | debate | *(cümle yok)* | — | ✗ geçerli cümle yok |",
        "| 8 | hesitate | They hesitate it. | 1,94 | ✗ düzey |",
    ],
}


@pytest.mark.parametrize("language", ["en", "tr"])
def test_generated_answers_are_shown_with_intervals_and_marks(language):
    shown = lines(note(hand_made_records.with_answers(), language))
    assert [line for line in ANSWERS[language] if line not in shown] == []
    older = note(hand_made_records.level_records(), language)
    assert ANSWERS[language][0] not in older and "6_answer_measures" not in older


def test_the_scorers_card_stands_with_length_alone_beside_it():
    assert (
        "agrees with the bank's levels by a quadratic weighted kappa of 0.957 (accuracy 81.3%), without length by "
        "0.889 (64.2%), while sentence length alone reaches 0.914 (70.5%)."
    ) in note(hand_made_records.with_answers())


def test_where_no_level_scorer_could_be_trained_nothing_is_said_of_levels():
    held = hand_made_records.with_answers()
    found = held.comparison["results"]["generation"]
    found |= {"scorer": None, "scores": {"base": [], "tuned": [], "gold": []}}
    found["differences"]["level_ok"] = dict.fromkeys(("estimate", "low", "high", "p"))
    for row in found["measures"].values():
        row["level_ok"] = row["control_error"] = {"value": None, "low": None, "high": None}
    text = note(held)
    assert "No level scorer is recorded" in text and "7_level_scores.png" not in text
    assert "| 62.0% [47.4, 76.6] | 30.0% [16.3, 43.7] | — | 40.0% [25.3, 54.7] |" in text
    assert "recorded for B2: there Joint Success" in final_report.final_report(WORKSPACE, by_level(B2=held), "en")


def test_a_single_prompt_gives_figures_without_intervals_and_no_verdict():
    held = hand_made_records.with_answers()
    found = held.comparison["results"]["generation"]
    found |= {"prompts": 1, "slots": 10}
    for difference in found["differences"].values():
        difference |= {"low": None, "high": None, "p": None}
    for row in found["measures"].values():
        for entry in row.values():
            entry |= {"low": None, "high": None}
    text = note(held)
    assert "**No interval is recorded, so whether the tuned model's sentences succeed more often" in text
    assert "| Tuned minus base, points | 34.0 | 32.0 |" in text and "| Base | 4.0% | 62.0% |" in text
    assert "no interval recorded at B2" in final_report.final_report(WORKSPACE, by_level(B2=held), "en")


def test_answers_on_words_that_training_had_seen_are_not_called_held_out():
    held = hand_made_records.with_answers()
    held.dataset["results"]["leak_audit"]["sentence_overlap"] = {"count": 226, "share": 0.94}
    text = note(held)
    assert "## Answers on the evaluation words" in text and "held-out words\n" not in text


@pytest.mark.parametrize(
    ("low", "high", "p", "said"),
    [
        (0.1, 0.5, 0.002, "better"),
        (-0.5, -0.1, 0.002, "worse"),
        (0.1, 0.5, 0.0625, "unconfirmed"),
        (0.1, 0.5, None, "unconfirmed"),
        (-0.1, 0.5, 0.002, "same"),
        (0.0, 0.5, 0.002, "same"),
        (0.0, 0.0, 1.0, "same"),
        (None, None, None, "open"),
    ],
)
def test_tuning_helped_only_where_interval_and_test_say_so(low, high, p, said):
    held, words = hand_made_records.with_answers(), locale.load_locale("en")
    held.comparison["results"]["generation"]["differences"]["joint_success"] |= {"low": low, "high": high, "p": p}
    difference = held.comparison["results"]["generation"]["differences"]["joint_success"]
    assert verdicts.outcome(difference, p) == said
    text = verdicts.joint_success(held, words)
    assert text.startswith(
        f"**{words.phrases['generation']['verdict'][said].format(n=50)}**: Joint Success 4.0% → 38.0%"
    )
    assert ("succeed more often than its base's**" in text) == (said == "better")
    assert sections.generated_answers(WORKSPACE, held, words)["verdict"].startswith(text)


def test_the_verdict_on_answers_in_full():
    assert sections.generated_answers(WORKSPACE, hand_made_records.with_answers(), locale.load_locale("tr"))[
        "verdict"
    ] == (
        "**Güven aralığı ince ayarlı model ile temel model arasında bir fark gösteriyor, ancak istemler üzerindeki "
        "sınama bunu doğrulamıyor**: Tam Başarı %4,0 → %38,0, fark 34,0 yüzde puanı, %95 güven aralığı [16,3; 51,7], "
        "p = 0,062, n = 50 yuva; ölçüm, eğitimin dışında tutulan kelimelerle yapıldı (eğitimde de geçen hedef "
        "kelimeler: %0,0; cümleler: %0,0)."
    )


def answered(level: str, p: float, low: float = 0.163, prompts: int = 20) -> LevelRecords:
    held = hand_made_records.with_answers(level)
    found = held.comparison["results"]["generation"]
    found["prompts"] = prompts
    found["differences"]["joint_success"] |= {"p": p, "low": low}
    return held


def test_the_report_answers_first_whether_tuning_helped_with_p_corrected_over_levels():
    levels = by_level(A2=answered("A2", 0.03), B1=answered("B1", 0.0002), B2=answered("B2", 0.2, low=-0.1))
    shown = lines(final_report.final_report(WORKSPACE, levels, "en"))
    answer = (
        "**By Joint Success: more sentences succeed at B1; the interval shows a difference, but the test does not "
        "confirm it, at A2; no difference shown at B2.**"
    )
    assert shown[4:7] == ["## Did tuning help?", "", answer]
    figures = "Joint Success 4.0% → 38.0%, difference 34.0 percentage points, 95% interval"
    loss = (
        "completion loss 2.392 → 1.801 nats a token, difference −0.591, 95% interval [−0.634, −0.551], n = 24 examples."
    )
    for line, middle in zip(
        shown[8:11],
        (
            f"but the test over prompts does not confirm it**: {figures} [16.3, 51.7], p = 0.060 (Holm, 3 levels)",
            f"succeed more often than its base's**: {figures} [16.3, 51.7], p < 0.001 (Holm, 3 levels)",
            f"shown at n = 50 slots**: {figures} [−10.0, 51.7], p = 0.200 (Holm, 3 levels)",
        ),
        strict=True,
    ):
        assert f"{middle}, n = 50 slots; {loss}" in line
    assert "| B2 | 50 | 4.0% | 38.0% | 86.0% | 30.0% | 62.0% | 100.0% | 4.21 | 1.14 | 0.27 |" in shown
    assert "| C1 | not run yet | — | — | — | — | — | — | — | — | — |" in shown
    assert not any("no result could" in line for line in shown)


def test_the_report_says_where_too_few_prompts_make_the_test_powerless():
    few = by_level(A2=answered("A2", 0.0625, prompts=5), B2=answered("B2", 0.0625, prompts=6))
    text = final_report.final_report(WORKSPACE, few, "en")
    assert "With 5 prompts a level and 2 levels no result could bring the smallest corrected p below 0.125." in text


def test_a_report_without_measured_answers_is_as_before():
    levels = by_level(A2=hand_made_records.level_records("A2"))
    text = final_report.final_report(WORKSPACE, levels, "en")
    assert "Joint Success" not in text and "Did tuning help" not in text
    assert [table.name for table in final_report.report_tables(levels)] == ["levels", "comparison", "data", "published"]


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_record_of_answers_with_nothing_known_is_still_written(language):
    held = hand_made_records.with_answers()
    found = held.comparison["results"]["generation"]
    held.comparison["results"]["generation"] = {**dict.fromkeys(found), "measures": {"tuned": {}}}
    assert "None" not in note(held, language) + final_report.final_report(WORKSPACE, by_level(B2=held), language)


def test_the_answers_table_is_written_as_csv_and_latex_and_the_note_draws_its_figures(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    write_records(workspace, hand_made_records.with_answers())
    final_report.write_final_report(workspace, LEVELS, "en")
    with open(workspace.notes() / "tables/answers.csv", newline="", encoding="utf-8") as file:
        rows = {row["level"]: row for row in csv.DictReader(file)}
    assert rows["B2"]["joint_tuned"] == "0.38" and rows["B2"]["control_base"] == "4.213" and rows["A1"]["slots"] == ""
    assert r"B2 & 50 & 4.0\% & 38.0\% & 86.0\%" in (workspace.notes() / "tables/answers.tex").read_text(
        encoding="utf-8"
    )
    path = results_note.write_results_note(workspace, "B2", "en")
    pictures = [unquote(found) for found in re.findall(r"!\[[^]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8"))]
    drawn = [picture for picture in pictures if Path(picture).name in paths.ANSWER_PLOT_FILES.values()]
    assert len(drawn) == 2 and len(pictures) == 7 and all((path.parent / picture).is_file() for picture in drawn)


# Escaping


@pytest.mark.parametrize("language", ["en", "tr"])
def test_user_text_breaks_no_table_and_injects_nothing(language):
    plain, nasty = (tokens(note(held, language)) for held in (hand_made_records.with_answers(), nasty_records()))
    html = {token.content for token in nasty if token.type.startswith("html")}
    assert html <= {"<code>", "</code>"}
    assert [t.attrGet("href") for t in nasty if t.type == "link_open"] == ["FINAL_REPORT.md"]
    count = lambda found, kind: sum(token.type == kind for token in found)  # noqa: E731
    for kind in ("image", "heading_open", "table_open", "fence"):
        fewer = {"table_open": 2, "heading_open": 2}.get(kind, 0)  # one prompt instead of three
        assert count(nasty, kind) == count(plain, kind) - fewer
    assert count(nasty, "strong_open") == count(plain, "strong_open")


def test_every_row_of_every_table_has_as_many_cells_as_its_head():
    for held in (hand_made_records.level_records(), hand_made_records.with_answers(), nasty_records()):
        width = None
        for line in lines(note(held)):
            if not line.startswith("|"):
                width = None
                continue
            cells = len(line.split("|"))
            width = width or cells
            assert cells == width, line


def test_escaping_exactly():
    assert escaping.markdown("a|b_c _d_ *e*\n<f>\x07\u202e") == (
        "a&#124;b_c &#95;d&#95; &#42;e&#42; &#60;f&#62;U+0007U+202E"
    )
    assert escaping.markdown("see www.x.y or http://z") == "see www&#46;x.y or http&#58;//z"
    assert escaping.code("user_data/loras/a-b") == "`user_data/loras/a-b`"
    assert escaping.code("a`|b") == "<code>a&#96;&#124;b</code>"
    assert escaping.code_block("a\n```\nb") == "````text\na\n```\nb\n````"
    assert escaping.latex(r"50% & $x_1$ \ {~}^#") == (
        r"50\% \& \$x\_1\$ \textbackslash{} \{\textasciitilde{}\}\textasciicircum{}\#"
    )


# Both languages in step


def flat(phrases: dict, prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in phrases.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_both_languages_have_the_same_phrases_with_the_same_places():
    english, turkish = (flat(locale.phrases(language)) for language in locale.LANGUAGES)
    assert english.keys() == turkish.keys()
    for key in english:
        places = [sorted(set(re.findall(r"{\w+}", text[key]))) for text in (english, turkish)]
        assert places[0] == places[1], key


def test_no_turkish_suffix_hangs_on_a_number():
    hung = {key: text for key, text in flat(locale.phrases("tr")).items() if re.search(r"}['’]?[a-zçğıöşü]", text)}
    assert hung == {}
    text = ""
    for make in (hand_made_records.level_records, hand_made_records.with_answers):
        held = make()
        held.comparison["results"]["answers"] = []  # what models wrote is not ours
        others = by_level(B2=held, A2=make("A2"))
        text += note(held, "tr", A2=others["A2"]) + final_report.final_report(WORKSPACE, others, "tr")
    text = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`|\]\([^)]*\)|&#\d+;", "", text)
    allowed = {"4e", "1e", "135M", "1B"}  # 4e-4 and names of models
    assert set(re.findall(r"\d+['’]?[A-Za-zçğıöşü]+", text)) <= allowed


@pytest.mark.parametrize(
    "make", [hand_made_records.level_records, hand_made_records.with_answers, hand_made_records.reference_b2]
)
def test_both_languages_have_the_same_sections_and_tables(make):
    shapes = []
    for language in locale.LANGUAGES:
        text = note(make(), language) + final_report.final_report(WORKSPACE, by_level(B2=make()), language)
        shapes.append(
            [
                re.match(r"#* |\| --|- |!\[|```|$", line + " ")[0] if line[:1] in "#|-!`" else ""
                for line in [line for line in lines(text) if not line.startswith("|") or line.startswith("| --")]
            ]
        )
    assert shapes[0] == shapes[1]


def test_turkish_notes_hold_no_english_numbers():
    text = note(hand_made_records.level_records(), "tr")
    assert "1,801" in text and "1.801" not in text and "24.7%" not in text and "%24,7" in text


# Numbers in words


def test_numbers_in_both_languages():
    english, turkish = locale.load_locale("en"), locale.load_locale("tr")
    assert [locale.decimal(-1234.5, 2, words) for words in (english, turkish)] == ["−1,234.50", "−1.234,50"]
    assert locale.decimal(-0.0001, 2, english) == "0.00"
    assert [locale.percent(72.24, words) for words in (english, turkish)] == ["72.2%", "%72,2"]
    assert [locale.percent(-3.0, words) for words in (english, turkish)] == ["−3.0%", "−%3,0"]
    assert [locale.plain(value, turkish) for value in (2e-4, 1.5e-5, 0.05, 10.0, True, "x", None)] == [
        "2e-4",
        "1,5e-5",
        "0,05",
        "10",
        "evet",
        "x",
        "bilinmiyor",
    ]
    assert [locale.duration(s, english) for s in (345.8, 59.6, 3599.7, 3946, None)] == [
        "5:46",
        "1:00",
        "1:00:00",
        "1:05:46",
        "unknown",
    ]
    assert [locale.date("2026-11-05T01:02:03+00:00", words) for words in (english, turkish)] == [
        "5 November 2026",
        "5 Kasım 2026",
    ]
    assert locale.decimals_known([0.34, None, 0.651]) == 3
    assert locale.decimals_known([0.34, 2.0]) == 2


# Report


def full_report(tmp_path: Path, language: str) -> tuple[Workspace, str]:
    workspace = Workspace(tmp_path, tmp_path / "user_data")
    write_records(workspace, hand_made_records.level_records("A2"))
    write_records(workspace, hand_made_records.level_records("B2"))
    path = final_report.write_final_report(workspace, LEVELS, language)
    return workspace, path.read_text(encoding="utf-8")


PUBLISHED = {
    "en": [
        "| A2 | reference project | 67.4% | 79.1% | 5:46 | 0.51 | 6.92 |",
        "| B1 | reference project | 68.7% | 79.9% | 6:42 | 0.43 | 6.92 |",
        "| B2 | reference project | 72.2% | 81.5% | 6:30 | 0.34 | 6.90 |",
        "| B1 | not run yet | — | — | — | — | — |",
        "| B2 | this project | 24.7% | 44.6% | 5:46 | 1.801 | 1.50 |",
        "| B2 | 24 | 2.392 | 1.801 | −0.591 | [−0.634, −0.551] | 10.94 | 6.06 | 0.803 | 0.604 |",
        "| B2 | 240 | 24 | 17.1 | 309.8 | 0.0% | 0.071 | 1.801 | 1.730 |",
    ],
    "tr": [
        "| A2 | referans proje | %67,4 | %79,1 | 5:46 | 0,51 | 6,92 |",
        "| B1 | referans proje | %68,7 | %79,9 | 6:42 | 0,43 | 6,92 |",
        "| B2 | referans proje | %72,2 | %81,5 | 6:30 | 0,34 | 6,90 |",
        "| B1 | henüz çalıştırılmadı | — | — | — | — | — |",
        "| B2 | bu proje | %24,7 | %44,6 | 5:46 | 1,801 | 1,50 |",
        "| B2 | 24 | 2,392 | 1,801 | −0,591 | [−0,634; −0,551] | 10,94 | 6,06 | 0,803 | 0,604 |",
    ],
}


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_report_shows_levels_published_figures_and_its_files(tmp_path, language):
    workspace, text = full_report(tmp_path, language)
    assert [line for line in PUBLISHED[language] if line not in lines(text)] == []
    targets = [unquote(target) for target in re.findall(r"\]\(([^)]+)\)", text)]
    existing = [target for target in targets if not target.endswith("RESULTS.md")]
    assert len(existing) == 14 and all((workspace.notes() / target).is_file() for target in existing)
    assert (workspace.notes() / "figures/levels_grid.pdf").read_bytes().startswith(b"%PDF")


def test_report_tables_as_csv_hold_the_records_values_unrounded(tmp_path):
    workspace, _ = full_report(tmp_path, "tr")
    with open(workspace.notes() / "tables/comparison.csv", newline="", encoding="utf-8") as file:
        rows = {row["level"]: row for row in csv.DictReader(file)}
    completion = hand_made_records.comparison()["results"]["completion"]
    assert float(rows["B2"]["tuned_loss"]) == completion["tuned"]["loss"]
    assert float(rows["B2"]["interval_low"]) == completion["difference"]["low"]
    assert rows["C1"]["tuned_loss"] == ""


def test_report_tables_as_latex_are_escaped_and_even(tmp_path):
    workspace, _ = full_report(tmp_path, "tr")
    shown = lines((workspace.notes() / "tables/levels.tex").read_text(encoding="utf-8"))
    assert r"B2 & \%24,7 & \%44,6 & 5:46 & 1,801 & 1,50 & 1,730 \\" in shown
    assert {len(line.split(" & ")) for line in shown if line.endswith(r"\\")} == {7}


def test_a_note_written_to_disk_links_to_pictures_that_are_there(tmp_path):
    from cefr_helpers.notes import training_figures

    workspace = Workspace(tmp_path / "out put", tmp_path / "user_data")
    write_records(workspace, hand_made_records.level_records())
    training_figures.draw_all(workspace, "B2", "en")
    path = results_note.write_results_note(workspace, "B2", "en")
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    assert len(pictures) == 5 and all((path.parent / unquote(picture)).is_file() for picture in pictures)
    shown = results_note.for_notebook(path)
    assert shown.count("](data:image/png;base64,") == 5 and "](FINAL_REPORT.md)" not in shown
    assert read_levels(workspace)["B2"].training == hand_made_records.training()


def test_tables_over_levels_tell_not_run_from_unknown():
    words = locale.load_locale("en")
    known = hand_made_records.level_records("A2")
    taken_in = LevelRecords("B1", training=hand_made_records.training("B1"))
    taken_in.training["results"] |= {"adopted": {"read": "x"}, "duration_s": None}
    shown = lines(tables.to_markdown(level_tables.side_by_side(by_level(A2=known, B1=taken_in)), words))
    assert "| B1 | unknown | unknown | unknown | 1.801 | 1.50 | unknown |" in shown
    assert find(known.comparison, "results.no.such") is None


def test_notes_start_fast_and_without_torch_or_matplotlib():
    code = (
        "import sys, time; t = time.perf_counter();"
        "import cefr_helpers.notes.results_note, cefr_helpers.notes.final_report;"
        "print(time.perf_counter() - t, [m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.split(maxsplit=1)
    assert loaded.strip() == "[]" and float(seconds) < 2
