"""How words, numbers, dates and durations are written, in English and in Turkish."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.progress import clock

LANGUAGES = ("en", "tr")
PHRASES = Path(__file__).parent / "phrases"
MINUS = "\N{MINUS SIGN}"
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "tr": [
        "Ocak",
        "Şubat",
        "Mart",
        "Nisan",
        "Mayıs",
        "Haziran",
        "Temmuz",
        "Ağustos",
        "Eylül",
        "Ekim",
        "Kasım",
        "Aralık",
    ],
}


@dataclass(frozen=True)
class Locale:
    """A language with its phrases, and how many decimals the losses of a document get."""

    language: str
    phrases: dict
    loss_decimals: int = 3

    @property
    def unknown(self) -> str:
        return self.phrases["unknown"]


@cache
def phrases(language: str) -> dict:
    """The catalogue of phrases of a language.

    Raises:
        InputError: there is none for `language`.
    """
    if language not in LANGUAGES:
        raise InputError(f"language: {language!r} is not one of {', '.join(LANGUAGES)}")
    return yaml.safe_load((PHRASES / f"{language}.yaml").read_text(encoding="utf-8"))


def load_locale(language: str, loss_decimals: int = 3) -> Locale:
    """The wording of a document in `language`."""
    return Locale(language, phrases(language), loss_decimals)


def decimals_known(values: list[float | None], least: int = 2, most: int = 3) -> int:
    """How many decimals to show, so that no figure looks more exact than the most exact of `values` is."""
    found = least
    for value in values:
        if value is not None:
            known = next((n for n in range(least, most) if round(value, n) == value), most)
            found = max(found, known)
    return found


def decimal(value: float | None, places: int, words: Locale) -> str:
    """A number with `places` decimals: 1,234.50 in English, 1.234,50 in Turkish; None is "unknown"."""
    if value is None:
        return words.unknown
    text = f"{abs(value):,.{places}f}"
    if words.language == "tr":
        text = text.translate({ord(","): ".", ord("."): ","})
    return (MINUS if value < 0 and any(digit in text for digit in "123456789") else "") + text


def whole(value: float | None, words: Locale) -> str:
    """A whole number, thousands grouped."""
    return decimal(value, 0, words)


def plain(value: object, words: Locale) -> str:
    """A setting as it was given: 0.05, 2e-4, True, a text; only its decimal mark is the language's."""
    if value is None:
        return words.unknown
    if isinstance(value, bool):
        return words.phrases["yes"] if value else words.phrases["no"]
    if isinstance(value, float):
        return _shortest(value, words)
    return str(value)


def _shortest(value: float, words: Locale) -> str:
    text = f"{value:.4g}"
    if 0 < abs(value) < 0.001:
        mantissa, exponent = f"{value:.3e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text.replace(".", ",") if words.language == "tr" else text


def loss(value: float | None, words: Locale) -> str:
    """A loss in nats a token, with the document's number of decimals."""
    return decimal(value, words.loss_decimals, words)


def percent(value: float | None, words: Locale, places: int = 1) -> str:
    """72.2% in English, %72,2 in Turkish."""
    if value is None:
        return words.unknown
    text = decimal(abs(value), places, words)
    sign = MINUS if value < 0 and round(value, places) != 0 else ""
    return f"{sign}%{text}" if words.language == "tr" else f"{sign}{text}%"


def share(value: float | None, words: Locale) -> str:
    """A share between 0 and 1 as a percentage."""
    return percent(None if value is None else 100 * value, words)


def duration(seconds: float | None, words: Locale) -> str:
    """As `clock`; None is "unknown"."""
    return words.unknown if seconds is None else clock(seconds)


def gigabytes(size: float | None, words: Locale) -> str:
    """A number of bytes in GB (10^9)."""
    return words.unknown if size is None else f"{decimal(size / 1e9, 1, words)} GB"


def date(moment: str | None, words: Locale) -> str:
    """An ISO moment as a day: 22 November 2026, 22 Kasım 2026."""
    if moment is None:
        return words.unknown
    day = datetime.fromisoformat(moment)
    return f"{day.day} {_MONTHS[words.language][day.month - 1]} {day.year}"


def format_list(items: list[str], words: Locale) -> str:
    """A, B and C."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {words.phrases['and']} {items[-1]}"
