"""Numbers and phrases in both languages."""

import re

import hand_made_records
from hand_made_notes import WORKSPACE, by_level, note
from hand_made_records import change

from cefr_helpers.notes import final_report
from cefr_helpers.rendering import locale


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
        records = make()
        change(records.comparison.results, answers=[])  # what models wrote is not ours
        others = by_level(B2=records, A2=make("A2"))
        text += note(records, "tr", A2=others["A2"]) + final_report.final_report(WORKSPACE, others, "tr")
    text = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`|\]\([^)]*\)|&#\d+;", "", text)
    allowed = {"4e", "1e", "135M", "1B"}  # 4e-4 and names of models
    assert set(re.findall(r"\d+['’]?[A-Za-zçğıöşü]+", text)) <= allowed


def test_turkish_notes_hold_no_english_numbers():
    text = note(hand_made_records.level_records(), "tr")
    assert "1,801" in text and "1.801" not in text and "24.7%" not in text and "%24,7" in text


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
