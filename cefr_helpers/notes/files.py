"""A level's files for the results note: links, the tree, and how to load the merged model."""

import json
import os
from pathlib import Path
from urllib.parse import quote

from cefr_helpers.core import ratings
from cefr_helpers.core.level_records import LevelRecords, figure_files
from cefr_helpers.core.paths import PLOT_FILES, Stage, Workspace
from cefr_helpers.core.records import NAMES
from cefr_helpers.rendering import escaping
from cefr_helpers.rendering.escaping import Markdown


def relative_link(target: Path, note: Path) -> Markdown:
    """The link from a note to another file; percent signs escape whatever would end or change it."""
    return Markdown(quote(Path(os.path.relpath(target, note.parent)).as_posix()))


def links(files: dict[str, str], workspace: Workspace, level: str) -> list[dict[str, str]]:
    """Name and link of each of a level's figures, name -> file."""
    folder, note = workspace.plots(level), workspace.note(level)
    return [{"name": name, "link": relative_link(folder / file, note)} for name, file in files.items()]


def tree(workspace: Workspace, records: LevelRecords) -> Markdown:
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


def loading(records: LevelRecords) -> Markdown | None:
    """Python that loads the merged model; None where there is none."""
    path = records.training.results.merged_model.path
    if not path:
        return None
    code = f"""from transformers import AutoModelForCausalLM, AutoTokenizer

folder = {json.dumps(path, ensure_ascii=False)}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")"""
    return escaping.code_block(code, "python")


def _branch(folder: str, files: list[str]) -> list[str]:
    marks = ["├── "] * (len(files) - 1) + ["└── "]
    return [f"{folder}/", *(mark + file for mark, file in zip(marks, files, strict=bool(files)))]
