"""Results notes: Markdown from records alone, in English or Turkish."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import unquote

from cefr_helpers.core import level_records, levels
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import PLOT_FILES, Workspace
from cefr_helpers.evaluation import cloze
from cefr_helpers.notes import facts, files, level_tables, observations, readers, verdicts
from cefr_helpers.rendering import templates
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale

_WIDEST_PICTURE = 1000
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
_RELATIVE_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|data:)[^)]+\)")


def write_results_note(workspace: Workspace, level: str, language: str) -> Path:
    """Write the results note of a level, and the figures of its generated answers, where it has some.

    Raises:
        InputError: the level has no training record, or the language is unknown.
    """
    level_records.read_trained(workspace, level)
    text = results_note(workspace, level, level_records.read_levels(workspace), language)
    _draw_generation(workspace, level, language)
    return write_atomically(workspace.note(level), text)


def results_note(workspace: Workspace, level: str, records_by_level: dict[str, LevelRecords], language: str) -> str:
    """The note as Markdown; `workspace` only says where things lie, nothing in it is read."""
    records = records_by_level[level]
    locale = level_tables.locale_for(records_by_level, language)
    done = {other.level: other.is_done for other in records_by_level.values()}
    return templates.render(
        "results_note.md.j2",
        locale,
        {
            **facts.of_level(records, locale),
            "level_name": levels.NAMES[language][level],
            "in_short": _in_short(records, locale),
            "first_sentences": facts.first_sentences(records),
            "progress": _progress(records),
            "agree_within": observations.AGREE_WITHIN,
            "answers": [facts.answer_lines(answer, locale) for answer in records.comparison.results.answers],
            "answer_figures": files.links(level_records.figure_files(records.generation), workspace, level),
            "template_failure": observations.template(records, locale),
            "cloze_others": cloze.OTHERS,
            "readers": readers.of_level(records, locale),
            "levels": level_tables.side_by_side(records_by_level),
            "observations": observations.of_level(records, locale) + observations.across(records_by_level, locale),
            "plots": files.links(PLOT_FILES, workspace, level),
            "tree": files.tree(workspace, records),
            "loading": files.loading(records),
            "levels_done": [other for other, is_done in done.items() if is_done],
            "levels_missing": [other for other, is_done in done.items() if not is_done],
            "report_link": files.relative_link(workspace.final_report(), workspace.note(level)),
        },
    )


def _in_short(records: LevelRecords, locale: Locale) -> list[Markdown]:
    """The verdicts of the note's first screen."""
    answered = bool(records.generation)
    lines = [
        _of_answers(records, locale) if answered else None,
        readers.headline(records, locale) if answered else None,
        verdicts.people(records, locale),
        observations.verdict(records, locale),
        observations.template(records, locale),
    ]
    return [line for line in lines if line]


def _of_answers(records: LevelRecords, locale: Locale) -> Markdown:
    said = Markdown("{verdict}.").format(verdict=verdicts.joint_success(records, locale))
    won = verdicts.gains(records, locale)
    return Markdown(" ").join([said, won]) if won else said


def _progress(records: LevelRecords) -> dict:
    """The rows of the loss progression, and how many of its evaluations are among them."""
    rows = observations.progress_rows(records)
    shown = observations.thin_rows(rows)
    all_of, some = (sum(row["eval_loss"] is not None for row in made) for made in (rows, shown))
    return {"shown": shown, "evaluations": all_of, "evaluations_shown": some}


def for_notebook(note: Path) -> str:
    """A note's Markdown for a notebook's cell: pictures embedded, since its relative links lead nowhere there."""

    def embedded(found: re.Match) -> str:
        picture = note.parent / unquote(found[2])
        if not picture.is_file():
            return f"*{found[1]}*"
        return f"![{found[1]}](data:image/png;base64,{base64.b64encode(_reduced(picture)).decode()})"

    text = _PICTURE.sub(embedded, note.read_text(encoding="utf-8"))
    return _RELATIVE_LINK.sub(r"\1", text)


def _draw_generation(workspace: Workspace, level: str, language: str) -> None:
    from cefr_helpers.notes import answer_figures  # matplotlib: only where something is drawn

    answer_figures.draw_generation(workspace, level, language)


def _reduced(picture: Path) -> bytes:
    from PIL import Image

    image, content = Image.open(picture), io.BytesIO()
    image.thumbnail((_WIDEST_PICTURE, _WIDEST_PICTURE))
    image.save(content, format="PNG", optimize=True)
    return content.getvalue()
