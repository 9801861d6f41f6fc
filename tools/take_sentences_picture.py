"""Take the picture of a worksheet and of two cards of a deck, docs/pictures/sentences_for_your_class.png.

    PYTHONPATH=tests/support python tools/take_sentences_picture.py FOLDER

FOLDER is the output of `make write` with the forms html and apkg. The cards are drawn with the note types' own
templates and styles, read from the package; Anki itself is not needed.
"""

import argparse
import io
import json
import re
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import browser
import chevron
from PIL import Image

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import project_root

_CARDS = 3  # of each kind
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>{css}
body {{ background: #e9edf2; margin: 0; padding: 14px; }}
.card {{ background: white; border-radius: 8px; margin: 0 0 14px; padding: 18px; }}</style>"""


def main(folder: Path) -> Path:
    """Take the picture.

    Raises:
        InputError: the folder lacks a form, or there is no Chromium.
    """
    if lacks := browser.missing():
        raise InputError(lacks)
    for name in ("worksheet.html", "deck.apkg"):
        if not (folder / name).is_file():
            raise InputError(f'{folder / name}: missing; expected the output of `make write FORM="apkg html"`')
    with tempfile.TemporaryDirectory() as name:
        cards = Path(name) / "cards.html"
        cards.write_text(_cards(folder / "deck.apkg"), encoding="utf-8")
        with browser.chromium(Path(name) / "profile") as driver:
            shots = [_shot(driver, page, width) for page, width in ((folder / "worksheet.html", 760), (cards, 520))]
    whole = Image.new("RGB", (sum(one.width for one in shots), shots[0].height), "white")
    whole.paste(shots[0], (0, 0))
    whole.paste(shots[1], (shots[0].width, 0))
    path = project_root() / "docs" / "pictures" / "sentences_for_your_class.png"
    whole.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def _shot(driver, page: Path, width: int) -> Image.Image:
    driver.set_window_size(width, 900)
    driver.get(page.resolve().as_uri())
    return Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")


def _cards(package: Path) -> str:
    """Return the answers of the first cards of each note type."""
    with zipfile.ZipFile(package) as archive:
        database = sqlite3.connect(":memory:")
        database.deserialize(archive.read("collection.anki2"))
    models = json.loads(database.execute("select models from col").fetchone()[0])
    pages = [_PAGE.format(css=next(iter(models.values()))["css"])]
    for model in models.values():
        rows = database.execute("select flds from notes where mid = ? order by id", (model["id"],)).fetchall()
        names = [field["name"] for field in model["flds"]]
        cards = [dict(zip(names, text.split("\x1f"), strict=True)) for (text,) in rows]
        words = {fields["Word"]: fields for fields in reversed(cards)}  # the first card of each word
        for fields in list(words.values())[::-1][:_CARDS]:
            pages.append(f'<div class="card">{_drawn(model["tmpls"][0], fields)}</div>')
    return "\n".join(pages)


def _drawn(template: dict, fields: dict[str, str]) -> str:
    """Return a card's answer; for a card with a gap its question, which the learner sees first."""
    gap = "{{cloze:" in template["qfmt"]
    text = template["qfmt"] if gap else template["afmt"].replace("{{FrontSide}}", template["qfmt"])
    text = re.sub(r"\{\{cloze:(.+?)\}\}", r"{{\1}}", text)
    said = {name: re.sub(r"\{\{c1::.*?\}\}", "<b>[...]</b>", value) for name, value in fields.items()}
    return chevron.render(re.sub(r"\{\{(.+?)\}\}", r"{{{\1}}}", text), said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(main(parser.parse_args().folder))
