"""The sections of a results note on the comparison: losses, example answers, and what generated answers are worth."""

from cefr_helpers.core import level_records, schema
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.levels import number
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import (
    MEASURES,
    Answer,
    ComparisonResults,
    Generation,
    Interval,
    LikelihoodComparison,
    ShownSlot,
)
from cefr_helpers.evaluation import cloze, parsing, variety
from cefr_helpers.notes import files, observations, reader_sections, scales
from cefr_helpers.notes import verdicts as verdict
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.locale import Locale

_LONGEST_LINE = 400
_MOST_LINES = 14
_FIRST_WORDS = 3  # on the first screen of a note
RATES = (*schema.RATES, "exact_ten")
_OTHERS = {
    "control_error": "two_decimals",
    "control_error_length_free": "two_decimals",
    "bias": "two_decimals",
    "exact_accuracy": "share",
    "above_level_share": "share",
    "words_a_sentence": "one_decimal",
    "distinct_2": "two_decimals",
    "self_bleu": "two_decimals",
    "gzip_ratio": "two_decimals",
    "ngrams_in_training": "share",
    "within_next_level": "share",
    "unsuitable": "whole",
}
_VARIETY = dict.fromkeys(variety.MEASURES, "share") | {"told_from_bank": "two_decimals"}
_CLOZE = dict.fromkeys(cloze.MEASURES, "share")
_LONGEST_SENTENCE = 400


def comparison(records: LevelRecords, locale: Locale) -> dict | None:
    """The parts of the comparison's section."""
    found, text = records.comparison.results, locale.phrases["note"]
    if not found:
        return None
    tokens = {key: locale.whole(getattr(found.tokens, key)) for key in MEASURES}
    headings = [text[key] for key in ("measure", "base", "tuned", "reduction")]
    parts = {measure: part for measure in MEASURES if (part := getattr(found, measure))}
    rows = [row for measure, part in parts.items() for row in _measured(part, measure, locale)]
    return {
        "on": text["comparison_on"].format(examples=locale.whole(found.examples), **tokens),
        "table": tables.markdown_table(headings, rows, numbers_from=1),
        "difference": _difference(found, locale),
        "memorisation": memorisation(records, locale),
        "agreement": _agreement(found, locale),
    }


def in_short(records: LevelRecords, locale: Locale) -> dict:
    """The note's first screen: the verdicts, and the first sentences of base, tuned model and bank."""
    lines = [observations.verdict(records, locale)]
    if records.generation:
        won = verdict.gains(records, locale)
        lines.insert(0, f"{verdict.joint_success(records, locale)}.{' ' + won if won else ''}")
    if template := observations.template(records, locale):
        lines.append(template)
    if said := scales.people(records, locale):
        lines.insert(1, said)
    if records.generation:
        lines.insert(1, reader_sections.headline(records, locale))
    return {"lines": lines, "sentences": _first_sentences(records, locale)}


def _first_sentences(records: LevelRecords, locale: Locale) -> str | None:
    """The first words of the first prompt, with the line that each answer has for them."""
    if not records.comparison.results.answers:
        return None
    [first, *_] = records.comparison.results.answers
    text = locale.phrases["note"]
    columns = [name for name in ("base", "base_one_word", "tuned", "reference") if getattr(first, name) is not None]
    by_number = [dict(parsing.numbered_lines(getattr(first, name))) for name in columns]
    rows = [
        [f"**{escaping.markdown(word)}**", *(_sentence(lines.get(place), locale) for lines in by_number)]
        for place, word in enumerate(first.words[:_FIRST_WORDS], 1)
    ]
    return tables.markdown_table([text[key] for key in ("word", *columns)], rows)


def _sentence(line: str | None, locale: Locale) -> str:
    if not line:
        return locale.phrases["missing"]
    return escaping.markdown(escaping.shortened(escaping.visible(line), _LONGEST_LINE))


def memorisation(records: LevelRecords, locale: Locale) -> str | None:
    """How much more tuning gains on training examples than on the evaluation's; None where it is not recorded."""
    gap = records.comparison.results.memorisation
    if not gap:
        return None
    ends = (gap.low, gap.high)
    return locale.phrases["note"]["memorisation_open" if None in ends else "memorisation"].format(
        n=locale.whole(gap.examples),
        **{key: locale.loss(getattr(gap, key)) for key in ("base", "tuned", "estimate")},
        interval=None if None in ends else tables.interval(ends, locale),
    )


def _measured(part: LikelihoodComparison, measure: str, locale: Locale) -> list[list[str]]:
    names = locale.phrases["note"]["measures"][measure]
    reductions = [locale.percent(value) for value in (part.loss_reduction_pct, part.perplexity_reduction_pct)]
    rows = []
    for name, key, reduction in zip(
        ("loss", "perplexity", "bits"), ("loss", "perplexity", "bits_per_character"), [*reductions, ""], strict=True
    ):
        places = 2 if key == "perplexity" else locale.loss_decimals
        values = [locale.decimal(getattr(one, key), places) for one in (part.base, part.tuned)]
        rows.append([names[name], *values, reduction])
    return rows


def _difference(found: ComparisonResults, locale: Locale) -> str | None:
    difference = found.completion.difference
    if difference.low is None or difference.high is None:
        return None
    return locale.phrases["note"]["difference"].format(
        estimate=locale.loss(difference.estimate),
        interval=tables.interval((difference.low, difference.high), locale),
        resamples=locale.whole(difference.resamples),
    )


def _agreement(found: ComparisonResults, locale: Locale) -> str | None:
    agreement = found.agreement
    if agreement.relative_difference is None:
        return None
    kind = "agrees" if agreement.relative_difference <= observations.AGREE_WITHIN else "disagrees"
    return locale.phrases["note"][kind].format(**observations.agreement_figures(agreement, locale))


def answers(records: LevelRecords, locale: Locale) -> dict | None:
    """The answers to a few prompts, a table each: line by line, as they came."""
    found, text = records.comparison.results.answers, locale.phrases["note"]
    if not found:
        return None
    headings = [text[key] for key in ("word", "base", "tuned", "reference")]
    prompts = [
        {
            "title": text["prompt"].format(n=number),
            "table": tables.markdown_table(headings, _answer_lines(answer, locale)),
        }
        for number, answer in enumerate(found, 1)
    ]
    return {"drawn": text["answers_drawn"].format(n=len(found)), "prompts": prompts}


def _answer_lines(answer: Answer, locale: Locale) -> list[list[str]]:
    columns = [[escaping.markdown(word) for word in answer.words]]
    columns += [_lines(getattr(answer, who) or "", locale) for who in ("base", "tuned", "reference")]
    height = max(map(len, columns))
    return [[column[line] if line < len(column) else "" for column in columns] for line in range(height)]


def _lines(answer: str, locale: Locale) -> list[str]:
    lines = [line for line in escaping.visible(answer).split("\n") if line.strip()]
    shown = [escaping.markdown(escaping.shortened(line, _LONGEST_LINE)) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(locale.phrases["note"]["more_lines"].format(n=len(lines) - _MOST_LINES))
    return shown


def generated_answers(workspace: Workspace, records: LevelRecords, locale: Locale) -> dict | None:
    """The parts of a note's section on generated answers."""
    found, text = records.generation, locale.phrases["generation"]
    if not found:
        return None
    return {
        "title": verdict.title([records], locale),
        "verdict": f"{verdict.joint_success(records, locale)}; {observations.seen(records, locale)}.",
        "on": _on(records, locale),
        "rates": _rates_table(found, locale),
        "cautions": _cautions(found, locale),
        "others": _table_of(found, _OTHERS, locale),
        "others_text": _others_text(found, locale),
        "variety": _variety(records, locale),
        "joint": f"{text['joint'].format(level=records.level)} {verdict.gates([records], locale)}",
        "people": scales.people(records, locale),
        "scales": scales.rows(records, locale),
        "scorer": _scorer(found, locale),
        "shown": _shown_text(records, locale),
        "slots": _slots(found, locale),
        "figures": [
            {
                "title": f"{records.level}: {locale.phrases['plot']['generation'][name]}",
                "link": files.relative_link(workspace.plots(records.level) / file, workspace.note(records.level)),
            }
            for name, file in level_records.figure_files(found).items()
        ],
    }


def _on(records: LevelRecords, locale: Locale) -> str:
    found = records.generation
    counts = {key: locale.whole(getattr(found, key)) for key in ("prompts", "slots", "words", "max_new_tokens")}
    decoding = found.decoding
    said = locale.phrases["recorded_texts"].get(decoding) or escaping.markdown(decoding or locale.unknown)
    file = escaping.code(f"runs/{records.level}/{found.file or 'generations.csv'}")
    text = locale.phrases["generation"]["asked_for"].format(decoding=said, file=file, **counts)
    if not found.samples:
        return text
    samples, temperature = locale.whole(found.samples), locale.decimal(found.temperature, 1)
    return f"{text} {locale.phrases['generation']['sampled'].format(samples=samples, temperature=temperature)}"


def _rates_table(found: Generation, locale: Locale) -> str:
    text = locale.phrases["generation"]
    rows = [[text["rows"][row], *(_rate(found, row, rate, locale) for rate in RATES)] for row in _rows(found)]
    rows.append([text["rows"]["difference"], *_differences(found.differences, locale)])
    if found.strongest_untuned and found.strongest_untuned != "base":
        name = text["rows"]["difference_from"].format(row=text["rows"][found.strongest_untuned])
        rows.append([name, *_differences(found.differences_from_strongest, locale)])
    return tables.markdown_table([text["row"], *(text["measures"][rate] for rate in RATES)], rows, numbers_from=1)


def _rows(found: Generation) -> list[str]:
    return [row for row in schema.ROWS if found.measures.get(row)]


def _rate(found: Generation, row: str, measure: str, locale: Locale) -> str:
    entry = found.metric(row, measure)
    if entry.value is None:
        return locale.phrases["missing"]
    return scales.share(entry, locale)


def _differences(differences: dict[str, Interval], locale: Locale) -> list[str]:
    return [_points(differences.get(rate, Interval()), locale) for rate in RATES]


def _points(difference: Interval, locale: Locale) -> str:
    if difference.estimate is None:
        return locale.phrases["missing"]
    shown = verdict.points(difference.estimate, locale)
    known = None not in (difference.low, difference.high)
    return f"{shown} {verdict.ends(difference, locale)}" if known else shown


def _cautions(found: Generation, locale: Locale) -> list[str]:
    entries = [found.metric(row, rate) for row in _rows(found) for rate in RATES] + list(found.differences.values())
    flat = any(entry.low is not None and entry.low == entry.high for entry in entries)
    said = [locale.phrases["generation"]["no_width"]] if flat else []
    few = verdict.few_prompts(found.prompts or 0, 1, locale)
    return said + ([few] if few else [])


def _table_of(found: Generation, measures: dict[str, str], locale: Locale) -> str:
    """The measures of all rows, name -> form, without intervals."""
    text = locale.phrases["generation"]
    rows = []
    for row in _rows(found):
        values = [(found.value(row, measure), kind) for measure, kind in measures.items()]
        cells = [locale.phrases["missing"] if v is None else tables.written(v, kind, locale) for v, kind in values]
        rows.append([text["rows"][row], *cells])
    return tables.markdown_table([text["row"], *(text["measures"][key] for key in measures)], rows, numbers_from=1)


def _variety(records: LevelRecords, locale: Locale) -> dict[str, str | None] | None:
    """The table of variety; None for a record that lacks it."""
    found, text = records.generation, locale.phrases["generation"]["variety"]
    if found.value("gold", "questions") is None:
        return None
    has_cloze = found.value("gold", "cloze_first") is not None
    return {
        "title": text["title"],
        "failure": observations.template(records, locale),
        "table": _table_of(found, _VARIETY, locale),
        "text": text["text"],
        "cloze": _table_of(found, _CLOZE, locale) if has_cloze else None,
        "cloze_text": text["cloze"].format(others=locale.whole(cloze.OTHERS)),
    }


def _others_text(found: Generation, locale: Locale) -> str:
    text, compared = locale.phrases["generation"], found.sentences_compared
    if not compared:
        return text["others_text"]
    return f"{text['others_text']} {text['compared'].format(n=locale.whole(compared))}"


def _scorer(found: Generation, locale: Locale) -> str:
    scorer = found.scorer
    if not scorer:
        judge = "alone" if scales.is_measured(found) else "not_measured"
        return f"{locale.phrases['generation']['no_scorer']} {locale.phrases['scales'][judge]}"
    figures = {}
    for variant in schema.SCORERS:
        figures[f"{variant}_qwk"] = locale.decimal(getattr(scorer, variant).qwk, 3)
        figures[f"{variant}_accuracy"] = locale.share(getattr(scorer, variant).accuracy)
    levels = locale.list([escaping.markdown(level) for level in scorer.levels]) or locale.unknown
    sentences = locale.whole(scorer.sentences)
    return locale.phrases["generation"]["scorer"].format(levels=levels, sentences=sentences, **figures)


def _shown_text(records: LevelRecords, locale: Locale) -> str:
    count = locale.whole(len(records.generation.slots_shown))
    return locale.phrases["generation"]["shown"].format(n=count, level=records.level, target=number(records.level))


def _slots(found: Generation, locale: Locale) -> str | None:
    text = locale.phrases["generation"]
    if not found.slots_shown:
        return None
    headings = [text["slot_columns"][key] for key in ("slot", "word", "sentence", "human_level", "score", "failed")]
    return tables.markdown_table(headings, [_slot(slot, locale) for slot in found.slots_shown])


def _slot(slot: ShownSlot, locale: Locale) -> list[str]:
    sentence, text = slot.sentence, locale.phrases["generation"]
    levels = (slot.human_level, slot.score)
    return [
        locale.whole(slot.slot),
        escaping.markdown(slot.word or ""),
        text["no_sentence"] if sentence is None else escaping.markdown(escaping.shortened(sentence, _LONGEST_SENTENCE)),
        *(locale.phrases["missing"] if level is None else locale.decimal(level, 2) for level in levels),
        _marks(slot.failed, locale),
    ]


def _marks(failed: list[str], locale: Locale) -> str:
    """What failed; an invalid sentence fails everything, so that alone is named."""
    text = locale.phrases["generation"]
    named = ["valid"] if "valid" in failed else failed
    said = [text["failed"].get(name) or escaping.markdown(name) for name in named if name != "joint_success"]
    return f"✗ {', '.join(said)}" if said else text["passed"]
