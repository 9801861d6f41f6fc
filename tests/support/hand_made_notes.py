"""Notes made from records by hand, as text and as Markdown's tokens, some with text that tries to act in them."""

from dataclasses import replace
from pathlib import Path

import hand_made_records
from hand_made_records import change, write_records
from markdown_it import MarkdownIt

from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.ratings import RatingsRecord
from cefr_helpers.notes import final_report, results_note

WORKSPACE = Workspace(Path("/project"), Path("/project/user_data"))
NASTY = 'a|b <img src=x onerror=alert(1)> `c` $d$ **e** [f](http://g.h) ![i](j) www.k.l \\ {{ m }} & "n" ```\n# o'


def by_level(**records: LevelRecords) -> dict[str, LevelRecords]:
    return {level: records.get(level, LevelRecords(level)) for level in LEVELS}


def note(records: LevelRecords, language: str = "en", **others: LevelRecords) -> str:
    return results_note.results_note(WORKSPACE, records.level, by_level(**{records.level: records}, **others), language)


def nasty_records(nasty: str = NASTY) -> LevelRecords:
    records = hand_made_records.with_answers()
    dataset, training = records.dataset.results, records.training.results
    slot = {"prompt": 0, "slot": 1, "word": nasty, "sentence": nasty, "score": None, "failed": [nasty]}
    change(records.generation, decoding=nasty, file=nasty, slots_shown=[slot] * 10)
    change(records.generation.scorer, levels=[nasty])
    dropped = {"reason": nasty, "count": 1, "examples": [nasty]}
    change(dataset.sentence_bank, name=nasty, dropped=[dropped])
    change(training.base_model, name=nasty)
    change(
        training,
        differences_from_recipe=[{"setting": nasty, "asked": nasty, "ran": nasty, "why": nasty}],
        adapter={"name": nasty, "path": nasty, "files": {nasty: ""}},
        merged_model={"name": nasty, "path": nasty, "files": {nasty: ""}},
    )
    training.hyperparameters |= {"optimizer": nasty, "lora_target_modules": [nasty]}
    records.training.recipe["name"] = nasty
    change(records.training.hardware, cpu=nasty)
    change(records.training, versions={nasty: nasty})
    answer = {"words": [nasty] * 10, "reference": nasty, "base": nasty, "tuned": nasty}
    change(records.comparison.results, answers=[answer])
    return records


def nasty_ratings(nasty: str = NASTY) -> LevelRecords:
    """Records of a level whose readers, judges, systems, gates and measures all have that name."""
    metric = {"value": 0.6, "low": 0.31, "high": 0.83}
    system = {"words": 20, "missing": 1, **dict.fromkeys(("sense", "meaning", "suits_level", "printable"), metric)}
    difference = {"estimate": 0.2, "low": -0.1, "high": 0.5, "p": 0.2}
    gate = {"printable": 12, "unprintable": 8, "passed": 0.9, "stopped": 0.4, "kappa": 0.3}
    judge = {"kind": "judge", "sentences": 20, "kappa": 0.4, "true_positive_rate": 0.8, "true_negative_rate": 0.6}
    results = {
        "page": nasty,
        "counted": "people",
        "readers": [{"name": nasty, "kind": "teacher", "answers": 20, "choices": 10, "seconds": 6.5}],
        "systems": {"tuned": system, nasty: system | {"difference": difference, "words_needed": 70}},
        "preferences": {nasty: {"words": 10, "tuned": 6, "other": 3, "neither": 1, "win_rate": metric, "p": 0.5}},
        "between_readers": {"sense": {"sentences": 12, "alpha": 0.5, "same": 0.8}},
        "gates": {nasty: gate},
        "measures": {nasty: {"printable": 12, "unprintable": 8, "auc": {"value": 0.8, "low": 0.7, "high": 0.9}}},
        "judges": [judge | {"name": nasty, "printable": {nasty: metric}}],
    }
    records = hand_made_records.with_answers()
    return replace(records, ratings=RatingsRecord.model_validate({"level": records.level, "results": results}))


def write_report(folder: Path, language: str) -> tuple[Workspace, str]:
    """The report on disk over levels A2 and B2: its workspace and its text."""
    workspace = Workspace(folder, folder / "user_data")
    for level in ("A2", "B2"):
        write_records(workspace, hand_made_records.level_records(level))
    path = final_report.write_final_report(workspace, LEVELS, language)
    return workspace, path.read_text(encoding="utf-8")


def tokens(text: str) -> list:
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return found + [child for token in found for child in token.children or []]
