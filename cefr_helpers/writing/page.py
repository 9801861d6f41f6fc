"""Write the page on which a person decides: chosen sentences with runners-up, in one file that needs no network."""

import hashlib
import json
from pathlib import Path

from cefr_helpers.core import files

_TEMPLATE = Path(__file__).parent / "template"
_ID_LENGTH = 12  # hexadecimal digits


def write(choice: dict, path: Path) -> Path:
    """Write the page of a choice.

    Args:
        choice: from `output.as_choice`.
    """
    import jinja2

    loader = jinja2.FileSystemLoader(_TEMPLATE)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    script = (_TEMPLATE / "choose.js").read_text(encoding="utf-8")
    title = f"{choice['name']} ({choice['level']})"
    page = environment.get_template("choose.html.j2").render(title=title, data=_data(choice), script=script)
    return files.write_atomically(path, page)


def _data(choice: dict) -> str:
    """Return the script's data, as JSON that no text in it can end."""
    said = json.dumps(choice["words"], sort_keys=True)
    page = hashlib.sha256(f"{choice['name']} {choice['level']} {said}".encode()).hexdigest()[:_ID_LENGTH]
    data = {"page": page, **{key: choice[key] for key in ("name", "level", "model", "words")}}
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
