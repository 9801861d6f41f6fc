"""What templates show of a level that its records do not hold as it is: settings as they ran, answers line by line."""

from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.levels import number
from cefr_helpers.core.schema import GATES, ROWS, Answer, Generation
from cefr_helpers.evaluation import parsing
from cefr_helpers.notes import observations, verdicts
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

_LONGEST_LINE = 400
_MOST_LINES = 14
_FIRST_WORDS = 3  # on the first screen of a note
_ANSWERS = ("base", "base_one_word", "tuned", "reference")


def of_level(records: LevelRecords, locale: Locale) -> dict:
    """The values for the templates that notes and model cards share."""
    found = records.generation
    return {
        "records": records,
        "level": records.level,
        "level_number": number(records.level),
        "as_ran": as_ran(records),
        "systems": [row for row in ROWS if found.measures.get(row)],
        "gates": list(GATES),
        "on_human_scale": on_human_scale(found),
        "answers_title": verdicts.title([records], locale),
        "answers_verdict": _answers_verdict(records, locale) if found else None,
        "cautions": verdicts.cautions(found, locale),
        "measured_by": verdicts.gates([records], locale),
    }


def _answers_verdict(records: LevelRecords, locale: Locale) -> Markdown:
    parts = [verdicts.joint_success(records, locale), observations.seen(records, locale)]
    return Markdown("{verdict}.").format(verdict=Markdown("; ").join(parts))


def as_ran(records: LevelRecords) -> dict[str, object]:
    """The training's settings by the recipe's keys, as they ran, and how many examples a step saw."""
    ran = dict(records.training.results.hyperparameters)
    size, steps = ran.get("batch_size"), ran.get("gradient_accumulation_steps")
    ran["effective_batch_size"] = None if size is None or steps is None else size * steps
    ran.setdefault("max_seq_length", records.training.recipe.get("max_seq_length"))
    return ran | {"seed": records.training.seed}


def on_human_scale(found: Generation) -> bool:
    """Whether answers have levels on the human scale, which older records lack."""
    return any(found.value(row, "human_level") is not None for row in found.measures)


def first_sentences(records: LevelRecords) -> dict | None:
    """The first words of the first prompt, with the line that each answer has for them.

    Returns:
        "systems", and "rows" of a word and a line of each system, which is None where there is none.
    """
    if not records.comparison.results.answers:
        return None
    [first, *_] = records.comparison.results.answers
    systems = [name for name in _ANSWERS if getattr(first, name) is not None]
    by_number = [dict(parsing.numbered_lines(getattr(first, name))) for name in systems]
    rows = [
        (word, [_line(lines[place]) if lines.get(place) else None for lines in by_number])
        for place, word in enumerate(first.words[:_FIRST_WORDS], 1)
    ]
    return {"systems": systems, "rows": rows}


def answer_lines(answer: Answer, locale: Locale) -> list[list[str]]:
    """Rows of a word and a line each of base, tuned model and bank, as they came; long answers are cut, and say so."""
    columns = [answer.words, *(_lines(getattr(answer, who) or "", locale) for who in ("base", "tuned", "reference"))]
    height = max(map(len, columns))
    return [[column[line] if line < len(column) else "" for column in columns] for line in range(height)]


def _lines(answer: str, locale: Locale) -> list[str]:
    lines = [line for line in escaping.visible(answer).split("\n") if line.strip()]
    shown = [_line(line) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(locale.text["note"]["more_lines"].format(n=locale.whole(len(lines) - _MOST_LINES)))
    return shown


def _line(line: str) -> str:
    return escaping.shortened(escaping.visible(line), _LONGEST_LINE)
