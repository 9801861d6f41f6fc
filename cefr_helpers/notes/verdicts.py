"""Whether tuning helped the model's own sentences: Joint Success of base and tuned, level by level, and how sure."""

import math

from cefr_helpers.core.errors import required
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.schema import GATES, MEASURE_VERSION, RATES, Generation, Interval
from cefr_helpers.evaluation import human_scale, intervals
from cefr_helpers.notes import observations
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import SMALLEST_P, Locale

SURE = 0.05  # largest p at which the test over prompts counts as confirming what an interval shows
OUTCOMES = ("better", "worse", "unconfirmed", "same", "open")


def title(measured: list[LevelRecords], locale: Locale) -> Markdown:
    """The section's title; it says "held-out" only where the records show that the words were."""
    held_out = all(observations.seen_kind(records) == "held_out" for records in measured)
    return locale.text["generation"]["title"]["held_out" if held_out else "other"]


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


def joint_success(records: LevelRecords, locale: Locale, holm: tuple[float, int] | None = None) -> Markdown:
    """Outcome and figures of Joint Success, tuned against the strongest untuned row; no full stop.

    Args:
        holm: p corrected for several levels, and how many these are; by default the recorded p stands.
    """
    found, text = records.generation, locale.text["generation"]
    difference = _difference(found, "joint_success")
    p = difference.p if holm is None else holm[0]
    n = locale.whole(found.slots)
    rows = (opponent(found), "tuned")
    base, tuned = (locale.share(found.value(row, "joint_success")) for row in rows)
    said, figures = outcome(difference, p), text["figures"].format(base=base, tuned=tuned)
    if said == "open":
        more = text["slots_only"].format(n=n)
    else:
        interval = locale.interval((difference.low, difference.high), locale.points)
        said_p = Markdown("").join([p_in_words(p, holm, locale), _lowest(difference.p, found.prompts, locale)])
        more = text["difference"].format(estimate=locale.points(difference.estimate), interval=interval, p=said_p, n=n)
    verdict = text["verdict"][said].format(n=n, opponent=text["opponents"][rows[0]])
    return Markdown("**{verdict}**: {figures}, {more}").format(verdict=verdict, figures=figures, more=more)


def opponent(found: Generation) -> str:
    """The row that the tuned one is measured against: the strongest untuned one; the base where none is recorded."""
    return found.strongest_untuned or "base"


def gains(records: LevelRecords, locale: Locale) -> Markdown | None:
    """In which conditions of Joint Success the tuned model is ahead, and in which no difference is shown.

    None where it is ahead in none, or where no opponent is recorded. An interval above zero counts; no correction is
    made for there being several conditions, and the text says so.
    """
    found, text = records.generation, locale.text["generation"]
    if not found.strongest_untuned:
        return None
    known = {gate: _difference(found, gate) for gate in GATES}
    known = {gate: one for gate, one in known.items() if one.low is not None and one.high is not None}
    ahead = [gate for gate, one in known.items() if required(one.low) > 0]
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


def people(records: LevelRecords, locale: Locale) -> Markdown | None:
    """Where people would place the tuned model's sentences; None where that was not measured."""
    found, text = records.generation, locale.text["scales"]
    level, within = found.metric("tuned", "human_level"), found.metric("tuned", "human_within_one")
    bank = found.metric("gold", "human_level")
    if level.value is None or within.value is None:
        return None
    said = text["people"].format(
        reads=human_scale.nearest(level.value),
        score=locale.mean_with_interval(level, 1),
        level=records.level,
        within=locale.share_with_interval(within),
    )
    if bank.value is None:
        return said
    reads = human_scale.nearest(bank.value)
    beside = text["people_bank"].format(reads=reads, score=locale.mean_with_interval(bank, 1))
    return Markdown(" ").join([said, beside])


def cautions(found: Generation, locale: Locale) -> list[Markdown]:
    """What intervals and test cannot say of so few prompts."""
    measured = [found.metric(row, rate) for row in found.measures for rate in (*RATES, "exact_ten")]
    ends = [(one.low, one.high) for one in measured] + [(one.low, one.high) for one in found.differences.values()]
    flat = any(low is not None and low == high for low, high in ends)
    few = few_prompts(found.prompts or 0, 1, locale)
    return ([locale.text["generation"]["no_width"]] if flat else []) + ([few] if few else [])


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
        line = Markdown("{level}: {told}.").format(level=records.level, told=Markdown("; ").join(told))
        lines += [Markdown(" ").join([line, *([won] if won else [])])] if told else []
    fewest = min((records.generation.prompts or 0 for records in measured), default=0)
    return {
        "answer": _answer(measured, corrected, locale),
        "lines": lines,
        "few": few_prompts(fewest, len(corrected), locale),
        "joint": _joint(measured, locale),
        "title": title(measured, locale),
    }


def _corrected(measured: list[LevelRecords]) -> dict[str, tuple[float, int]]:
    p = {records.level: _difference(records.generation, "joint_success").p for records in measured}
    known = {level: value for level, value in p.items() if value is not None}
    return {
        level: (value, len(known)) for level, value in zip(known, intervals.holm(list(known.values())), strict=True)
    }


def _answer(measured: list[LevelRecords], corrected: dict[str, tuple[float, int]], locale: Locale) -> Markdown:
    text = locale.text["generation"]
    at: dict[str, list[str]] = {kind: [] for kind in OUTCOMES}
    for records in measured:
        p, _ = corrected.get(records.level, (None, 0))
        at[outcome(_difference(records.generation, "joint_success"), p)].append(records.level)
    parts = [text["answers"][kind].format(levels=locale.list(levels)) for kind, levels in at.items() if levels]
    return text["answer"].format(parts=Markdown("; ").join(parts))


def _joint(measured: list[LevelRecords], locale: Locale) -> Markdown:
    text = locale.text["generation"]
    without = [records.level for records in measured if not records.generation.scorer]
    said = [text["no_scorer_at"].format(levels=locale.list(without))] if without else []
    return Markdown(" ").join([text["joint_report"], *said, gates(measured, locale)])


def gates(measured: list[LevelRecords], locale: Locale) -> Markdown:
    """By which version of the gates the records were measured, and how these judge right and wrong sentences.

    Records of several versions are set apart, since their figures do not compare.
    """
    text = locale.text["generation"]["gates"]
    versions: dict[int, list[str]] = {}
    for records in measured:
        versions.setdefault(records.generation.measure_version, []).append(records.level)
    if len(versions) > 1:
        parts = [
            text["part"].format(version=str(version), levels=locale.list(levels))
            for version, levels in versions.items()
        ]
        return text["mixed"].format(parts=Markdown("; ").join(parts))
    version = next(iter(versions))
    if version != MEASURE_VERSION:
        return text["old"].format(version=str(version), current=str(MEASURE_VERSION))
    quality = measured[0].generation.gate_quality
    shown = {key: locale.share(getattr(quality, key)) for key in ("right", "mistakes", "shuffled")}
    return text["version"].format(version=str(version), **shown)


def _loss(records: LevelRecords, locale: Locale) -> Markdown | None:
    found, text = records.comparison.results.completion, locale.text["generation"]
    if not found:
        return None
    n = locale.whole(records.comparison.results.examples)
    base, tuned = (locale.loss(likelihood.loss) for likelihood in (found.base, found.tuned))
    if found.difference.low is None or found.difference.high is None:
        return text["loss_only"].format(base=base, tuned=tuned, n=n)
    estimate = locale.loss(found.difference.estimate)
    interval = locale.interval((found.difference.low, found.difference.high))
    return text["loss"].format(base=base, tuned=tuned, estimate=estimate, interval=interval, n=n)


def p_in_words(p: float | None, holm: tuple[float, int] | None, locale: Locale) -> Markdown:
    """A p such as "p = 0.012" or "p < 0.001"; `holm` gives the corrected p and over how many levels."""
    text = locale.text["generation"]
    small = p is not None and p < SMALLEST_P
    shown = text["p_below" if small else "p"].format(p=locale.decimal(SMALLEST_P if small else p, 3))
    return shown if holm is None or holm[1] < 2 else text["p_holm"].format(p=shown, levels=locale.whole(holm[1]))


def _lowest(p: float | None, prompts: int | None, locale: Locale) -> Markdown:
    """That the test's p is as low as its number of prompts allows, where it is."""
    if p is None or not prompts or not math.isclose(p, 2.0 ** (1 - prompts)):
        return Markdown("")
    return locale.text["generation"]["p_lowest"].format(prompts=locale.whole(prompts))


def few_prompts(prompts: int, levels: int, locale: Locale) -> Markdown | None:
    """Where no outcome whatever could make the test's p small enough, that is said."""
    least = 2.0 ** (1 - prompts)
    if prompts < 2 or levels * least < SURE:
        return None
    shown = {"prompts": locale.whole(prompts), "least": locale.decimal(min(1, levels * least), 3)}
    return locale.text["generation"]["few" if levels == 1 else "few_levels"].format(
        levels=locale.whole(levels), **shown
    )
