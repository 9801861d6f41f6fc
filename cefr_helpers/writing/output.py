"""Write a call's other files: the choice with its runners-up, rejects, and a summary."""

import csv
import io
from collections import Counter
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.writing import curve, judging, page
from cefr_helpers.writing.judging import Candidate
from cefr_helpers.writing.writing import Outcome

SCHEMA = 1
RUNNERS_UP = 4  # per word, shown beside the chosen sentences
_WORDS_SHOWN = 20


def choice_file(folder: Path) -> Path:
    """Return the path of the choice with its runners-up."""
    return folder / "made" / "choice.json"


def rejected_file(folder: Path) -> Path:
    """Return the path of the rejected candidates with their reasons."""
    return folder / "made" / "rejected.csv"


def page_file(folder: Path) -> Path:
    """Return the path of the page on which a person decides."""
    return folder / "made" / "choose.html"


def write(outcome: Outcome, folder: Path) -> dict:
    """Write rejects, the choice, and the page on which a person decides; return the content of `choice_file`.

    Raises:
        DiskFull: there is no room; earlier files are untouched.
    """
    text = io.StringIO()
    rows = [(one.word, one.text, one.reason, one.detail) for one in outcome.choice.rejected]
    cells = [[files.to_spreadsheet(cell) for cell in row] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([("word", "sentence", "reason", "detail"), *cells])
    files.write_atomically(rejected_file(folder), text.getvalue())
    choice = as_choice(outcome)
    files.write_atomically(choice_file(folder), records.as_text(choice))
    page.write(choice, page_file(folder))
    return choice


def as_choice(outcome: Outcome) -> dict:
    """Return the content of the choice's file: each word's sentences and runners-up, and the measures of the chosen."""
    plan = outcome.plan
    words = [
        {
            "word": word,
            **{name: plan.details.get(word, {}).get(name, "") for name in ("pos", "meaning", "topic")},
            "chosen": [_entry(one) for one in outcome.choice.chosen[word]],
            "runners_up": [_entry(one) for one in outcome.choice.runners_up[word][:RUNNERS_UP]],
        }
        for word in plan.words
    ]
    chosen = [one for own in outcome.choice.chosen.values() for one in own]
    return {
        "schema": SCHEMA,
        "name": plan.name,
        "level": plan.level,
        "model": outcome.writer,
        "remark": outcome.remark,
        "judge_model": outcome.judge_model,
        "sentences_per_word": plan.sentences,
        "seed": plan.seed,
        "candidates": len(outcome.candidates),
        "candidates_with_word": sum(one.reason not in ("word_not_used",) for one in outcome.candidates),
        "measures": {key: round(value, 4) for key, value in curve.describe(chosen, plan.level).items()}
        if chosen
        else {},
        "lacking": lacking(outcome),
        "words": words,
    }


def lacking(outcome: Outcome) -> list[dict]:
    """Return the words that got fewer sentences than requested, with the fate of their candidates."""
    found = []
    for word, count in outcome.choice.lacking(outcome.plan.sentences).items():
        reasons = Counter(one.reason for one in outcome.choice.rejected if one.word == word)
        found.append({"word": word, "lacks": count, "reasons": dict(reasons.most_common())})
    return found


def summary(choice: dict, folder: Path) -> list[str]:
    """Return a summary of what was written, for people.

    Args:
        choice: from `write`.
    """
    count = sum(len(one["chosen"]) for one in choice["words"])
    lines = [choice["remark"]] if choice["remark"] else []
    lines.append(
        f"Sentences: {count}, for {len(choice['words'])} words at {choice['level']}, chosen from "
        f"{choice['candidates']} candidates of {choice['model']}"
    )
    if judge_model := choice["judge_model"]:
        lines.append(
            f"{judge_model} answered yes to all three questions about each of them, or gave no answer that could be "
            "read; how far it agrees with people was not checked here"
        )
    if measures := choice["measures"]:
        lines.append(
            f"By the scale fitted to people's labels {measures['within_one']:.0%} are at most one level off; the most "
            f"common first word begins {measures['most_common_opening']:.0%}; {measures['questions']:.0%} are questions"
        )
        lines.append(
            f"A reader would print about {measures['printable']:.0%} of them as they are, as far as the votes on the "
            "bundled model's sentences tell; read each one"
        )
    if short := choice["lacking"]:
        lines.append(f"Words with fewer sentences than requested: {len(short)}")
        for one in short[:_WORDS_SHOWN]:
            why = ", ".join(f"{count} {judging.SHORT_REASONS[reason]}" for reason, count in one["reasons"].items())
            lines.append(f"  {one['word']}: {one['lacks']} missing ({why or 'no candidate came'})")
        lines += [f"  and {len(short) - _WORDS_SHOWN} more" for _ in short[_WORDS_SHOWN : _WORDS_SHOWN + 1]]
    return [*lines, f"Rejected candidates: {rejected_file(folder)}", f"To decide by hand: {page_file(folder)}"]


def _entry(one: Candidate) -> dict:
    numbers = {"people_level": one.people_level, "printable": one.printable, "score": one.score}
    return {"sentence": one.text} | {name: round(value, 2) for name, value in numbers.items()}
