"""Write docs/records.md, the schema of the records for people, from the models in `core.schema`."""

import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from cefr_helpers.core import files, ratings, schema
from cefr_helpers.core.paths import Stage, project_root
from cefr_helpers.core.schema import Part, Record

INTRODUCTION = """\
# The records

Each stage writes one record per level, a JSON file in the level's folder, such as `runs/B2`. Readers' judgements are
another record. Notes, plots, model cards, the final report and the site are made only from these files, so everything
they say is in one of them. A finished run is in [reference_run/runs/](reference_run/runs/).

This page is made from the models in [schema.py](../cefr_helpers/core/schema.py) by `tools/write_record_docs.py`.

- **Missing values.** A value that is not known is `null` or absent, which means the same: an adopted run has fewer
  values, and older records lack later additions. Code that reads gets an empty part instead, so
  `record.results.best.eval_loss` is a number or `None` and never an error.
- **Other names.** Code that writes cannot use a name that is not here. In a file that is read, such a name is ignored.
- **Wrong values.** A value of another type is refused with the file, the key, the value, and the stage to run again.
- **Units.** Losses are in nats per token, times in seconds, sizes in bytes; shares are between 0 and 1, and names that
  end in "pct" are in per cent.

Every record has the same outer part, and its own `results`:
"""

RECORDS = {
    "dataset": "What 01 drew, split and formatted.",
    "training": "How the adapter was trained, and where it is saved. An adopted run has only this record.",
    "comparison": "The comparison of base and tuned model.",
}
READERS = "Readers' judgements from the [page for readers](rating.md); missing if nobody has read the sentences."
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}


def path() -> Path:
    """Return the path of the page."""
    return project_root() / "docs" / "records.md"


def page() -> str:
    """Return the page's text.

    Raises:
        ValueError: a field has no description in its class's docstring, or a description no field.
    """
    made = [INTRODUCTION, _table(Record)]
    written: set[type[Part]] = {schema.Hardware}
    made += ["## Hardware", *_section(schema.Hardware)]
    shared: list[str] = []
    for name, about in RECORDS.items():
        results = _results(name)
        made += [f"## {name.capitalize()}: `{name}.json`", f"Written by `{Stage.of_record(name)}`. {about}"]
        made += [f"The fields of `results` ({results.__name__}):", _table(results)]
        for part in _parts_below(results):
            if part not in written:
                written.add(part)
                (shared if _is_shared(part) else made).extend([f"### {part.__name__}", *_section(part)])
    made += _of_readers(written)
    made += ["## Parts of several records", *shared]
    return "\n\n".join(text.strip() for text in made) + "\n"


def _of_readers(written: set[type[Part]]) -> list[str]:
    """Describe the record that no stage writes, which has its own outer part; shared parts are described elsewhere."""
    record = ratings.RatingsRecord
    made = [
        f"## {ratings.NAME.capitalize()}: `{ratings.NAME}.json`",
        f"{(record.__doc__ or '').partition(chr(10))[0]} {READERS}",
    ]
    made += [_table(record)]
    for part in [one for one in _parts_below(record) if one not in written]:
        made += [f"### {part.__name__}", *_section(part)]
    return made


def meanings(part: type[Part]) -> dict[str, str]:
    """Return field -> description, from the docstrings of the class and of its base classes."""
    found: dict[str, str] = {}
    for one in reversed(part.__mro__):
        listed = (one.__doc__ or "").partition("Attributes:\n")[2] if issubclass(one, Part) else ""
        found |= dict(re.findall(r"^\s+(\w+): (.+)$", listed, re.MULTILINE))
    if found.keys() != part.model_fields.keys():
        differing = ", ".join(sorted(found.keys() ^ part.model_fields.keys()))
        raise ValueError(f"{part.__name__}: {differing}: expected each field once under Attributes of the docstring")
    return found


def _section(part: type[Part]) -> list[str]:
    return [(part.__doc__ or "").partition("\n\n")[0], _table(part)]


def _table(part: type[Part]) -> str:
    lines = ["| name | type | meaning |", "| --- | --- | --- |"]
    for name, meaning in meanings(part).items():
        field = part.model_fields[name]
        shown = meaning.replace("->", "→").removesuffix(".")
        lines.append(f"| `{field.alias or name}` | {_kind(field.annotation)} | {shown} |")
    return "\n".join(lines)


def _kind(annotation: Any) -> str:
    """Return a type in words, with a link to its section for a part."""
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_kind(one) for one in get_args(annotation) if one is not NoneType)
    if get_origin(annotation) is list:
        return f"list of {_inside(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"{_kind(key)} → {_inside(value)}"
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _NAMES.get(annotation, "the record's own")


def _inside(annotation: Any) -> str:
    kind = _kind(annotation)
    return f"({kind})" if "→" in kind else kind


def _parts_below(part: type[Part]) -> list[type[Part]]:
    """Return the parts that a part is made of, at any depth, in order of first occurrence."""
    found = []
    for field in part.model_fields.values():
        for one in _parts_in(field.annotation):
            found += [one, *_parts_below(one)]
    return list(dict.fromkeys(found))


def _parts_in(annotation: Any) -> list[type[Part]]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return [annotation] if issubclass(annotation, Part) else []
    return [part for one in get_args(annotation) for part in _parts_in(one)]


def _results(name: str) -> type[Part]:
    """What a record keeps under `results`."""
    return type(schema.RECORDS[name]().results)


def _is_shared(part: type[Part]) -> bool:
    everywhere = [_parts_below(_results(name)) for name in schema.RECORDS]
    return part is schema.Interval or sum(part in parts for parts in everywhere) > 1


def main() -> int:
    print(files.write_atomically(path(), page()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
