"""The keys that notes read, and those of the records made by hand, against records that the notebooks wrote."""

import ast
import json
import re

import hand_made_records
import pytest

from cefr_helpers.core import records
from cefr_helpers.core.paths import project_root
from cefr_helpers.data import banks

PACKAGE = project_root() / "cefr_helpers"
ADOPTED = {".results.adopted", ".results.adopted.read"}  # of trainings run elsewhere, which no notebook writes


def paths(value: object, above: str = "") -> set[str]:
    """Every key path in a record, as ".results.history[].step"."""
    if isinstance(value, list):
        return set().union(*(paths(one, f"{above}[]") for one in value))
    if not isinstance(value, dict):
        return {above}
    return {above}.union(*(paths(one, f"{above}.{key}") for key, one in value.items()))


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, set[str]]:
    """Record's name -> its key paths in the reference run, which dropped no sentence, and of a bank that did."""
    run = project_root() / "docs" / "reference_run" / "runs"
    found = {
        name: set().union(*(paths(json.loads(path.read_text())) for path in run.glob(f"*/{name}.json")))
        for name in records.NAMES
    }
    bank = tmp_path_factory.mktemp("bank") / "bank.json"
    bank.write_text(json.dumps({"apple": ["She ate an apple.", "She ate an apple.", "He saw a pear."]}))
    dropped = banks.read(bank, "B2").summary()["dropped"]
    assert dropped
    found["dataset"] |= paths(dropped, ".results.sentence_bank.dropped")
    return found


@pytest.mark.parametrize("name", records.NAMES)
def test_every_key_of_the_records_by_hand_is_in_one_that_a_notebook_wrote(name, written):
    by_hand = paths(getattr(hand_made_records.with_answers(), name))
    assert not by_hand - written[name]


def looked_up() -> set[tuple[str, str]]:
    """Module and pattern of each path that the package gives to `find`; what is put in there matches one key."""
    found = set()
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "find" and len(node.args) == 2:
                parts = node.args[1].values if isinstance(node.args[1], ast.JoinedStr) else [node.args[1]]
                pattern = "".join(re.escape(part.value) if hasattr(part, "value") and isinstance(part.value, str)
                                  else r"\w+" for part in parts)  # fmt: skip
                found.add((module.name, pattern))
    return found


def test_every_path_that_a_note_looks_up_is_in_a_record_that_a_notebook_wrote(written):
    known = "\n".join(sorted(set().union(*written.values(), ADOPTED)))
    asked = looked_up()
    assert len(asked) > 100
    assert not [one for one in asked if not re.search(rf"\.{one[1]}$|\.{one[1]}\[", known, re.MULTILINE)]
