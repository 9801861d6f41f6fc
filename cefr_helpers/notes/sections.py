"""The comparison of base and tuned model in a results note: losses, interval, answers side by side."""

from cefr_helpers.core.schema import MEASURES, LevelRecords, find
from cefr_helpers.notes import observations
from cefr_helpers.rendering import escaping, locale, tables
from cefr_helpers.rendering.locale import Wording

_LONGEST_LINE = 400
_MOST_LINES = 14


def comparison(held: LevelRecords, words: Wording) -> dict | None:
    """The parts of the comparison's section."""
    found, text = find(held.comparison, "results"), words.phrases["note"]
    if found is None:
        return None
    tokens = {key: locale.whole(find(found, f"tokens.{key}"), words) for key in MEASURES}
    headings = [text[key] for key in ("measure", "base", "tuned", "reduction")]
    rows = [row for measure in MEASURES if found.get(measure) for row in _measured(found, measure, words)]
    return {
        "on": text["comparison_on"].format(examples=locale.whole(found.get("examples"), words), **tokens),
        "table": tables.markdown_table(headings, rows, numbers_from=1),
        "difference": _difference(found, words),
        "memorisation": memorisation(held, words),
        "agreement": _agreement(found, words),
    }


def memorisation(held: LevelRecords, words: Wording) -> str | None:
    """How much more tuning gains on training examples than on the evaluation's; None where it is not recorded."""
    gap = find(held.comparison, "results.memorisation")
    if not gap:
        return None
    ends = (gap.get("low"), gap.get("high"))
    return words.phrases["note"]["memorisation_open" if None in ends else "memorisation"].format(
        n=locale.whole(gap.get("examples"), words),
        **{key: locale.loss(gap.get(key), words) for key in ("base", "tuned", "estimate")},
        interval=None if None in ends else tables.interval(ends, words),
    )


def _measured(found: dict, measure: str, words: Wording) -> list[list[str]]:
    names, part = words.phrases["note"]["measures"][measure], found[measure]
    reductions = [locale.percent(part.get(f"{kind}_reduction_pct"), words) for kind in ("loss", "perplexity")]
    rows = []
    for name, key, reduction in zip(
        ("loss", "perplexity", "bits"), ("loss", "perplexity", "bits_per_character"), [*reductions, ""], strict=True
    ):
        places = 2 if key == "perplexity" else words.loss_decimals
        values = [locale.decimal(find(part, f"{which}.{key}"), places, words) for which in ("base", "tuned")]
        rows.append([names[name], *values, reduction])
    return rows


def _difference(found: dict, words: Wording) -> str | None:
    difference = find(found, "completion.difference")
    if not difference or difference.get("low") is None or difference.get("high") is None:
        return None
    return words.phrases["note"]["difference"].format(
        estimate=locale.loss(difference["estimate"], words),
        interval=tables.interval((difference["low"], difference["high"]), words),
        resamples=locale.whole(difference.get("resamples"), words),
    )


def _agreement(found: dict, words: Wording) -> str | None:
    agreement = found.get("agreement")
    if not agreement or agreement.get("relative_difference") is None:
        return None
    kind = "agrees" if agreement["relative_difference"] <= observations.AGREE_WITHIN else "disagrees"
    return words.phrases["note"][kind].format(**observations.agreement_figures(agreement, words))


def answers(held: LevelRecords, words: Wording) -> dict | None:
    """The answers to a few prompts, a table each: line by line, as they came."""
    found, text = find(held.comparison, "results.answers"), words.phrases["note"]
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


def _answer_lines(answer: dict, words: Wording) -> list[list[str]]:
    columns = [[escaping.markdown(word) for word in answer["words"]]]
    columns += [_lines(answer.get(who) or "", words) for who in ("base", "tuned", "reference")]
    height = max(map(len, columns))
    return [[column[line] if line < len(column) else "" for column in columns] for line in range(height)]


def _lines(answer: str, words: Wording) -> list[str]:
    lines = [line for line in escaping.visible(answer).split("\n") if line.strip()]
    shown = [escaping.markdown(escaping.shortened(line, _LONGEST_LINE)) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(words.phrases["note"]["more_lines"].format(n=len(lines) - _MOST_LINES))
    return shown
