"""The results note: exact tables, numbers read back, missing levels, user text, both languages in step."""

import re
import subprocess
import sys
from dataclasses import replace
from urllib.parse import unquote

import hand_made_records
import pytest
from hand_made_notes import WORKSPACE, by_level, nasty_records, note, tokens
from hand_made_records import change, write_records

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.level_records import read_level, read_levels
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.core.schema import Generation, Metric, TrainingResults
from cefr_helpers.notes import final_report, level_tables, observations, results_note
from cefr_helpers.rendering import escaping, locale

NUMBER = re.compile(r"−?\d+(?:[.,:]\d+)*(?:e-?\d+)?")


# The reference note's figures, to the digit

REFERENCE = {
    "en": [
        "| Training time | 6:30 |",
        "| Steps | 290 (29 per epoch; epochs: 10) |",
        "| Training loss | 1.83 → 0.28 (reduction 84.7%) |",
        "| Evaluation loss | 0.61 → 0.34 at best (reduction 44.3%), 0.35 at the end |",
        "| Best evaluation | 0.34 at step 200, epoch 6.90 |",
        "| Examples | training 1,800, evaluation 200 |",
        "| Rank | 128 |",
        "| Alpha | 256 |",
        "| Dropout | 0.05 |",
        "| Examples per step | 64 |",
        "| Learning rate | 2e-4 |",
        "| Optimizer | `adamw_8bit` |",
        "| 0.34 | 10 | 1.83 | — | start |",
        "| 1.72 | 50 | 0.72 | 0.61 | first evaluation |",
        "| 3.45 | 100 | 0.48 | 0.42 | fast improvement |",
        "| 5.17 | 150 | 0.38 | 0.36 | fast improvement |",
        "| 6.90 | 200 | 0.32 | 0.34 | best |",
        "| 8.62 | 250 | 0.29 | 0.35 | slight rise |",
        "| 10.00 | 290 | 0.28 | — | last |",
        "| Completion: loss, nats per token | 2.34 | 0.65 | 72.2% |",
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
    shown = note(hand_made_records.reference_b2(), language).splitlines()
    assert [line for line in REFERENCE[language] if line not in shown] == []


def test_the_reference_notes_contradictions_are_named():
    text = note(hand_made_records.reference_b2())
    assert "(0.34) and the comparison's tuned loss on the same examples (0.65) differ by 91.18%" in text
    assert "The best model is that of step 200 (epoch 6.90), with an evaluation loss of 0.34" in text
    assert "step 200, loss 0.34) the evaluation loss rises to 0.35 at step 250" in text
    assert "whether the tuned model predicts better than its base stays open" in text
    assert "94.0% are in the training examples too: this shows memory, not skill" in text
    assert len(set(re.findall(r"step (\d+)[ ,](?:\(epoch|epoch)", text))) == 1


# What checkpoints were chosen by


@pytest.mark.parametrize(
    ("language", "dev", "test"),
    [
        ("en", "by which the checkpoint was chosen; nothing else", "which flatters the tuned model a little"),
        ("tr", "kontrol noktası bunlara göre seçildi ve bu notta", "biraz olduğundan iyi gösterir"),
    ],
)
def test_a_note_says_by_what_words_the_checkpoint_was_chosen(language, dev, test):
    new, old = note(hand_made_records.level_records(), language), note(hand_made_records.before_dev(), language)
    assert dev in new and test not in new and test in old and dev not in old
    adopted = hand_made_records.level_records()
    change(adopted.training.results, adopted={"read": "trainer_state.json"})
    assert dev not in note(adopted, language) and test not in note(adopted, language)


BY_ANSWERS = {
    "en": [
        "| Best evaluation | Joint Success 45.0% on development words, loss 1.806, at step 60, epoch 2.00 |",
        "| Checkpoint chosen by | Joint Success of greedy answers to 2 prompts of development words (20 words, each ",
        "| Time for these answers | 1:30 in all: 0:22 at each of 4 evaluations, which the training time includes, ",
        "| Checkpoint kept by | `joint_success` |",
        "| Epoch | Step | Training loss | Evaluation loss | Joint Success | Remark |",
        "| 1.50 | 45 | 1.743 | 1.801 | 35.0% | still improving |",
        "The checkpoint was chosen by Joint Success of its greedy answers to 2 prompts of these words (20 words, ",
        "- By evaluation loss another checkpoint would have been kept: that of step 45, with a loss of 1.801 ",
        "Success of 35.0% on development words, instead of step 60 (epoch 2.00) with 1.806 and 45.0%.",
        "The trainer's evaluation loss of the kept checkpoint (1.801)",
    ],
    "tr": [
        "| Saklanan kontrol noktasının ölçütü | `joint_success` |",
        "| En iyi değerlendirme | geliştirme kelimelerinde Tam Başarı %45,0, kayıp 1,806 (adım 60, epok 2,00) |",
        "| Bu yanıtların süresi | toplam 1:30: 4 değerlendirmenin her birinde 0:22 (eğitim süresine dahildir), ",
        "(20 kelime, her biri bir kez) verilen açgözlü yanıtların Tam Başarı değerine göre seçildi",
    ],
}


SELF_TRAINED = {
    "en": [
        "| Examples of self-training | 84 |",
        "| Self-training | went on with 84 examples, 42 of them with 205 different sentences that the model wrote ",
        "chosen from 1,680 for 210 training words; loss on the development words at its end 1.823, learning rate ",
        "| Time for it | 3:51 for writing and choosing, 1:35 for training, in addition to the training time |",
        "From it the training went on for 42 steps",
        "The trainer's evaluation loss at the end of self-training (1.801)",
    ],
    "tr": [
        "| Kendi cümleleriyle eğitimin örnekleri | 84 |",
        "bunların 42 tanesinde modelin kendi yazdığı 205 farklı cümle var (210 eğitim kelimesi için yazılmış 1.680 ",
        "| Bunun süresi | yazma ve seçme 3:51, eğitim 1:35; eğitim süresine dahil değildir |",
        "Eğitim bu modelden başlayarak bankanın ve modelin kendi cümleleriyle 42 adım daha sürdü",
    ],
}


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize(
    ("training", "parts"),
    [(hand_made_records.training_by_answers, BY_ANSWERS), (hand_made_records.self_trained, SELF_TRAINED)],
    ids=["chosen by Joint Success", "went on with its own sentences"],
)
def test_a_note_says_what_the_model_wrote_for_during_its_training_and_what_that_took(training, parts, language):
    by_loss = hand_made_records.level_records()
    shown, before = note(replace(by_loss, training=training()), language), note(by_loss, language)
    assert [part for part in parts[language] if part not in shown] == []
    assert [part for part in parts[language] if part in before] == []


def test_a_note_says_that_too_few_own_sentences_passed():
    values = hand_made_records.self_trained().as_dict()["results"]
    values["self_training"] = {"examples": 0, "own_examples": 0, "words": 20, "candidates": 160, "sentences": 0}
    training = hand_made_records.make_record("training", "B2", values)
    shown = note(replace(hand_made_records.level_records(), training=training))
    assert "too few of the 160 sentences that the model wrote for 20 training words passed" in shown
    assert "From it the training went on" not in shown and "Time for it" not in shown


def test_the_leak_audit_has_all_three_pairs_of_parts():
    new, old = note(hand_made_records.level_records()), note(hand_made_records.before_dev())
    assert "| test in training | development in training | test in development |" in new
    assert "other part | 19 (39.6%) | 7 (29.2%) | 3 (6.4%) |" in new
    assert "| Target words that occur inside training sentences | 19 | 39.6% |" in old and "development" not in old
    assert "| Words | 168 in training, 24 in development and 48 in test; 167, 24 and 47 of them used |" in new


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
    ways = [words.plain(value), words.percent(value), words.share(value)]
    ways += [words.decimal(value, places) for places in range(4)] + [words.gigabytes(value)]
    ways += [words.percent(100 * value, 2), words.decimal(100 * value, 1)]
    ways += [words.duration(abs(value))]
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
    records = make()
    words = level_tables.locale_for(by_level(B2=records), language)
    lowest = records.training.results.best
    then = next(row["train_loss"] for row in observations.progress_rows(records) if row["step"] == lowest.step)
    ran = records.training.results.hyperparameters
    worked_out = {
        "above": records.above_floor,
        "gap": lowest.eval_loss - then,
        "examples a step": ran["batch_size"] * ran["gradient_accumulation_steps"],
        "parameters with the adapter's": PARAMETERS,
    }
    if records.generation:
        change(records.generation, scores={})  # hundreds of figures that a note does not name
        worked_out |= {
            "level on the scale": 4,
            "smallest p of five prompts": 2**-4,
            "first slots": 10,
            "other words": 19,
        }
    known = [*(record.as_dict() for record in (records.dataset, records.training, records.comparison)), worked_out]
    day = {"2026", "22"}
    allowed = set().union(*(numbers_of(part, words) for part in known), FIXED, day)
    assert numbers_in(note(records, language)) - allowed == set()


def test_the_reading_back_would_notice_a_wrong_number():
    records = hand_made_records.level_records()
    words = locale.load_locale("en")
    allowed = set().union(
        *(numbers_of(part.as_dict(), words) for part in (records.dataset, records.training, records.comparison))
    )
    assert numbers_in(note(records).replace("1.801", "1.802")) - allowed - FIXED - {
        "1.730",
        "0.058",
        f"{PARAMETERS:,}",
    } == {"1.802"}


def test_a_note_of_the_reference_run_says_how_many_parameters_there_are_and_that_the_merge_was_checked():
    workspace = Workspace(project_root() / "docs" / "reference_run", project_root() / "user_data")
    records = read_level(workspace, "B2")
    shown = note(records)
    assert f"| Trainable parameters | 9,768,960 of {PARAMETERS:,} |" in shown
    row = re.search(
        r"\| Merged model \| its logits differ from base \+ adapter by at most (\S+) before rounding to 16 bits and by "
        r"(\S+) on average after it, from the base alone by (\S+) on average \|",
        shown,
    )
    measured = records.training.results.merge_check.model_dump().values()
    assert [float(figure) for figure in row.groups()] == pytest.approx([*measured], rel=1e-3)


# Missing and unknown


@pytest.mark.parametrize(("language", "said"), [("en", "not run yet"), ("tr", "henüz çalıştırılmadı")])
def test_levels_without_records_are_shown_as_missing(language, said):
    shown = note(hand_made_records.level_records(), language).splitlines()
    for level in ("A1", "A2", "B1", "C1"):
        assert f"| {level} | {said} | — | — | — | — | — |" in shown
    missing = {"en": "- Levels missing: A1, A2, B1 and C1.", "tr": "- Eksik düzeyler: A1, A2, B1 ve C1."}[language]
    assert missing in shown


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_note_can_be_made_from_a_training_record_alone_with_nothing_known(language):
    records = hand_made_records.training_alone()
    nothing = dict.fromkeys(TrainingResults.model_fields) | {"adopted": {"read": "run/trainer_state.json"}}
    change(records.training, results=nothing, recipe=dict.fromkeys(records.training.recipe), seed=None)
    unknown = {"en": "unknown", "tr": "bilinmiyor"}[language]
    text = note(records, language)
    assert text.count(f"| {unknown} |") >= 30
    assert "Example CPU" not in text and "0123456789ab" not in text and "None" not in text
    assert "None" not in final_report.final_report(WORKSPACE, by_level(B2=records), language)


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
        "| Tuned | 1.14 | 1.26 | −0.21 | 52.0% | 18.7% | 15.9 | 0.88 | 0.14 | 2.12 | 1.3% | 87.0% | 1 |",
        "| Tuned minus strongest untuned (Base, one word per prompt, four examples), points | 22.0 [6.1, 37.9] "
        "| −4.0 [−13.1, 5.1] | −4.0 [−25.2, 17.2] | 40.0 [18.3, 61.7] | −2.0 [−24.1, 20.1] | −6.0 [−16.2, 4.2] "
        "| 0.0 [−11.4, 11.4] | — |",
        "| Trivial: “I like the WORD.” | 8.11 | 7.73 | −2.87 | 0.0% | — | 4.0 | 0.41 | — | 3.55 | 0.0% | 100.0% | 0 |",
        "### Variety",
        "| Tuned | 29.0% | 74.2% | 0.0% | 48.4% | 0.91 |",
        "| Base, one word per prompt, four examples | 61.0% | 78.0% |",
        "| Tuned | 74.0% | 89.1% |",
        "| Trivial: “I like the WORD.” | — | — |",
        "| Bank (gold) | 76.0% | 6.0% | 4.0% | 3.2% | 0.50 |",
        "**The sentences follow a template:** 33 of 47 sentences of the tuned model begin with “The”; of the bank's "
        "sentences for the same words, 3 do.",
        "**People would place the tuned model's sentences at B1** (2.9 [2.7, 3.1]); the requested level is B2. Of all "
        "slots 58.0% [43.2, 72.8] are within one level of it. The bank's own sentences for these words are at B1 (3.4 "
        "[3.3, 3.5]).",
        "### The level on two scales",
        "| Tuned | 2.93 [2.71, 3.15] | 2.97 [2.76, 3.18] | 58.0% [43.2, 72.8] | 3.79 [3.56, 4.02] "
        "| 74.0% [60.8, 87.2] |",
        "**People would place the bank's B2 sentences at B1**: 3.37 on the human scale, from 1 (A1) to 5 (C1), with a "
        "standard deviation of 0.36; 84.2% of them are within one level of B2 (scored: 500 of 1,200 sentences).",
        "| The box &#124; was &#60;b&#62;empty&#60;/b&#62; &#96;now&#96;. | 1.84 |",
        "| 1 | abandon | They abandon it. | 2.65 | 3.57 | ✓ |",
        "| 2 | benefit | Gains &#124; &#60;b&#62;came&#60;/b&#62; to &#96;all&#96; &#36;of&#36; us. | 2.70 | 3.64 "
        "| ✗ word not used, grammar |",
        "| 4 | debate | *(no sentence)* | — | — | ✗ no valid sentence |",
        "| 8 | hesitate | They hesitate it. | 1.62 | 1.94 | ✗ level |",
        "With 5 prompts no result could bring the test's p below 0.062.",
        "![B2: answers by measure](../training_plots/B2/6_answer_measures.png)",
        "![B2: levels of the answers](../training_plots/B2/7_level_scores.png)",
        "- Of the conditions of Joint Success the tuned model meets this one least often: Uses its word (62.0% of 50 "
        "slots; base 30.0%, bank 100.0%).",
    ],
    "tr": [
        "## Dışarıda tutulan kelimelere verilen yanıtlar",
        "| İnce ayarlı eksi temel, puan | 34,0 [16,3; 51,7] | 32,0 [9,4; 54,6] | 32,0 [7,1; 56,9] | 40,0 [21,1; 58,9] "
        "| 32,0 [−2,2; 66,2] | 30,0 [8,0; 52,0] | 44,0 [25,2; 62,8] | — |",
        "| İnce ayarlı | %29,0 | %74,2 | %0,0 | %48,4 | 0,91 |",
        "**Cümleler tek bir kalıbı izliyor:** ince ayarlı modelin 47 cümlesinden 33 tanesi “The” ile başlıyor; "
        "bankanın aynı kelimeler için yazılmış cümlelerinde bu sayı 3.",
        "| 4 | debate | *(cümle yok)* | — | — | ✗ geçerli cümle yok |",
        "| 8 | hesitate | They hesitate it. | 1,62 | 1,94 | ✗ düzey |",
        "| İnce ayarlı | 2,93 [2,71; 3,15] | 2,97 [2,76; 3,18] | %58,0 [43,2; 72,8] | 3,79 [3,56; 4,02] "
        "| %74,0 [60,8; 87,2] |",
    ],
}


@pytest.mark.parametrize(
    ("language", "place", "share"),
    [
        (
            "en",
            "74.2% [61.0, 85.0]",
            "of the bank's sentences for the same words, 3 do. The share of the tuned model is 70.2% [57.0, 80.9].",
        ),
        ("tr", "%74,2 [61,0; 85,0]", "bu sayı 3. İnce ayarlı modeldeki oran: %70,2 [57,0; 80,9]."),
    ],
)
def test_shares_of_variety_have_intervals_where_the_record_has_them(language, place, share):
    records = hand_made_records.with_answers()
    about = locale.phrases(language)["generation"]["variety"]["intervals"]
    assert about not in note(records, language)
    for row in ("tuned", "gold"):
        for measure in ("target_place", "questions"):
            change(records.generation.measures[row][measure], low=0.61, high=0.85)
    change(records.generation.openings["tuned"], share=Metric(value=33 / 47, low=0.57, high=0.809))
    written = note(records, language)
    assert place in written and share in written and written.count(about) == 1


@pytest.mark.parametrize("language", ["en", "tr"])
def test_generated_answers_are_shown_with_intervals_and_marks(language):
    shown = note(hand_made_records.with_answers(), language).splitlines()
    assert [line for line in ANSWERS[language] if line not in shown] == []
    older = note(hand_made_records.level_records(), language)
    assert ANSWERS[language][0] not in older and "6_answer_measures" not in older


@pytest.mark.parametrize(("sentences", "bank", "said"), [(33, 3, 2), (15, 3, 0), (33, 20, 0)])
def test_a_template_is_a_failure_on_the_first_screen_unless_the_bank_has_it_too(sentences, bank, said):
    records = hand_made_records.with_answers()
    change(records.generation.openings["tuned"], sentences=sentences, bank=bank)
    shown = note(records)
    assert shown.count("The sentences follow a template") == said
    first_screen = shown[: shown.index("Contents:")]
    assert ("The sentences follow a template" in first_screen) is bool(said)
    report = final_report.final_report(WORKSPACE, by_level(B2=records), "en")
    assert ("B2: **The sentences follow a template" in report) is bool(said)
    assert "| B2 | 29.0% | 76.0% | 74.2% | 6.0% | 48.4% | 3.2% | 0.91 |" in report


def test_the_scorers_card_stands_with_length_alone_beside_it():
    assert (
        "agrees with the bank's levels by a quadratic weighted kappa of 0.957 (accuracy 81.3%), without length by "
        "0.889 (64.2%), while sentence length alone reaches 0.914 (70.5%)."
    ) in note(hand_made_records.with_answers())


def test_where_no_level_scorer_could_be_trained_nothing_is_said_of_levels():
    records = hand_made_records.with_answers()
    found = records.generation
    change(found, scorer=None, scores={"base": [], "tuned": [], "gold": []})
    for row in found.measures.values():
        change(row["bank_level"], value=None, low=None, high=None)
    change(found.differences["level_ok"], estimate=None, low=None, high=None, p=None)
    for row in found.measures.values():
        for name in ("level_ok", "control_error"):
            change(row[name], value=None, low=None, high=None)
    text = note(records)
    assert "No level scorer is recorded" in text and "7_level_scores.png" in text
    assert "Joint Success leaves the level out. Only the human scale judges the level." in text
    assert "| Tuned | 2.93 [2.71, 3.15] | 2.97 [2.76, 3.18] | 58.0% [43.2, 72.8] | — | — |" in text
    assert "| 62.0% [47.4, 76.6] | 30.0% [16.3, 43.7] | — | 40.0% [25.3, 54.7] |" in text
    assert "recorded for B2: there Joint Success" in final_report.final_report(WORKSPACE, by_level(B2=records), "en")


@pytest.mark.parametrize("language", ["en", "tr"])
def test_records_that_are_older_than_the_human_scale_say_nothing_of_it(language):
    records = hand_made_records.with_answers()
    for row in records.generation.measures.values():
        for name in ("human_within_one", *hand_made_records.MEAN_LEVELS):
            del row[name]
    for slot in records.generation.slots_shown:
        change(slot, human_level=None)
    change(records.dataset.results, placement=None)
    text = note(records, language) + final_report.final_report(WORKSPACE, by_level(B2=records), language)
    told = [said for said in ("People would", "two scales", "İnsanlar", "İki ölçekte") if said in text]
    change(records.generation, scores={}, human_scores={})
    assert "7_level_scores.png" not in note(records, language)
    assert told == [] and "None" not in text and {"en": "| 3.57 | ✓ |", "tr": "| 3,57 | ✓ |"}[language] in text
    change(records.generation, scorer=None)
    assert {"en": "The level is not measured here.", "tr": "Düzey burada ölçülmedi."}[language] in note(
        records, language
    )


def test_a_single_prompt_gives_figures_without_intervals_and_no_verdict():
    records = hand_made_records.with_answers()
    found = records.generation
    change(found, prompts=1, slots=10)
    for difference in (*found.differences.values(), *found.differences_from_strongest.values()):
        change(difference, low=None, high=None, p=None)
    for row in found.measures.values():
        for entry in row.values():
            change(entry, low=None, high=None)
    text = note(records)
    assert "**No interval is recorded, so whether the tuned model's sentences succeed more often" in text
    assert "| Tuned minus base, points | 34.0 | 32.0 |" in text and "| Base | 4.0% | 62.0% |" in text
    assert "no interval recorded at B2" in final_report.final_report(WORKSPACE, by_level(B2=records), "en")


def test_answers_on_words_that_training_had_seen_are_not_called_held_out():
    records = hand_made_records.with_answers()
    change(records.dataset.results.leak_audit, sentence_overlap={"count": 226, "share": 0.94})
    text = note(records)
    assert "## Answers on the test words" in text and "held-out words\n" not in text


@pytest.mark.parametrize("language", ["en", "tr"])
def test_a_record_of_answers_with_nothing_known_is_still_written(language):
    records = hand_made_records.with_answers()
    nothing = dict.fromkeys(Generation.model_fields) | {"measures": {"tuned": {}}}
    change(records.comparison.results, generation=nothing)
    assert "None" not in note(records, language) + final_report.final_report(WORKSPACE, by_level(B2=records), language)


# User text, both languages, files


@pytest.mark.parametrize("language", ["en", "tr"])
def test_user_text_breaks_no_table_and_injects_nothing(language):
    plain, nasty = (tokens(note(records, language)) for records in (hand_made_records.with_answers(), nasty_records()))
    html = {token.content for token in nasty if token.type.startswith("html")}
    assert html <= {"<code>", "</code>"}
    links = [t.attrGet("href") for t in nasty if t.type == "link_open"]
    assert [link for link in links if not link.startswith("#")] == ["FINAL_REPORT.md"]
    assert links == [t.attrGet("href") for t in plain if t.type == "link_open"]
    count = lambda found, kind: sum(token.type == kind for token in found)  # noqa: E731
    for kind in ("image", "heading_open", "table_open", "fence"):
        fewer = {"table_open": 2, "heading_open": 2}.get(kind, 0)  # one prompt instead of three
        assert count(nasty, kind) == count(plain, kind) - fewer
    assert count(nasty, "strong_open") == count(plain, "strong_open")


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
                for line in [line for line in text.splitlines() if not line.startswith("|") or line.startswith("| --")]
            ]
        )
    assert shapes[0] == shapes[1]


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


def test_notes_start_fast_and_without_torch_or_matplotlib():
    code = (
        "import sys, time; t = time.perf_counter();"
        "import cefr_helpers.notes.results_note, cefr_helpers.notes.final_report;"
        "print(time.perf_counter() - t, [m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.split(maxsplit=1)
    assert loaded.strip() == "[]" and float(seconds) < 2


@pytest.mark.parametrize(
    ("language", "said"), [("en", "thinking is switched off"), ("tr", "düşünme, temel modelde de")]
)
def test_a_note_says_how_the_model_is_asked(language, said):
    records = hand_made_records.level_records("B2")
    chat = {"end_of_turn": "<|im_end|>", "thinking": "off", "date": "26 Jul 2024", "example_sha256": "0" * 64}
    hand_made_records.change(records.training.results.base_model, chat=chat)
    told = note(records, language)
    assert said in told and "26 Jul 2024" in told and "im_end" in told
    hand_made_records.change(records.training.results.base_model, chat={"end_of_turn": "</s>"})
    assert said not in note(records, language)
