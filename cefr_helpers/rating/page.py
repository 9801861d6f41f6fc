"""Make the page on which readers judge sentences blind: one file that works from disk, without a network."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.rating import items, keys, votes
from cefr_helpers.rating.keys import Key
from cefr_helpers.rendering import escaping, locale

_TEMPLATE = Path(__file__).parent / "template"
_EARLIER = "earlier"


@dataclass(frozen=True)
class Built:
    """A page that was made.

    Attributes:
        path: its file.
        key: who wrote which sentence.
        earlier: where the previous page and its key were moved; None if it is the same page, or the first one.
    """

    path: Path
    key: Key
    earlier: Path | None


def build(
    workspace: Workspace, level: str, language: str, count: int, pairs: int, seed: int, written: Path | None = None
) -> Built:
    """Make a level's page and its key; a page about other sentences is moved aside, and nothing is lost.

    Args:
        language: the language in which the page opens; readers can switch.
        count: number of sentences to judge.
        pairs: number of pairs to compare.
        seed: the seed by which words are drawn.
        written: a table of sentences from `cefr write` that are judged as well.

    Raises:
        InputError: the level has no answers yet, a page exists without its key, or `count` is too small.
    """
    page, key_path = workspace.rating_page(level), workspace.rating_key(level)
    table = items.read_table(workspace, level)
    answers = items.read_answers(table, workspace.run(level) / items.FILE)
    if written is not None:
        answers[items.WRITTEN] = items.read_written(written, level)
    choice = items.choose(answers, count, pairs, seed)
    if page.exists() and not key_path.exists():
        raise InputError(f"{page}: exists without its key, {key_path.name}; put the key back, or move the page away")
    before = keys.read(key_path, level) if key_path.exists() else None
    key = keys.make(choice, level, before.secret if before else secrets.token_hex(16))
    earlier = None
    if before and before.page == key.page:
        key = before  # with the time at which the page was first made
    elif before:
        earlier = _move(workspace, level, before.page)
    if before is None or earlier:
        files.write_atomically(key_path, keys.as_text(key))
    files.write_atomically(page, html(key, language))
    return Built(page, key, earlier)


def html(key: Key, language: str) -> str:
    """Return the page's text, with words and sentences under meaningless names, in both languages."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE), undefined=jinja2.StrictUndefined, autoescape=True
    )
    style, script = (_part(f"page.{ending}") for ending in ("css", "js"))
    texts = {name: locale.phrases(name)["rating_page"] for name in locale.LANGUAGES}
    return environment.get_template("page.html.j2").render(
        language=language,
        title=texts[language]["title"].format(level=key.level),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(_in_script(_data(key, language, texts))),
    )


def _data(key: Key, language: str, texts: dict) -> dict:
    return {
        "schema": votes.SCHEMA,
        "page": key.page,
        "level": key.level,
        "language": language,
        "texts": texts,
        "questions": votes.QUESTIONS,
        "kinds": votes.KINDS,
        "items": [
            {"id": name, "word": escaping.visible(one.word), "sentence": escaping.visible(one.sentence)}
            for name, one in key.items.items()
        ],
        # in the order of their names, because the key has the tuned model's first
        "pairs": [{"id": name, "items": sorted(pair)} for name, pair in key.pairs.items()],
    }


def _move(workspace: Workspace, level: str, page: str) -> Path:
    """Move a page and its key under the page's name into the folder of earlier pages."""
    folder = workspace.rating(level) / _EARLIER / page
    folder.mkdir(parents=True, exist_ok=True)  # one of the same name is about the same sentences
    for path in (workspace.rating_page(level), workspace.rating_key(level)):
        if path.exists():
            path.replace(folder / path.name)
    return folder


def _part(name: str) -> str:
    return (_TEMPLATE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a content security policy allows a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _in_script(data: dict) -> str:
    """Return JSON that cannot end the element that contains it."""
    text = json.dumps(data, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
