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
from cefr_helpers.notes import files, observations
from cefr_helpers.notes import verdicts as verdict
from cefr_helpers.rendering import escaping, locale, tables
from cefr_helpers.rendering.locale import Locale, format_list

_LONGEST_LINE = 400
_MOST_LINES = 14
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
}
_LONGEST_SENTENCE = 400


def comparison(held: LevelRecords, words: Locale) -> dict | None:
    """The parts of the comparison's section."""
    found, text = held.comparison.results, words.phrases["note"]
    if not found:
        return None
    tokens = {key: locale.whole(getattr(found.tokens, key), words) for key in MEASURES}
    headings = [text[key] for key in ("measure", "base", "tuned", "reduction")]
    parts = {measure: part for measure in MEASURES if (part := getattr(found, measure))}
    rows = [row for measure, part in parts.items() for row in _measured(part, measure, words)]
    return {
        "on": text["comparison_on"].format(examples=locale.whole(found.examples, words), **tokens),
        "table": tables.markdown_table(headings, rows, numbers_from=1),
        "difference": _difference(found, words),
        "memorisation": memorisation(held, words),
        "agreement": _agreement(found, words),
    }


def memorisation(held: LevelRecords, words: Locale) -> str | None:
    """How much more tuning gains on training examples than on the evaluation's; None where it is not recorded."""
    gap = held.comparison.results.memorisation
    if not gap:
        return None
    ends = (gap.low, gap.high)
    return words.phrases["note"]["memorisation_open" if None in ends else "memorisation"].format(
        n=locale.whole(gap.examples, words),
        **{key: locale.loss(getattr(gap, key), words) for key in ("base", "tuned", "estimate")},
        interval=None if None in ends else tables.interval(ends, words),
    )


def _measured(part: LikelihoodComparison, measure: str, words: Locale) -> list[list[str]]:
    names = words.phrases["note"]["measures"][measure]
    reductions = [locale.percent(value, words) for value in (part.loss_reduction_pct, part.perplexity_reduction_pct)]
    rows = []
    for name, key, reduction in zip(
        ("loss", "perplexity", "bits"), ("loss", "perplexity", "bits_per_character"), [*reductions, ""], strict=True
    ):
        places = 2 if key == "perplexity" else words.loss_decimals
        values = [locale.decimal(getattr(one, key), places, words) for one in (part.base, part.tuned)]
        rows.append([names[name], *values, reduction])
    return rows


def _difference(found: ComparisonResults, words: Locale) -> str | None:
    difference = found.completion.difference
    if difference.low is None or difference.high is None:
        return None
    return words.phrases["note"]["difference"].format(
        estimate=locale.loss(difference.estimate, words),
        interval=tables.interval((difference.low, difference.high), words),
        resamples=locale.whole(difference.resamples, words),
    )


def _agreement(found: ComparisonResults, words: Locale) -> str | None:
    agreement = found.agreement
    if agreement.relative_difference is None:
        return None
    kind = "agrees" if agreement.relative_difference <= observations.AGREE_WITHIN else "disagrees"
    return words.phrases["note"][kind].format(**observations.agreement_figures(agreement, words))


def answers(held: LevelRecords, words: Locale) -> dict | None:
    """The answers to a few prompts, a table each: line by line, as they came."""
    found, text = held.comparison.results.answers, words.phrases["note"]
    if not found:
        return None
    headings = [text[key] for key in ("word", "base", "tuned", "reference")]
    prompts = [
        {
            "title": text["prompt"].format(n=number),
            "table": tables.markdown_table(headings, _answer_lines(answer, words)),
        }
        for number, answer in enumerate(found, 1)
    ]
    return {"drawn": text["answers_drawn"].format(n=len(found)), "prompts": prompts}


def _answer_lines(answer: Answer, words: Locale) -> list[list[str]]:
    columns = [[escaping.markdown(word) for word in answer.words]]
    columns += [_lines(getattr(answer, who) or "", words) for who in ("base", "tuned", "reference")]
    height = max(map(len, columns))
    return [[column[line] if line < len(column) else "" for column in columns] for line in range(height)]


def _lines(answer: str, words: Locale) -> list[str]:
    lines = [line for line in escaping.visible(answer).split("\n") if line.strip()]
    shown = [escaping.markdown(escaping.shortened(line, _LONGEST_LINE)) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(words.phrases["note"]["more_lines"].format(n=len(lines) - _MOST_LINES))
    return shown


def generated_answers(workspace: Workspace, held: LevelRecords, words: Locale) -> dict | None:
    """The parts of a note's section on generated answers."""
    found, text = held.generation, words.phrases["generation"]
    if not found:
        return None
    return {
        "title": verdict.title([held], words),
        "verdict": f"{verdict.joint_success(held, words)}; {observations.seen(held, words)}.",
        "on": _on(held, words),
        "rates": _rates_table(found, words),
        "cautions": _cautions(found, words),
        "others": _others_table(found, words),
        "others_text": _others_text(found, words),
        "joint": text["joint"].format(level=held.level),
        "scorer": _scorer(found, words),
        "shown": _shown_text(held, words),
        "slots": _slots(found, words),
        "figures": [
            {
                "title": f"{held.level}: {words.phrases['plot']['generation'][name]}",
                "link": files.relative_link(workspace.plots(held.level) / file, workspace.note(held.level)),
            }
            for name, file in level_records.figure_files(found).items()
        ],
    }


def _on(held: LevelRecords, words: Locale) -> str:
    found = held.generation
    counts = {key: locale.whole(getattr(found, key), words) for key in ("prompts", "slots", "words", "max_new_tokens")}
    decoding = found.decoding
    said = words.phrases["recorded_texts"].get(decoding) or escaping.markdown(decoding or words.unknown)
    file = escaping.code(f"runs/{held.level}/{found.file or 'generations.csv'}")
    text = words.phrases["generation"]["asked_for"].format(decoding=said, file=file, **counts)
    if not found.samples:
        return text
    samples, temperature = locale.whole(found.samples, words), locale.decimal(found.temperature, 1, words)
    return f"{text} {words.phrases['generation']['sampled'].format(samples=samples, temperature=temperature)}"


def _rates_table(found: Generation, words: Locale) -> str:
    text = words.phrases["generation"]
    rows = [[text["rows"][row], *(_rate(found, row, rate, words) for rate in RATES)] for row in _rows(found)]
    differences = [found.differences.get(rate, Interval()) for rate in RATES]
    rows.append([text["rows"]["difference"], *(_points(difference, words) for difference in differences)])
    return tables.markdown_table([text["row"], *(text["measures"][rate] for rate in RATES)], rows, numbers_from=1)


def _rows(found: Generation) -> list[str]:
    return [row for row in schema.ROWS if found.measures.get(row)]


def _rate(found: Generation, row: str, measure: str, words: Locale) -> str:
    entry = found.metric(row, measure)
    if entry.value is None:
        return words.phrases["missing"]
    shown = locale.share(entry.value, words)
    return shown if None in (entry.low, entry.high) else f"{shown} {verdict.ends(entry, words)}"


def _points(difference: Interval, words: Locale) -> str:
    if difference.estimate is None:
        return words.phrases["missing"]
    shown = verdict.points(difference.estimate, words)
    known = None not in (difference.low, difference.high)
    return f"{shown} {verdict.ends(difference, words)}" if known else shown


def _cautions(found: Generation, words: Locale) -> list[str]:
    entries = [found.metric(row, rate) for row in _rows(found) for rate in RATES] + list(found.differences.values())
    flat = any(entry.low is not None and entry.low == entry.high for entry in entries)
    said = [words.phrases["generation"]["no_width"]] if flat else []
    few = verdict.few_prompts(found.prompts or 0, 1, words)
    return said + ([few] if few else [])


def _others_table(found: Generation, words: Locale) -> str:
    text = words.phrases["generation"]
    rows = []
    for row in _rows(found):
        values = [(found.value(row, measure), kind) for measure, kind in _OTHERS.items()]
        cells = [words.phrases["missing"] if v is None else tables.written(v, kind, words) for v, kind in values]
        rows.append([text["rows"][row], *cells])
    return tables.markdown_table([text["row"], *(text["measures"][key] for key in _OTHERS)], rows, numbers_from=1)


def _others_text(found: Generation, words: Locale) -> str:
    text, compared = words.phrases["generation"], found.sentences_compared
    if not compared:
        return text["others_text"]
    return f"{text['others_text']} {text['compared'].format(n=locale.whole(compared, words))}"


def _scorer(found: Generation, words: Locale) -> str:
    scorer = found.scorer
    if not scorer:
        return words.phrases["generation"]["no_scorer"]
    figures = {}
    for variant in schema.SCORERS:
        figures[f"{variant}_qwk"] = locale.decimal(getattr(scorer, variant).qwk, 3, words)
        figures[f"{variant}_accuracy"] = locale.share(getattr(scorer, variant).accuracy, words)
    levels = format_list([escaping.markdown(level) for level in scorer.levels], words) or words.unknown
    sentences = locale.whole(scorer.sentences, words)
    return words.phrases["generation"]["scorer"].format(levels=levels, sentences=sentences, **figures)


def _shown_text(held: LevelRecords, words: Locale) -> str:
    count = locale.whole(len(held.generation.slots_shown), words)
    return words.phrases["generation"]["shown"].format(n=count, level=held.level, target=number(held.level))


def _slots(found: Generation, words: Locale) -> str | None:
    text = words.phrases["generation"]
    if not found.slots_shown:
        return None
    headings = [text["slot_columns"][key] for key in ("slot", "word", "sentence", "score", "failed")]
    return tables.markdown_table(headings, [_slot(slot, words) for slot in found.slots_shown])


def _slot(slot: ShownSlot, words: Locale) -> list[str]:
    sentence, score, text = slot.sentence, slot.score, words.phrases["generation"]
    return [
        locale.whole(slot.slot, words),
        escaping.markdown(slot.word or ""),
        text["no_sentence"] if sentence is None else escaping.markdown(escaping.shortened(sentence, _LONGEST_SENTENCE)),
        words.phrases["missing"] if score is None else locale.decimal(score, 2, words),
        _marks(slot.failed, words),
    ]


def _marks(failed: list[str], words: Locale) -> str:
    """What failed; an invalid sentence fails everything, so that alone is named."""
    text = words.phrases["generation"]
    named = ["valid"] if "valid" in failed else failed
    said = [text["failed"].get(name) or escaping.markdown(name) for name in named if name != "joint_success"]
    return f"✗ {', '.join(said)}" if said else text["passed"]
