"""Read a Modelfile as Ollama does, as far as ours need it: its grammar, strictly, and its template language.

After the grammar that Ollama documents: instructions of one word, values to the end of the line or between three double
quotes, comments only where an instruction could begin; templates are Go's text/template.
"""

import re

INSTRUCTIONS = {"FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE"}
PARAMETERS = {
    "num_ctx": int,
    "repeat_last_n": int,
    "repeat_penalty": float,
    "temperature": float,
    "seed": int,
    "stop": str,
    "num_predict": int,
    "top_k": int,
    "top_p": float,
    "min_p": float,
}
_VALUE = r'(?:"""(?P<long>.*?)"""|"(?P<short>[^"\n]*)"|(?P<bare>[^"\s][^"\n]*))'
_LINE = re.compile(rf"(?P<name>[A-Z]+)[ \t]+(?:(?P<parameter>[a-z_]+)[ \t]+)?{_VALUE}[ \t]*(?:\n|$)", re.DOTALL)


def read_modelfile(text: str) -> dict:
    """Instruction -> its value; `PARAMETER` -> name -> value, `stop` -> list. ValueError where Ollama would refuse."""
    found, at = {"PARAMETER": {"stop": []}}, 0
    while at < len(text):
        if blank := re.compile(r"(?:[ \t]*\n|#[^\n]*(?:\n|$))").match(text, at):
            at = blank.end()
            continue
        line = _LINE.match(text, at)
        if not line or line["name"] not in INSTRUCTIONS or bool(line["parameter"]) != (line["name"] == "PARAMETER"):
            raise ValueError(f"no instruction: {text[at : at + 60]!r}")
        at = line.end()
        value = next(line[kind] for kind in ("long", "short", "bare") if line[kind] is not None)
        if line["name"] != "PARAMETER":
            if line["name"] in found:
                raise ValueError(f"{line['name']} twice")
            found[line["name"]] = value
        elif line["parameter"] == "stop":
            found["PARAMETER"]["stop"].append(value)
        else:
            found["PARAMETER"][line["parameter"]] = PARAMETERS[line["parameter"]](value)
    if "FROM" not in found:
        raise ValueError("no FROM")
    return found


def render(template: str, values: dict) -> str:
    """Run a Go template of `if`, `else if`, `range`, `eq .Field "text"` and fields; ValueError for anything else."""
    pieces = re.split(r"\{\{(.*?)\}\}", template, flags=re.DOTALL)
    text, rest = _block(list(enumerate(pieces)), values)
    if rest:
        raise ValueError(f"left over: {rest}")
    return text


def _block(pieces: list, values: dict | None) -> tuple[str, list]:
    """Text of the pieces up to an `else` or `end` that is not theirs, and the rest from there; None: only skipped."""
    text = ""
    while pieces:
        (number, piece), *after = pieces
        words = piece.split()
        if number % 2 == 0:
            text, pieces = text + piece, after
        elif words[0] in ("end", "else"):
            return text, pieces
        elif words[0] == "range":
            rows = _field(words[1], values) if values is not None else []
            inner = [_block(after, row)[0] for row in rows]
            _, pieces = _closed(_block(after, None)[1])
            text += "".join(inner)
        elif words[0] == "if":
            inner, pieces = _branches(words[1:], after, values)
            text += inner
        else:
            text, pieces = text + (str(_field(piece.strip(), values)) if values is not None else ""), after
    return text, []


def _branches(condition: list[str], pieces: list, values: dict | None) -> tuple[str, list]:
    holds = values is not None and _holds(condition, values)
    inner, rest = _block(pieces, values if holds else None)
    words = rest[0][1].split()
    if words == ["end"]:
        return (inner if holds else ""), rest[1:]
    if words[:2] != ["else", "if"]:
        raise ValueError(f"unknown: {rest[0][1]!r}")
    other, rest = _branches(words[2:], rest[1:], None if holds else values)
    return (inner if holds else other), rest


def _closed(pieces: list) -> tuple[str, list]:
    if not pieces or pieces[0][1].split() != ["end"]:
        raise ValueError("a range without its end")
    return "", pieces[1:]


def _holds(condition: list[str], values: dict) -> bool:
    if condition[0] == "eq":
        return _field(condition[1], values) == condition[2].strip('"')
    return bool(_field(*condition, values))


def _field(name: str, values: dict) -> object:
    if not re.fullmatch(r"\.[A-Z]\w*", name):
        raise ValueError(f"no field: {name!r}")
    return values[name[1:]]
