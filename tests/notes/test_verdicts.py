"""The verdict on the model's own sentences: what interval and test must show before it says that tuning helped."""

import hand_made_records
import pytest
from hand_made_notes import note
from hand_made_records import change

from cefr_helpers.core.schema import MEASURE_VERSION, Generation
from cefr_helpers.evaluation import fluency
from cefr_helpers.notes import verdicts
from cefr_helpers.rendering import locale


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
    records, words = hand_made_records.with_answers(), locale.load_locale("en")
    difference = records.generation.differences_from_strongest["joint_success"]
    change(difference, low=low, high=high, p=p)
    assert verdicts.outcome(difference, p) == said
    text = verdicts.joint_success(records, words)
    phrases = words.phrases["generation"]
    opponent = phrases["opponents"]["base_one_word"]
    assert text.startswith(
        f"**{phrases['verdict'][said].format(n=50, opponent=opponent)}**: Joint Success 16.0% → 38.0%"
    )
    best = "succeed more often than the best that its base writes without tuning (one word per prompt, four examples)**"
    assert (best in text) == (said == "better")
    assert f"\n## Answers on held-out words\n\n{text}; " in note(records)


def test_the_verdict_on_answers_in_full():
    expected = (
        "**Güven aralığı, ince ayarlı modelin cümleleri temel modelin ince ayar olmadan yazdığı en iyi cümlelerle "
        "(istem başına bir kelime, dört örnek) karşılaştırıldığında bir fark gösteriyor, ancak istemler üzerindeki "
        "sınama bunu doğrulamıyor**: Tam Başarı %16,0 → %38,0, fark 22,0 puan, %95 güven aralığı [6,1; 37,9], "
        "p = 0,062 (5 istemle ulaşılabilecek en düşük değer), n = 50 kelime; ölçüm, ne eğitimin ne de kontrol "
        "noktası seçiminin gördüğü test kelimeleriyle "
        "yapıldı (eğitimde de geçen hedef kelimeler: %0,0; cümleler: %0,0)."
    )
    assert expected in note(hand_made_records.with_answers(), "tr").splitlines()


def test_a_note_says_by_which_gates_it_was_measured_and_sets_versions_apart():
    words = locale.load_locale("en")
    now, before = hand_made_records.with_answers("B1"), hand_made_records.with_answers("A2")
    change(before.generation, measure_version=1)
    right = fluency.quality()["mistakes"]["shuffled words"]["both"]
    assert f"of version {MEASURE_VERSION}" in verdicts.gates([now], words)
    assert words.share(right) in verdicts.gates([now], words)
    assert "measured by version 1 of the gates" in verdicts.gates([before], words)
    mixed = verdicts.gates([before, now], words)
    assert "different versions of the gates (version 1 at A2; version 2 at B1)" in mixed
    assert mixed in verdicts.helped({"A2": before, "B1": now}, words)["joint"]
    assert Generation.model_validate({"prompts": 3}).measure_version == 1  # a record of before


def test_a_record_without_the_stronger_rows_is_judged_against_the_base():
    records = hand_made_records.with_answers()
    change(records.generation, strongest_untuned=None, differences_from_strongest={})
    text = verdicts.joint_success(records, locale.load_locale("en"))
    assert "tuned model's sentences and its base's" in text and "Joint Success 4.0% → 38.0%, difference 34.0" in text
    assert verdicts.gains(records, locale.load_locale("en")) is None


def test_what_tuning_wins_is_named_and_what_it_does_not():
    records, words = hand_made_records.with_answers(), locale.load_locale("en")
    said = (
        "Tuning gains only in these conditions: Level ±1; no gain is shown in: Valid, Uses its word, Grammar "
        "clean, Not copied and Not repeated."
    )
    [first, *_] = [line for line in note(records).splitlines() if line.startswith("**")]
    assert said in first
    for name in ("valid", "covered", "grammar_clean", "not_copied", "not_repetitive"):
        change(records.generation.differences_from_strongest[name], low=0.01, high=0.2)
    assert verdicts.gains(records, words).startswith("It is ahead in every condition: Valid, Uses its word, Level ±1,")
    for difference in records.generation.differences_from_strongest.values():
        change(difference, low=-0.1, high=0.2)
    assert verdicts.gains(records, words) is None
