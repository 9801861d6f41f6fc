"""The verdict on the model's own sentences: what interval and test must show before it says that tuning helped."""

import hand_made_records
import pytest
from hand_made_notes import WORKSPACE
from hand_made_records import change

from cefr_helpers.notes import sections, verdicts
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
    difference = records.generation.differences["joint_success"]
    change(difference, low=low, high=high, p=p)
    assert verdicts.outcome(difference, p) == said
    text = verdicts.joint_success(records, words)
    assert text.startswith(
        f"**{words.phrases['generation']['verdict'][said].format(n=50)}**: Joint Success 4.0% → 38.0%"
    )
    assert ("succeed more often than its base's**" in text) == (said == "better")
    assert sections.generated_answers(WORKSPACE, records, words)["verdict"].startswith(text)


def test_the_verdict_on_answers_in_full():
    assert sections.generated_answers(WORKSPACE, hand_made_records.with_answers(), locale.load_locale("tr"))[
        "verdict"
    ] == (
        "**Güven aralığı ince ayarlı model ile temel model arasında bir fark gösteriyor, ancak istemler üzerindeki "
        "sınama bunu doğrulamıyor**: Tam Başarı %4,0 → %38,0, fark 34,0 puan, %95 güven aralığı [16,3; 51,7], "
        "p = 0,062, n = 50 kelime; ölçüm, ne eğitimin ne de kontrol noktası seçiminin gördüğü test kelimeleriyle "
        "yapıldı (eğitimde de geçen hedef kelimeler: %0,0; cümleler: %0,0)."
    )
