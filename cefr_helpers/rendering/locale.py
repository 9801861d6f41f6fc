"""How words, numbers, dates and durations are written in a language; Babel knows the language's own forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml
from babel import Locale as Language
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.progress import clock

LANGUAGES = ("en", "tr")
PHRASES = Path(__file__).parent / "phrases"
MINUS = "\N{MINUS SIGN}"
_OF_BABEL = {"en": "en_GB", "tr": "tr"}  # English as in "A, B and C" and "22 November 2026"


@dataclass(frozen=True)
class Locale:
    """A language with its phrases; what is None is written as "unknown".

    Attributes:
        loss_decimals: of the losses in a document.
    """

    language: str
    phrases: dict
    loss_decimals: int = 3

    @property
    def unknown(self) -> str:
        """The word for a value that is not known."""
        return self.phrases["unknown"]

    def decimal(self, value: float | None, places: int) -> str:
        """A number with `places` decimals: 1,234.50 in English, 1.234,50 in Turkish."""
        if value is None:
            return self.unknown
        text = format_decimal(abs(round(value, places)), _pattern(places), _OF_BABEL[self.language])
        return (MINUS if value < 0 and any(digit in text for digit in "123456789") else "") + text

    def whole(self, value: float | None) -> str:
        """A whole number, thousands grouped."""
        return self.decimal(value, 0)

    def plain(self, value: object) -> str:
        """A setting as it was given: 0.05, 2e-4, True, a text; only its decimal mark is the language's."""
        if value is None:
            return self.unknown
        if isinstance(value, bool):
            return self.phrases["yes"] if value else self.phrases["no"]
        if isinstance(value, float):
            mark = Language.parse(_OF_BABEL[self.language]).number_symbols["latn"]["decimal"]
            return _shortest(value).replace(".", mark)
        return str(value)

    def loss(self, value: float | None) -> str:
        """A loss in nats per token, with the document's number of decimals."""
        return self.decimal(value, self.loss_decimals)

    def percent(self, value: float | None, places: int = 1) -> str:
        """72.2% in English, %72,2 in Turkish."""
        if value is None:
            return self.unknown
        text = self.decimal(value, places)
        sign, number = (MINUS, text[1:]) if text.startswith(MINUS) else ("", text)
        form = Language.parse(_OF_BABEL[self.language]).percent_formats[None].pattern
        return sign + form.replace("#,##0", number)

    def share(self, value: float | None) -> str:
        """A share between 0 and 1 as a percentage."""
        return self.percent(None if value is None else 100 * value)

    def duration(self, seconds: float | None) -> str:
        """Minutes and seconds, or hours, minutes and seconds."""
        return self.unknown if seconds is None else clock(seconds)

    def gigabytes(self, size: float | None) -> str:
        """A number of bytes in GB (10^9)."""
        return self.unknown if size is None else f"{self.decimal(size / 1e9, 1)} GB"

    def date(self, moment: str | None) -> str:
        """An ISO moment as a day: 22 November 2026, 22 Kasım 2026."""
        if moment is None:
            return self.unknown
        return format_date(datetime.fromisoformat(moment), "d MMMM y", _OF_BABEL[self.language])

    def list(self, items: Sequence[str]) -> str:
        """A, B and C."""
        return format_list(items, locale=_OF_BABEL[self.language])


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
    """The locale of a document in `language`."""
    return Locale(language, phrases(language), loss_decimals)


def decimals_known(values: Sequence[float | None], least: int = 2, most: int = 3) -> int:
    """How many decimals to show, so that no figure looks more exact than the most exact of `values` is."""
    found = least
    for value in values:
        if value is not None:
            known = next((n for n in range(least, most) if round(value, n) == value), most)
            found = max(found, known)
    return found


def _pattern(places: int) -> str:
    return "#,##0" + ("." + "0" * places if places else "")


def _shortest(value: float) -> str:
    if 0 < abs(value) < 0.001:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.4g}"
