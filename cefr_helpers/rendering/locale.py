"""How words, numbers, dates and durations are written in a language; Babel knows the language's own forms."""

from collections.abc import Callable, Sequence
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
from cefr_helpers.core.schema import Interval, Metric
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.escaping import Markdown

LANGUAGES = ("en", "tr")
PHRASES = Path(__file__).parent / "phrases"
MINUS = "\N{MINUS SIGN}"
SMALLEST_P = 0.001
_OF_BABEL = {"en": "en_GB", "tr": "tr"}  # English as in "A, B and C" and "22 November 2026"


@dataclass(frozen=True)
class Locale:
    """A language with its phrases; what is None is written as "unknown".

    Its methods are the filters of the templates, under the same names: `{{ training.duration_s | duration }}`.

    Attributes:
        phrases: as the catalogue has them, for figures, web pages and the terminal.
        loss_decimals: of the losses in a document.
    """

    language: str
    phrases: dict
    loss_decimals: int = 3

    @property
    def unknown(self) -> str:
        """The word for a value that is not known."""
        return self.phrases["unknown"]

    @property
    def text(self) -> dict:
        """The phrases as Markdown, for notes: they escape what they are filled with."""
        return _phrases_as_markdown(self.language)

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

    def share(self, value: float | None, places: int = 1) -> str:
        """A share between 0 and 1 as a percentage."""
        return self.percent(None if value is None else 100 * value, places)

    def points(self, value: float | None) -> str:
        """A difference of shares in percentage points."""
        return self.decimal(None if value is None else 100 * value, 1)

    def p(self, value: float | None) -> str:
        """A p of a test: 0.012, or < 0.001."""
        if value is not None and value < SMALLEST_P:
            return f"< {self.decimal(SMALLEST_P, 3)}"
        return self.decimal(value, 3)

    def interval(
        self, ends: tuple[float | None, float | None], write: Callable[[float | None], str] | None = None
    ) -> Markdown:
        """[low, high], with a semicolon where the comma marks decimals; written as losses if not told otherwise."""
        low, high = map(write or self.loss, ends)
        return self.text["interval"].format(low=low, high=high)

    def mean_with_interval(self, metric: Metric, places: int = 2) -> Markdown:
        """A mean with the interval that it may have: 2.93 [2.71, 3.15]."""
        return self._with_interval(metric.value, metric, lambda value: self.decimal(value, places))

    def share_with_interval(self, metric: Metric | None) -> Markdown:
        """A share with the interval that it may have, that in percentage points: 58.0% [43.2, 72.8]."""
        metric = metric or Metric()
        return self._with_interval(metric.value, metric, self.points, self.share)

    def points_with_interval(self, difference: Interval | None) -> Markdown:
        """A difference of shares with the interval that it may have, in percentage points: 34.0 [16.3, 51.7]."""
        difference = difference or Interval()
        return self._with_interval(difference.estimate, difference, self.points)

    def _with_interval(
        self,
        value: float | None,
        ends: Metric | Interval,
        write: Callable[[float | None], str],
        write_value: Callable[[float | None], str] | None = None,
    ) -> Markdown:
        if value is None:
            return self.text["missing"]
        parts = [(write_value or write)(value)]
        if ends.low is not None and ends.high is not None:
            parts.append(self.interval((ends.low, ends.high), write))
        return Markdown(" ").join(parts)

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

    def list(self, items: Sequence[str]) -> Markdown:
        """A, B and C."""
        return Markdown(format_list([escaping.markdown(item) for item in items], locale=_OF_BABEL[self.language]))

    def commit(self, name: str | None) -> Markdown:
        """The first twelve digits of a commit, and whether files differed from it."""
        if name in (None, "unknown"):
            return self.text["unknown"]
        digits, _, changes = name.partition("+")
        short = escaping.code(digits[:12])
        return self.text["facts"]["changed"].format(commit=short) if changes else short

    def recorded(self, text: str | None) -> Markdown:
        """A text that code wrote into a record, in the language; one that the catalogue lacks as it is."""
        return self.text["recorded_texts"].get(text) or escaping.markdown(text or "")

    def setting(self, value: object) -> Markdown:
        """A setting's value."""
        if isinstance(value, list):
            return Markdown(", ").join(escaping.code(part) for part in value)
        if isinstance(value, str):
            return self.text["recorded_texts"].get(value) or escaping.code(value)
        return escaping.markdown(self.plain(value))


@cache
def phrases(language: str) -> dict:
    """The catalogue of phrases of a language.

    Raises:
        InputError: there is none for `language`.
    """
    if language not in LANGUAGES:
        raise InputError(f"language: {language!r} is not one of {', '.join(LANGUAGES)}")
    return yaml.safe_load((PHRASES / f"{language}.yaml").read_text(encoding="utf-8"))


@cache
def _phrases_as_markdown(language: str) -> dict:
    def marked(part: dict) -> dict:
        return {key: marked(value) if isinstance(value, dict) else Markdown(value) for key, value in part.items()}

    return marked(phrases(language))


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
