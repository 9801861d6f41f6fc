"""What readers say of the sentences, in notes and report: whether they would print them, and who else sees it so."""

from cefr_helpers.core import ratings
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.ratings import (
    GateAgreement,
    JudgeRating,
    MeasureAgreement,
    Preference,
    RatingResults,
    SystemRating,
)
from cefr_helpers.core.schema import RATES, Interval, Metric
from cefr_helpers.notes import verdicts
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.locale import Locale
from cefr_helpers.rendering.tables import Column, LevelTable

MEANING_FROM = 0.75  # an AUC against readers below which no measure is called one of meaning
_CONTROL = "gold"
_ASKED_ABOUT = ("tuned", "written")


def headline(records: LevelRecords, locale: Locale) -> str:
    """The share that readers would print, system by system, or that nobody has read yet, as one sentence."""
    found, text = records.ratings.results, locale.phrases["readers"]
    if not found.systems:
        return text["not_rated"].format(level=records.level)
    systems = "; ".join(
        text["system_share"].format(
            system=_name(row, locale), share=_share(one.printable, locale), n=locale.whole(one.words)
        )
        for row, one in _in_order(found.systems)
    )
    said = text["headline"].format(systems=systems, readers=who(found, locale))
    return f"{said} {text['stale']}" if is_stale(records) else said


def who(found: RatingResults, locale: Locale) -> str:
    """Whose votes count, by kind: "2 teachers and 1 learner"."""
    text = locale.phrases["readers"]
    counts = ratings.kinds(found.readers)
    named = [text["one" if n == 1 else "many"][kind].format(n=locale.whole(n)) for kind, n in counts.items()]
    return locale.list(named)


def is_stale(records: LevelRecords) -> bool:
    """Whether the answers that were read are of another comparison than the one that is there."""
    read = records.ratings.results.comparison_created
    return read is not None and read != records.comparison.created


def section(records: LevelRecords, locale: Locale) -> dict | None:
    """The parts of a note's section; None where the level has no generated answers."""
    if not records.generation:
        return None
    found, text = records.ratings.results, locale.phrases["readers"]
    return {
        "title": text["title"],
        "headline": headline(records, locale),
        "about": text["about"].format(level=records.level, page=found.page) if found.systems else None,
        "readers": _readers(found, locale),
        "systems": _systems_table(found, locale),
        "differences": [_difference(row, one, locale) for row, one in found.systems.items() if one.difference],
        "preferences": _preferences_table(found, locale),
        "open_pairs": [_open_pairs(row, one, locale) for row, one in found.preferences.items()],
        "agreement": _agreement(found, locale),
        "gates": _gates_table(found, locale),
        "measures": _measures_table(found, locale),
        "auc_text": _auc_text(found, locale),
        "meaning": _meaning(found, locale),
        "judges": _judges_table(found, locale),
        "judges_text": _judges_text(found, locale),
    }


def levels_table(by_level: dict[str, LevelRecords]) -> LevelTable | None:
    """The share that readers would print, level by level; None where nobody has read any."""
    if not any(records.ratings.results.systems for records in by_level.values()):
        return None
    columns = (
        Column("printable_tuned", "share"),
        Column("printable_tuned_interval", "share_interval"),
        Column("printable_untuned", "share"),
        Column("printable_gold", "share"),
        Column("rated_words", "whole"),
        Column("readers", "whole"),
    )
    return LevelTable("readers", columns, tuple(_level_row(records) for records in by_level.values()))


def _level_row(records: LevelRecords) -> dict:
    found = records.ratings.results
    tuned = found.systems.get("tuned", SystemRating())
    untuned = [one.printable.value for row, one in found.systems.items() if row.startswith("base")]
    return {
        "level": records.level,
        "printable_tuned": tuned.printable.value,
        "printable_tuned_interval": _ends(tuned.printable),
        "printable_untuned": max((value for value in untuned if value is not None), default=None),
        "printable_gold": found.systems.get(_CONTROL, SystemRating()).printable.value,
        "rated_words": tuned.words,
        "readers": len(found.readers) or None,
    }


def _in_order(systems: dict[str, SystemRating]) -> list[tuple[str, SystemRating]]:
    """What is asked about first, then what stands beside it."""
    return sorted(systems.items(), key=lambda one: one[0] not in _ASKED_ABOUT)


def _name(row: str, locale: Locale) -> str:
    text = locale.phrases
    return text["readers"]["rows"].get(row) or text["generation"]["rows"].get(row) or escaping.code(row)


def _ends(metric: Metric | Interval) -> tuple[float, float] | None:
    return None if metric.low is None or metric.high is None else (metric.low, metric.high)


def _share(metric: Metric, locale: Locale) -> str:
    if metric.value is None:
        return locale.phrases["missing"]
    shown = locale.share(metric.value)
    return shown if _ends(metric) is None else f"{shown} {verdicts.ends(metric, locale)}"


def _readers(found: RatingResults, locale: Locale) -> list[str]:
    text = locale.phrases["readers"]
    return [
        text["reader"].format(
            name=escaping.markdown(one.name or ""),
            kind=text["kinds"].get(one.kind) or escaping.markdown(one.kind or locale.unknown),
            answers=locale.whole(one.answers),
            choices=locale.whole(one.choices),
            seconds=locale.unknown if one.seconds is None else locale.decimal(one.seconds, 1),
        )
        for one in found.readers
    ]


def _systems_table(found: RatingResults, locale: Locale) -> str | None:
    if not found.systems:
        return None
    text = locale.phrases["readers"]
    names = ("sense", "meaning", "suits_level", "printable")
    rows = [
        [
            _name(row, locale),
            locale.whole(one.words),
            locale.whole(one.missing),
            *(_share(getattr(one, name), locale) for name in names),
        ]
        for row, one in _in_order(found.systems)
    ]
    headings = [text[name] for name in ("system", "words", "no_sentence", *names)]
    return tables.markdown_table(headings, rows, numbers_from=1)


def _difference(row: str, one: SystemRating, locale: Locale) -> str:
    text, difference = locale.phrases["readers"], one.difference
    outcome = verdicts.outcome(difference, difference.p)
    points = verdicts.points(difference.estimate, locale)
    shown = f"{points} {verdicts.ends(difference, locale)}" if _ends(difference) else points
    said = text["difference"].format(
        system=_name(row, locale),
        points=shown,
        outcome=text["outcomes"][outcome],
        p=verdicts.p_in_words(difference.p, None, locale),
    )
    if outcome in ("better", "worse") or one.words_needed is None:
        return said
    needed = {"needed": locale.whole(one.words_needed), "words": locale.whole(one.words)}
    return f"{said} {text['words_needed'].format(**needed)}"


def _preferences_table(found: RatingResults, locale: Locale) -> str | None:
    if not found.preferences:
        return None
    text = locale.phrases["readers"]
    rows = [
        [
            _name(row, locale),
            locale.whole(one.words),
            *(locale.whole(count) for count in (one.tuned, one.neither, one.other)),
            _share(one.win_rate, locale),
            _p(one.p, locale),
        ]
        for row, one in found.preferences.items()
    ]
    headings = [text[key] for key in ("against", "words", "tuned_chosen", "neither", "other_chosen", "win_rate", "p")]
    return tables.markdown_table(headings, rows, numbers_from=1)


def _open_pairs(row: str, one: Preference, locale: Locale) -> str:
    text = locale.phrases["readers"]
    if one.p is not None and one.p < verdicts.SURE:
        return text["pairs_settled"].format(system=_name(row, locale))
    if one.words_needed is None:
        return text["pairs_even"].format(system=_name(row, locale))
    counts = {"needed": locale.whole(one.words_needed), "words": locale.whole(one.words)}
    return text["pairs_open"].format(system=_name(row, locale), **counts)


def _p(p: float | None, locale: Locale) -> str:
    return locale.phrases["missing"] if p is None else tables.written(p, "p", locale)


def _agreement(found: RatingResults, locale: Locale) -> str | None:
    text = locale.phrases["readers"]
    if not found.readers:
        return None
    if not found.between_readers:
        return text["one_reader"]
    said = [
        text["alpha"].format(
            question=text["questions"][question],
            alpha=locale.phrases["missing"] if one.alpha is None else locale.decimal(one.alpha, 2),
            same=locale.share(one.same),
            n=locale.whole(one.sentences),
        )
        for question, one in found.between_readers.items()
    ]
    return text["between"].format(figures="; ".join(said))


def _measure_name(name: str, locale: Locale) -> str:
    return locale.phrases["generation"]["measures"].get(name) or escaping.code(name)


def _gates_table(found: RatingResults, locale: Locale) -> str | None:
    if not found.gates:
        return None
    text = locale.phrases["readers"]
    order = [*(name for name in RATES if name in found.gates), *(name for name in found.gates if name not in RATES)]
    rows = [_gate(name, found.gates[name], locale) for name in order]
    headings = [text[key] for key in ("gate", "passed", "stopped", "kappa")]
    return tables.markdown_table(headings, rows, numbers_from=1)


def _gate(name: str, one: GateAgreement, locale: Locale) -> list[str]:
    text = locale.phrases["readers"]
    missing = locale.phrases["missing"]
    shares = []
    for share, n in ((one.passed, one.printable), (one.stopped, one.unprintable)):
        shown = missing if share is None else locale.share(share)
        shares.append(text["of"].format(share=shown, n=locale.whole(n)))
    return [_measure_name(name, locale), *shares, missing if one.kappa is None else locale.decimal(one.kappa, 2)]


def _measures_table(found: RatingResults, locale: Locale) -> str | None:
    known = {name: one for name, one in found.measures.items() if one.auc.value is not None}
    if not known:
        return None
    text = locale.phrases["readers"]
    rows = [[_measure_name(name, locale), _auc(one, locale)] for name, one in known.items()]
    return tables.markdown_table([text["measure"], text["auc"]], rows, numbers_from=1)


def _auc(one: MeasureAgreement, locale: Locale) -> str:
    ends = _ends(one.auc)
    shown = locale.decimal(one.auc.value, 2)
    return f"{shown} {tables.interval(ends, locale, lambda end: locale.decimal(end, 2))}" if ends else shown


def _auc_text(found: RatingResults, locale: Locale) -> str | None:
    of = max(found.measures.values(), key=lambda one: (one.printable or 0) + (one.unprintable or 0), default=None)
    if of is None:
        return None
    counts = {"printable": locale.whole(of.printable), "unprintable": locale.whole(of.unprintable)}
    return locale.phrases["readers"]["auc_text"].format(**counts)


def _meaning(found: RatingResults, locale: Locale) -> str | None:
    """Which measures may be called ones of meaning, by their AUC against the readers, in either direction."""
    text = locale.phrases["readers"]
    known = {name: one.auc for name, one in found.measures.items() if one.auc.value is not None}
    if not known:
        return text["too_few"] if found.measures else None
    reach = [name for name, of in known.items() if _reaches(of)]
    least = locale.decimal(MEANING_FROM, 2)
    if not reach:
        return text["no_meaning"].format(least=least)
    return text["reaches"].format(measures=locale.list([_measure_name(name, locale) for name in reach]), least=least)


def _reaches(auc: Metric) -> bool:
    """Whether an AUC is far enough from one half, and its interval does not hold one half."""
    ends = _ends(auc)
    return max(auc.value, 1 - auc.value) >= MEANING_FROM and (ends is None or not ends[0] <= 0.5 <= ends[1])


def _judges_table(found: RatingResults, locale: Locale) -> str | None:
    if not found.judges:
        return None
    text = locale.phrases["readers"]
    rows = list(dict.fromkeys(row for one in found.judges for row in one.printable))
    headings = [text[key] for key in ("judge", "kappa", "true_positive_rate", "true_negative_rate")]
    headings += [text["printable_of"].format(system=_name(row, locale)) for row in rows]
    return tables.markdown_table(headings, [_judge(one, rows, locale) for one in found.judges], numbers_from=1)


def _judge(one: JudgeRating, rows: list[str], locale: Locale) -> list[str]:
    text, missing = locale.phrases["readers"], locale.phrases["missing"]
    if not one.sentences:
        checked = [text["unchecked"], missing, missing]
    else:
        kappa = missing if one.kappa is None else locale.decimal(one.kappa, 2)
        rates = (one.true_positive_rate, one.true_negative_rate)
        checked = [kappa, *(missing if rate is None else locale.share(rate) for rate in rates)]
    shares = [_share(one.printable.get(row, Metric()), locale) for row in rows]
    return [escaping.markdown(one.name or locale.unknown), *checked, *shares]


def _judges_text(found: RatingResults, locale: Locale) -> str | None:
    if not found.judges:
        return None
    text = locale.phrases["readers"]
    most = max((one.sentences or 0 for one in found.judges), default=0)
    return text["judges_checked"].format(n=locale.whole(most)) if most else text["judges_unchecked"]
