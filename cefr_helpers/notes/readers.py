"""What readers say of the sentences, in notes and report: whether they would print them, and who else sees it so."""

from cefr_helpers.core import ratings
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.ratings import MeasureAgreement, Preference, RatingResults, SystemRating
from cefr_helpers.core.schema import RATES, Metric
from cefr_helpers.notes import verdicts
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

MEANING_FROM = 0.75  # an AUC against readers below which no measure is called one of meaning
_ASKED_ABOUT = ("tuned", "written")


def headline(records: LevelRecords, locale: Locale) -> Markdown:
    """The share that readers would print, system by system, or that nobody has read yet; then decisions, if any."""
    found = records.ratings.results
    said = [printable(records, locale), *([_decided(found, locale)] if found.decisions else [])]
    return Markdown(" ").join(said)


def printable(records: LevelRecords, locale: Locale) -> Markdown:
    """The share that readers would print, system by system, or that nobody has read yet, as one sentence."""
    found, text = records.ratings.results, locale.text["readers"]
    if not found.systems:
        return text["not_rated"].format(level=records.level)
    systems = Markdown("; ").join(
        text["system_share"].format(
            system=_name(row, locale), share=locale.share_with_interval(one.printable), n=locale.whole(one.words)
        )
        for row, one in _in_order(found.systems)
    )
    said = text["headline"].format(systems=systems, readers=who(found, locale))
    return Markdown(" ").join([said, text["stale"]]) if is_stale(records) else said


def _decided(found: RatingResults, locale: Locale) -> Markdown:
    """What share of sentences was taken as they were by someone who knew where they came from, list by list."""
    text = locale.text["readers"]
    lists = Markdown("; ").join(
        text["decided_share"].format(
            name=one.name or locale.text["unknown"],
            share=locale.share_with_interval(one.unchanged),
            n=locale.whole(one.decided),
        )
        for one in found.decisions
    )
    return text["decided"].format(lists=lists)


def who(found: RatingResults, locale: Locale) -> Markdown:
    """Whose votes count, by kind: "2 teachers and 1 learner"."""
    text = locale.text["readers"]
    counts = ratings.kinds(found.readers)
    named = [text["one" if n == 1 else "many"][kind].format(n=locale.whole(n)) for kind, n in counts.items()]
    return locale.list(named)


def is_stale(records: LevelRecords) -> bool:
    """Whether the answers that were read are of another comparison than the one that is there."""
    read = records.ratings.results.comparison_created
    return read is not None and read != records.comparison.created


def of_level(records: LevelRecords, locale: Locale) -> dict:
    """What the template on readers shows besides the record: what follows from it by rule, and in which order."""
    found = records.ratings.results
    gates = [*(name for name in RATES if name in found.gates), *(name for name in found.gates if name not in RATES)]
    return {
        "headline": headline(records, locale),
        "systems": _in_order(found.systems),
        "differences": [_difference(row, one, locale) for row, one in found.systems.items() if one.difference],
        "pairs": [_pairs(row, one, locale) for row, one in found.preferences.items()],
        "gates": [(name, found.gates[name]) for name in gates],
        "measures": {name: one.auc for name, one in found.measures.items() if one.auc.value is not None},
        "most": max(found.measures.values(), key=_sentences, default=None),
        "meaning": _meaning(found, locale),
        "judged": list(dict.fromkeys(row for one in found.judges for row in one.printable)),
        "checked": max((one.sentences or 0 for one in found.judges), default=0),
    }


def _in_order(systems: dict[str, SystemRating]) -> list[tuple[str, SystemRating]]:
    """What is asked about first, then what stands beside it."""
    return sorted(systems.items(), key=lambda one: one[0] not in _ASKED_ABOUT)


def _sentences(one: MeasureAgreement) -> int:
    return (one.printable or 0) + (one.unprintable or 0)


def _name(row: str, locale: Locale) -> Markdown:
    text = locale.text
    return text["readers"]["rows"].get(row) or text["generation"]["rows"].get(row) or escaping.code(row)


def _difference(row: str, one: SystemRating, locale: Locale) -> Markdown:
    text, difference = locale.text["readers"], one.difference
    outcome = verdicts.outcome(difference, difference.p)
    said = text["difference"].format(
        system=_name(row, locale),
        points=locale.points_with_interval(difference),
        outcome=text["outcomes"][outcome],
        p=verdicts.p_in_words(difference.p, None, locale),
    )
    if outcome in ("better", "worse") or one.words_needed is None:
        return said
    needed = text["words_needed"].format(needed=locale.whole(one.words_needed), words=locale.whole(one.words))
    return Markdown(" ").join([said, needed])


def _pairs(row: str, one: Preference, locale: Locale) -> Markdown:
    text, system = locale.text["readers"], _name(row, locale)
    if one.p is not None and one.p < verdicts.SURE:
        return text["pairs_settled"].format(system=system)
    if one.words_needed is None:
        return text["pairs_even"].format(system=system)
    counts = {"needed": locale.whole(one.words_needed), "words": locale.whole(one.words)}
    return text["pairs_open"].format(system=system, **counts)


def _meaning(found: RatingResults, locale: Locale) -> Markdown:
    """Which measures may be called ones of meaning, by their AUC against the readers, in either direction."""
    text, names = locale.text["readers"], locale.text["generation"]["measures"]
    reach = [name for name, one in found.measures.items() if _reaches(one.auc)]
    least = locale.decimal(MEANING_FROM, 2)
    if not reach:
        return text["no_meaning"].format(least=least)
    measures = locale.list([names.get(name) or escaping.code(name) for name in reach])
    return text["reaches"].format(measures=measures, least=least)


def _reaches(auc: Metric) -> bool:
    """Whether an AUC is far enough from one half, and its interval does not hold one half."""
    if auc.value is None or max(auc.value, 1 - auc.value) < MEANING_FROM:
        return False
    return auc.low is None or auc.high is None or not auc.low <= 0.5 <= auc.high
