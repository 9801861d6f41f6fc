"""The level on both scales, as people label it and as the bank teaches it: what notes and report say of each."""

from cefr_helpers.core import schema
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.levels import number
from cefr_helpers.core.schema import Generation, Metric
from cefr_helpers.evaluation import human_scale
from cefr_helpers.notes import verdicts
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.locale import Locale

COLUMNS = ("human_level", "human_level_length_free", "human_within_one", "bank_level", "level_ok")
_SHARES = ("human_within_one", "level_ok")
_SAID = (("tuned", "human_level"), ("tuned", "human_within_one"), ("gold", "human_level"))
_LONGEST_SENTENCE = 200


def people(records: LevelRecords, locale: Locale) -> str | None:
    """Where people would place the tuned model's sentences, as a sentence; None where that was not measured."""
    found, text = records.generation, locale.phrases["scales"]
    level, within, bank = (found.metric(*one) for one in _SAID)
    if level.value is None or within.value is None:
        return None
    said = text["people"].format(
        reads=human_scale.nearest(level.value),
        score=mean(level, locale, 1),
        level=records.level,
        within=share(within, locale),
    )
    if bank.value is None:
        return said
    reads = human_scale.nearest(bank.value)
    return f"{said} {text['people_bank'].format(reads=reads, score=mean(bank, locale, 1))}"


def rows(records: LevelRecords, locale: Locale) -> dict | None:
    """The table of all systems on both scales, and the text above it; None for records older than the scale."""
    found, text = records.generation, locale.phrases["scales"]
    if not is_measured(found):
        return None
    systems = locale.phrases["generation"]["rows"]
    lines = [
        [systems[row], *(_cell(found.metric(row, column), column, locale) for column in COLUMNS)]
        for row in schema.ROWS
        if found.measures.get(row)
    ]
    headings = [locale.phrases["generation"]["row"], *(text["columns"][column] for column in COLUMNS)]
    return {
        "title": text["title"],
        "text": text["text"].format(level=records.level, target=number(records.level)),
        "table": tables.markdown_table(headings, lines, numbers_from=1),
    }


def is_measured(found: Generation) -> bool:
    """Whether answers have levels on the human scale, which older records lack."""
    return any(found.value(row, "human_level") is not None for row in found.measures)


def bank(records: LevelRecords, locale: Locale) -> dict | None:
    """Where people would place the bank's own sentences, and those furthest from their label; None if not recorded."""
    found, text = records.dataset.results.placement, locale.phrases["scales"]
    if found.mean is None:
        return None
    said = text["bank"].format(
        level=records.level,
        reads=human_scale.nearest(found.mean),
        mean=locale.decimal(found.mean, 2),
        sd=locale.decimal(found.sd, 2),
        within=locale.share(found.within_one),
        sentences=locale.whole(found.sentences),
        of=locale.whole(found.of),
    )
    lines = [
        [escaping.markdown(escaping.shortened(one.sentence or "", _LONGEST_SENTENCE)), locale.decimal(one.score, 2)]
        for one in found.furthest
    ]
    headings = [text["sentence"], text["score"]]
    table = tables.markdown_table(headings, lines, numbers_from=1) if lines else None
    return {"text": said, "furthest_text": text["furthest"].format(level=records.level), "furthest": table}


def mean(entry: Metric, locale: Locale, places: int = 2) -> str:
    """A mean level with its interval, where it has one."""
    shown = locale.decimal(entry.value, places)
    if None in (entry.low, entry.high):
        return shown
    return f"{shown} {tables.interval((entry.low, entry.high), locale, lambda end: locale.decimal(end, places))}"


def share(entry: Metric, locale: Locale) -> str:
    """A share with its interval in percentage points, where it has one."""
    shown = locale.share(entry.value)
    return shown if None in (entry.low, entry.high) else f"{shown} {verdicts.ends(entry, locale)}"


def _cell(entry: Metric, column: str, locale: Locale) -> str:
    if entry.value is None:
        return locale.phrases["missing"]
    return share(entry, locale) if column in _SHARES else mean(entry, locale)
