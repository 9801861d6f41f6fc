"""Notes made from records by hand, as text and as Markdown's tokens, some with text that tries to act in them."""

from pathlib import Path

import hand_made_records
from markdown_it import MarkdownIt

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.schema import LevelRecords
from cefr_helpers.notes import results_note

WORKSPACE = Workspace(Path("/project"), Path("/project/user_data"))
NASTY = 'a|b <img src=x onerror=alert(1)> `c` $d$ **e** [f](http://g.h) ![i](j) www.k.l \\ {{ m }} & "n" ```\n# o'


def by_level(**held: LevelRecords) -> dict[str, LevelRecords]:
    return {level: held.get(level, LevelRecords(level)) for level in LEVELS}


def note(held: LevelRecords, language: str = "en", **others: LevelRecords) -> str:
    return results_note.results_note(WORKSPACE, held.level, by_level(**{held.level: held}, **others), language)


def nasty_records(nasty: str = NASTY) -> LevelRecords:
    held = hand_made_records.with_answers()
    slot = {"prompt": 0, "slot": 1, "word": nasty, "sentence": nasty, "score": None, "failed": [nasty]}
    generation = held.comparison["results"]["generation"]
    generation |= {"decoding": nasty, "file": nasty, "slots_shown": [slot] * 10}
    generation["scorer"]["levels"] = [nasty]
    held.dataset["results"]["sentence_bank"] |= {
        "name": nasty,
        "dropped": [{"reason": nasty, "count": 1, "examples": [nasty]}],
    }
    results = held.training["results"]
    results["base_model"]["name"] = nasty
    results["differences_from_recipe"] = [{"setting": nasty, "asked": nasty, "ran": nasty, "why": nasty}]
    results["adapter"] = {"name": nasty, "path": nasty, "files": {nasty: ""}}
    results["merged_model"] = {"name": nasty, "path": nasty, "files": {nasty: ""}}
    results["hyperparameters"] |= {"optimizer": nasty, "lora_target_modules": [nasty]}
    held.training["recipe"]["name"] = nasty
    held.training["hardware"]["cpu"] = nasty
    held.training["versions"] = {nasty: nasty}
    answer = {"words": [nasty] * 10, "reference": nasty, "base": nasty, "tuned": nasty}
    held.comparison["results"]["answers"] = [answer]
    return held


def tokens(text: str) -> list:
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return found + [child for token in found for child in token.children or []]
