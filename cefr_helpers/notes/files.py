"""Where a level's files lie, how to load them, and what comes next, for the results note."""

import json
import os
from pathlib import Path
from urllib.parse import quote

from cefr_helpers.core import ratings
from cefr_helpers.core.level_records import LevelRecords, figure_files
from cefr_helpers.core.paths import PLOT_FILES, Stage, Workspace
from cefr_helpers.core.records import NAMES
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.locale import Locale


def relative_link(target: Path, note: Path) -> str:
    """The link from a note to another file, as Markdown wants it."""
    return quote(Path(os.path.relpath(target, note.parent)).as_posix())


def plots(workspace: Workspace, records: LevelRecords, locale: Locale) -> list[dict[str, str]]:
    """Title and link of each of the five plots."""
    folder, note = workspace.plots(records.level), workspace.note(records.level)
    return [
        {
            "title": f"{records.level}: {locale.phrases['plot']['titles'][name]}",
            "link": relative_link(folder / file, note),
        }
        for name, file in PLOT_FILES.items()
    ]


def tree(workspace: Workspace, records: LevelRecords) -> str:
    """The files of the level as a code block; those of stages without a record are left out."""
    level, there = records.level, [name for name in (*NAMES, ratings.NAME) if getattr(records, name)]
    folders = []
    if records.dataset:
        files = [workspace.formatted_file(level, part).name for part in ("train", "dev", "eval")]
        folders.append((f"formatted_data/{level}", files))
    notebooks = [] if records.adopted else [f"{Stage.of_record(name)}.ipynb" for name in there if name in NAMES]
    answers = records.generation
    slots = [answers.file] if answers.file else []
    figures = figure_files(answers) if answers else {}
    folders.append((f"runs/{level}", [*notebooks, *(f"{name}.json" for name in there), *slots]))
    folders.append((f"training_plots/{level}", [*PLOT_FILES.values(), *figures.values()]))
    folders.append(("Notes", [workspace.note(level).name]))
    for kind in ("adapter", "merged_model"):
        published = getattr(records.training.results, kind)
        if published.path:
            folders.append((published.path, list(published.files)))
    return escaping.code_block("\n".join(line for folder, files in folders for line in _branch(folder, files)))


def where(records: LevelRecords, locale: Locale) -> str:
    """Adapter and merged model: where they lie."""
    text = locale.phrases["note"]
    rows = []
    for kind, name in (("adapter", text["adapter"]), ("merged_model", text["merged"])):
        path = getattr(records.training.results, kind).path
        rows.append([name, escaping.code(path) if path else locale.unknown])
    return tables.markdown_table([locale.phrases["facts"]["item"], locale.phrases["facts"]["value"]], rows)


def loading(records: LevelRecords) -> str | None:
    """Python that loads the merged model; None where there is none."""
    path = records.training.results.merged_model.path
    if not path:
        return None
    code = f"""from transformers import AutoModelForCausalLM, AutoTokenizer

folder = {json.dumps(path, ensure_ascii=False)}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")"""
    return escaping.code_block(code, "python")


def next_steps(
    workspace: Workspace, level: str, records_by_level: dict[str, LevelRecords], locale: Locale
) -> list[str]:
    """Which levels are done, which are missing, and the link to the final report."""
    text = locale.phrases["note"]
    done = [records.level for records in records_by_level.values() if records.is_done]
    missing = [records.level for records in records_by_level.values() if not records.is_done]
    return [
        text["done"].format(levels=locale.list(done)),
        text["missing"].format(levels=locale.list(missing)) if missing else text["none_missing"],
        text["report"].format(link=relative_link(workspace.final_report(), workspace.note(level))),
    ]


def _branch(folder: str, files: list[str]) -> list[str]:
    marks = ["├── "] * (len(files) - 1) + ["└── "]
    return [f"{folder}/", *(mark + file for mark, file in zip(marks, files, strict=bool(files)))]
