"""Take the README's pictures of a finished run, docs/pictures/: `make pictures`, with Chromium installed."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import browser
from PIL import Image

from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace, project_root
from cefr_helpers.pipeline import configuration

LARGEST = 300_000  # maximum bytes of a picture


def main(level: str, workspace: Workspace) -> list[Path]:
    """Take the pictures.

    Raises:
        InputError: the level has not been compared, or there is no Chromium.
    """
    if lacks := browser.missing():
        raise InputError(lacks)
    records.read(workspace, level, "comparison")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = Workspace(folder / "run", workspace.user_data)  # 04 writes its figures and note again
        for part in (workspace.run(level), workspace.formatted_file(level, "eval").parent):
            ignored = shutil.ignore_patterns("checkpoints", "tensorboard", "history", "*.ipynb")
            shutil.copytree(part, copy.output_root / part.relative_to(workspace.output_root), ignore=ignored)
        values = {"level": level, "output_root": str(copy.output_root), "user_data": str(copy.user_data)}
        parameters = {"04_plotting": values, "playground": values}
        lab_folder = folder / "lab"
        lab_folder.mkdir()
        with browser.chromium(folder / "profile") as driver, browser.lab(lab_folder, parameters) as (url, token):
            window = browser.Window(driver, url, token, folder / "pictures")
            return [_compressed(take(window)) for take in (_plotting, _playground)]


def _plotting(window: browser.Window) -> Path:
    window.run_all("04_plotting.ipynb")
    figures = window.driver.find_elements("css selector", ".jp-OutputArea-output img")
    window.show(figures[2])
    return window.picture("jupyterlab")


def _playground(window: browser.Window) -> Path:
    window.run_all("playground.ipynb")
    window.click("button", "Write sentences")
    window.one("[role=status]", "greedy", seconds=1500)
    window.driver.set_window_size(1280, 1300)  # all ten words
    window.show(window.one(".widget-textarea"))
    return window.picture("playground")


def _compressed(path: Path) -> Path:
    """Save the picture with 256 colours in docs/pictures/."""
    kept = project_root() / "docs" / "pictures" / path.name
    kept.parent.mkdir(exist_ok=True)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(kept, optimize=True)
    size = kept.stat().st_size
    if size > LARGEST:
        raise RuntimeError(f"{kept}: {size} bytes; expected at most {LARGEST}")
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", default="B2")
    parser.add_argument("--output-root")
    parser.add_argument("--user-data")
    given = vars(parser.parse_args())
    level = given.pop("level")
    try:
        print(*main(level, configuration.read({k: v for k, v in given.items() if v}).workspace), sep="\n")
    except InputError as error:
        sys.exit(f"{error}")
