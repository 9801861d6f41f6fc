"""The level scorer's card in the report: how well it tells levels apart on words that it has not seen."""

import json

from cefr_helpers.core.schema import QUALITIES, SCORERS, LevelRecords, find
from cefr_helpers.notes import verdicts
from cefr_helpers.rendering import escaping, locale, tables
from cefr_helpers.rendering.locale import Wording, listed


def cards(by_level: dict[str, LevelRecords], words: Wording) -> list[dict]:
    """A card for each scorer that judged a level: levels of one run share theirs, and then there is one."""
    found: dict[str, dict] = {}
    for level, held in by_level.items():
        scorer = find(verdicts.generated(held), "scorer")
        if scorer and scorer.get("confusion"):
            found.setdefault(json.dumps(scorer, sort_keys=True), {"scorer": scorer, "judged": []})["judged"].append(
                level
            )
    return [_card(one["scorer"], one["judged"], words) for one in found.values()]


def _card(scorer: dict, judged: list[str], words: Wording) -> dict:
    text = words.phrases["scorer_card"]
    levels = [escaping.markdown(level) for level in scorer["levels"]]
    counts = {key: locale.whole(scorer.get(key), words) for key in ("sentences", "folds", "groups")}
    confusion = [
        [level, *(locale.whole(count, words) for count in row)]
        for level, row in zip(levels, scorer["confusion"], strict=False)
    ]
    return {
        "text": text["text"].format(judged=listed(judged, words), levels=listed(levels, words), **counts),
        "quality": tables.markdown_table(
            [text["variant"], *(text["qualities"][key] for key in QUALITIES)],
            [_quality(scorer, variant, words) for variant in SCORERS],
            numbers_from=1,
        ),
        "confusion_text": text["confusion_text"],
        "confusion": tables.markdown_table([text["actual"], *levels], confusion, numbers_from=1),
    }


def _quality(scorer: dict, variant: str, words: Wording) -> list[str]:
    own = scorer.get(variant) or {}
    return [
        words.phrases["scorer_card"]["variants"][variant],
        locale.decimal(own.get("qwk"), 3, words),
        locale.share(own.get("accuracy"), words),
        locale.share(own.get("within_one"), words),
        locale.decimal(own.get("rmse"), 2, words),
    ]
