"""Whether tuning helped the model's own sentences: Joint Success of base and tuned, level by level, and how sure."""

import math
from dataclasses import replace

from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.schema import GATES, MEASURE_VERSION, Generation, Interval, Metric
from cefr_helpers.evaluation import intervals
from cefr_helpers.notes import observations
from cefr_helpers.rendering import tables
from cefr_helpers.rendering.locale import Locale

SURE = 0.05  # largest p at which the test over prompts counts as confirming what an interval shows
OUTCOMES = ("better", "worse", "unconfirmed", "same", "open")


def title(measured: list[LevelRecords], locale: Locale) -> str:
    """The section's title; it says "held-out" only where the records show that the words were."""
    held_out = all(observations.seen_kind(records) == "held_out" for records in measured)
    return locale.phrases["generation"]["title"]["held_out" if held_out else "other"]


def outcome(difference: Interval, p: float | None) -> str:
    """Which of OUTCOMES a difference (tuned - base) with its interval and its p amounts to.

    "better" and "worse" need an interval that excludes zero and a p below SURE: with few prompts the two may disagree.
    """
    low, high = difference.low, difference.high
    if low is None or high is None:
        return "open"
    if low <= 0 <= high:
        return "same"
    if p is None or p >= SURE:
        return "unconfirmed"
    return "better" if low > 0 else "worse"


def joint_success(records: LevelRecords, locale: Locale, holm: tuple[float, int] | None = None) -> str:
    """Outcome and figures of Joint Success, tuned against the strongest untuned row; no full stop.

    Args:
        holm: p corrected for several levels, and how many these are; by default the recorded p stands.
    """
    found, text = records.generation, locale.phrases["generation"]
    difference = _difference(found, "joint_success")
    p = difference.p if holm is None else holm[0]
    n = locale.whole(found.slots)
    rows = (opponent(found), "tuned")
    base, tuned = (locale.share(found.value(row, "joint_success")) for row in rows)
    said, figures = outcome(difference, p), text["figures"].format(base=base, tuned=tuned)
    if said == "open":
        figures = f"{figures}, {text['slots_only'].format(n=n)}"
    else:
        shown = {"estimate": points(difference.estimate, locale), "interval": ends(difference, locale), "n": n}
        said_p = p_in_words(p, holm, locale) + _lowest(difference.p, found.prompts, locale)
        figures = f"{figures}, {text['difference'].format(p=said_p, **shown)}"
    name = text["opponents"][rows[0]]
    return f"**{text['verdict'][said].format(n=n, opponent=name)}**: {figures}"


def opponent(found: Generation) -> str:
    """The row that the tuned one is measured against: the strongest untuned one; the base where none is recorded."""
    return found.strongest_untuned or "base"


def gains(records: LevelRecords, locale: Locale) -> str | None:
    """In which conditions of Joint Success the tuned model is ahead, and in which no difference is shown.

    None where it is ahead in none, or where no opponent is recorded. An interval above zero counts; no correction is
    made for there being several conditions, and the text says so.
    """
    found, text = records.generation, locale.phrases["generation"]
    if not found.strongest_untuned:
        return None
    known = {gate: _difference(found, gate) for gate in GATES}
    known = {gate: one for gate, one in known.items() if one.low is not None and one.high is not None}
    ahead = [gate for gate, one in known.items() if one.low > 0]
    if not ahead:
        return None
    named, rest = (
        locale.list([text["measures"][gate] for gate in gates])
        for gates in (ahead, [gate for gate in known if gate not in ahead])
    )
    said = {"opponent": text["opponents"][opponent(found)], "gains": named, "rest": rest}
    return text["gains_alone" if rest else "gains"].format(**said)


def _difference(found: Generation, rate: str) -> Interval:
    """Tuned minus the opponent."""
    differences = found.differences_from_strongest if found.strongest_untuned else found.differences
    return differences.get(rate, Interval())


def helped(by_level: dict[str, LevelRecords], locale: Locale) -> dict | None:
    """What the report says first: did tuning help, at which level, by how much, how sure."""
    measured = [records for records in by_level.values() if records.generation]
    if not measured:
        return None
    corrected = _corrected(measured)
    lines = []
    for records in by_level.values():
        told = [joint_success(records, locale, corrected.get(records.level))] if records in measured else []
        told += [loss] if (loss := _loss(records, locale)) else []
        won = gains(records, locale) if records in measured else None
        lines += [f"{records.level}: {'; '.join(told)}.{' ' + won if won else ''}"] if told else []
    fewest = min((records.generation.prompts or 0 for records in measured), default=0)
    return {
        "answer": _answer(measured, corrected, locale),
        "lines": lines,
        "few": few_prompts(fewest, len(corrected), locale),
        "joint": _joint(measured, locale),
        "title": title(measured, locale),
    }


def points(value: float, locale: Locale) -> str:
    """A difference of shares in percentage points."""
    return locale.decimal(100 * value, 1)


def _corrected(measured: list[LevelRecords]) -> dict[str, tuple[float, int]]:
    p = {records.level: _difference(records.generation, "joint_success").p for records in measured}
    known = {level: value for level, value in p.items() if value is not None}
    return {
        level: (value, len(known)) for level, value in zip(known, intervals.holm(list(known.values())), strict=True)
    }


def _answer(measured: list[LevelRecords], corrected: dict[str, tuple[float, int]], locale: Locale) -> str:
    text = locale.phrases["generation"]
    at: dict[str, list[str]] = {kind: [] for kind in OUTCOMES}
    for records in measured:
        p, _ = corrected.get(records.level, (None, 0))
        at[outcome(_difference(records.generation, "joint_success"), p)].append(records.level)
    parts = [text["answers"][kind].format(levels=locale.list(levels)) for kind, levels in at.items() if levels]
    return text["answer"].format(parts="; ".join(parts))


def _joint(measured: list[LevelRecords], locale: Locale) -> str:
    text = locale.phrases["generation"]
    without = [records.level for records in measured if not records.generation.scorer]
    said = [text["no_scorer_at"].format(levels=locale.list(without))] if without else []
    return " ".join([text["joint_report"], *said, gates(measured, locale)])


def gates(measured: list[LevelRecords], locale: Locale) -> str:
    """By which version of the gates the records were measured, and how these judge right and wrong sentences.

    Records of several versions are set apart, since their figures do not compare.
    """
    text = locale.phrases["generation"]["gates"]
    versions: dict[int, list[str]] = {}
    for records in measured:
        versions.setdefault(records.generation.measure_version, []).append(records.level)
    if len(versions) > 1:
        parts = [
            text["part"].format(version=version, levels=locale.list(levels)) for version, levels in versions.items()
        ]
        return text["mixed"].format(parts="; ".join(parts))
    version = next(iter(versions))
    if version != MEASURE_VERSION:
        return text["old"].format(version=version, current=MEASURE_VERSION)
    quality = measured[0].generation.gate_quality
    shown = {key: locale.share(getattr(quality, key)) for key in ("right", "mistakes", "shuffled")}
    return text["version"].format(version=version, **shown)


def _loss(records: LevelRecords, locale: Locale) -> str | None:
    found, text = records.comparison.results.completion, locale.phrases["generation"]
    if not found:
        return None
    n = locale.whole(records.comparison.results.examples)
    base, tuned = (locale.loss(likelihood.loss) for likelihood in (found.base, found.tuned))
    if found.difference.low is None or found.difference.high is None:
        return text["loss_only"].format(base=base, tuned=tuned, n=n)
    estimate = locale.loss(found.difference.estimate)
    interval = tables.interval((found.difference.low, found.difference.high), locale)
    return text["loss"].format(base=base, tuned=tuned, estimate=estimate, interval=interval, n=n)


def ends(entry: Interval | Metric, locale: Locale) -> str:
    """The interval of a share, in percentage points."""
    return tables.interval((100 * entry.low, 100 * entry.high), replace(locale, loss_decimals=1))


def p_in_words(p: float | None, holm: tuple[float, int] | None, locale: Locale) -> str:
    """A p such as "p = 0.012" or "p < 0.001"; `holm` gives the corrected p and over how many levels."""
    text = locale.phrases["generation"]
    small = p is not None and p < tables.SMALLEST_P
    shown = text["p_below" if small else "p"].format(p=locale.decimal(tables.SMALLEST_P if small else p, 3))
    return shown if holm is None or holm[1] < 2 else text["p_holm"].format(p=shown, levels=holm[1])


def _lowest(p: float | None, prompts: int | None, locale: Locale) -> str:
    """That the test's p is as low as its number of prompts allows, where it is."""
    if p is None or not prompts or not math.isclose(p, 2.0 ** (1 - prompts)):
        return ""
    return locale.phrases["generation"]["p_lowest"].format(prompts=locale.whole(prompts))


def few_prompts(prompts: int, levels: int, locale: Locale) -> str | None:
    """Where no outcome whatever could make the test's p small enough, that is said."""
    least = 2.0 ** (1 - prompts)
    if prompts < 2 or levels * least < SURE:
        return None
    shown = {"prompts": locale.whole(prompts), "least": locale.decimal(min(1, levels * least), 3)}
    return locale.phrases["generation"]["few" if levels == 1 else "few_levels"].format(levels=levels, **shown)
