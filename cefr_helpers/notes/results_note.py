"""Results notes: Markdown from records alone, in English or Turkish."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import unquote

from cefr_helpers.core import level_records, levels
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.paths import Workspace
from cefr_helpers.notes import facts, files, level_tables, observations, reader_sections, scales, sections, verdicts
from cefr_helpers.rendering import escaping, tables, templates
from cefr_helpers.rendering.locale import Locale

_WIDEST_PICTURE = 1000
_BEFORE_ANSWERS = ("data", "hyperparameters", "training", "progress", "comparison")
_AFTER_ANSWERS = ("levels", "plots", "files", "next")
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
    locale = level_tables.wording_for(records_by_level, language)
    rows = observations.progress_rows(records)
    shown = observations.thin_rows(rows)
    return templates.render(
        "results_note.md.j2",
        {
            "text": locale.phrases["note"],
            "title": locale.phrases["note"]["title"].format(level=level, name=levels.NAMES[language][level]),
            "in_short": sections.in_short(records, locale),
            "contents": _contents(records, locale),
            "adopted": records.adopted,
            "head": facts.head(records, locale),
            "data": facts.data(records, locale),
            "dropped": facts.dropped(records, locale),
            "bank_level": scales.bank(records, locale),
            "leaks": facts.leaks(records, locale),
            "floor": _floor(records, locale),
            "lora": facts.hyperparameters(records, facts.LORA, locale),
            "settings": facts.hyperparameters(records, facts.TRAINING, locale),
            "differences": facts.differences(records, locale),
            "training": facts.training(records, locale),
            "progress_unit": _progress_unit(records, locale),
            "progress": _progress(shown, locale),
            "thinned": _thinned(rows, shown, locale),
            "best": _best(records, locale),
            "comparison": sections.comparison(records, locale),
            "generation": sections.generated_answers(workspace, records, locale),
            "answers_text": locale.phrases["generation"],
            "answers": sections.answers(records, locale),
            "readers": reader_sections.section(records, locale),
            "readers_text": locale.phrases["readers"],
            "levels": tables.to_markdown(level_tables.side_by_side(records_by_level), locale),
            "observations": observations.of_level(records, locale) + observations.across(records_by_level, locale),
            "nothing": locale.phrases["observations"]["nothing"],
            "plots": files.plots(workspace, records, locale),
            "tree": files.tree(workspace, records),
            "where": files.where(records, locale),
            "loading": files.loading(records),
            "next": files.next_steps(workspace, level, records_by_level, locale),
        },
    )


def _contents(records: LevelRecords, locale: Locale) -> str:
    """Links to the note's sections."""
    text = locale.phrases["note"]
    titles = [text[key] for key in _BEFORE_ANSWERS]
    if records.generation:
        titles += [verdicts.title([records], locale), locale.phrases["readers"]["title"]]
    titles += [text[key] for key in _AFTER_ANSWERS]
    return " · ".join(f"[{title}](#{escaping.anchor(title)})" for title in titles)


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


def _floor(records: LevelRecords, locale: Locale) -> str | None:
    found = records.dataset.results.memoriser_floor
    if not found:
        return None
    return locale.phrases["note"]["floor"].format(
        completion=locale.loss(found.completion.nats_per_token),
        full_text=locale.loss(found.full_text.nats_per_token),
        completion_example=locale.decimal(found.completion.nats_per_example, 1),
        full_text_example=locale.decimal(found.full_text.nats_per_example, 1),
        per_word=locale.decimal(found.sentences_per_word, 1),
    )


def _progress_unit(records: LevelRecords, locale: Locale) -> str:
    text = locale.phrases["note"]
    parts = {}
    for name, key in (("eval_on", "eval_loss"), ("train_on", "train_loss")):
        measure = records.loss_measure(key)
        parts[name] = text[measure] if measure else locale.unknown
    told = text["evaluated_on"].get(records.evaluated_on)
    return " ".join([text["progress_unit"].format(**parts), *([told] if told else [])])


def _progress(rows: list[dict], locale: Locale) -> str:
    headings = [locale.phrases["note"][key] for key in ("epoch", "step", "train_loss", "eval_loss", "remark")]
    table = tables.markdown_table(headings, observations.format_rows(rows, locale), numbers_from=0)
    return table.replace("---: |\n", "--- |\n", 1)  # remarks are text: aligned left


def _thinned(rows: list[dict], shown: list[dict], locale: Locale) -> str | None:
    all_of, some = (sum(row["eval_loss"] is not None for row in made) for made in (rows, shown))
    if all_of == some:
        return None
    return locale.phrases["note"]["thinned"].format(shown=locale.whole(some), all=locale.whole(all_of))


def _best(records: LevelRecords, locale: Locale) -> str:
    lowest, text = records.best, locale.phrases["note"]
    return text["best"].format(**observations.best_figures(lowest, locale)) if lowest else text["no_best"]
