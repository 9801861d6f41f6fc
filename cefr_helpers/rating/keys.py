"""The key of a page for readers: who wrote which sentence, under meaningless names; readers never get it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.rating.items import Answer, Choice

SCHEMA: Final = 1
_ID_LENGTH = 12  # hexadecimal digits


class KeyItem(BaseModel):
    """A sentence and who wrote it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    prompt: int
    slot: int
    word: str
    sentence: str


class Key(BaseModel):
    """A page's key.

    Attributes:
        page: the page's name; another choice of sentences gives another name.
        created: when the page was first made, in UTC by ISO 8601.
        secret: the secret from which the names of items and pairs are made.
        items: name -> the sentence that readers judge.
        pairs: name -> the names of the two items that are compared; the tuned model's comes first.
        missing: answers without a sentence, which readers do not see.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    page: str
    level: str
    created: str
    secret: str
    items: dict[str, KeyItem]
    pairs: dict[str, tuple[str, str]]
    missing: list[KeyItem]


def make(choice: Choice, level: str, secret: str) -> Key:
    """Return the key of a page; the same choice and secret give the same names."""
    items = {_name(secret, one): _item(one) for one in choice.answers if one.sentence}
    pairs = {_name(secret, *pair): (_name(secret, pair[0]), _name(secret, pair[1])) for pair in choice.pairs}
    missing = [_item(one) for one in choice.answers if not one.sentence]
    said = [level, sorted(items), sorted(pairs.items()), sorted(_name(secret, one) for one in choice.answers)]
    page = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_ID_LENGTH]
    created = datetime.now(UTC).isoformat(timespec="seconds")
    # sorted by name, so that the order does not reveal who wrote what
    return Key(
        schema_version=SCHEMA,
        page=page,
        level=level,
        created=created,
        secret=secret,
        items=dict(sorted(items.items())),
        pairs=dict(sorted(pairs.items())),
        missing=missing,
    )


def read(path: Path, level: str) -> Key:
    """Read a page's key.

    Raises:
        InputError: it is missing, or not such a key.
    """
    if not path.is_file():
        raise InputError(f"{path}: missing; `make rate LEVELS={level}` makes the page and its key")
    expected = f"expected the key of a page that `make rate LEVELS={level}` made"
    values = files.read_json(path, expected)
    try:
        return Key.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the whole file"
        raise InputError(f"{path}: {place}: {shown(problem['input'])}; {expected}") from None


def as_text(key: Key) -> str:
    """Return the text of a key's file."""
    return json.dumps(key.model_dump(), indent=1, ensure_ascii=False) + "\n"


def _item(answer: Answer) -> KeyItem:
    return KeyItem(row=answer.row, prompt=answer.prompt, slot=answer.slot, word=answer.word, sentence=answer.sentence)


def _name(secret: str, *answers: Answer) -> str:
    said = json.dumps([[one.row, one.prompt, one.slot, one.word, one.sentence] for one in answers])
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()[:_ID_LENGTH]
