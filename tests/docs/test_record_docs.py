"""docs/records.md lists the fields of the schema, with the meaning of each."""

import pytest
from doc_pages import doc

from cefr_helpers.core.schema import RECORDS, Part
from tools import write_record_docs


def test_the_page_is_the_one_that_the_models_give():
    assert write_record_docs.path() == doc("records.md")
    assert doc("records.md").read_text(encoding="utf-8") == write_record_docs.page()


def test_every_field_of_every_record_has_a_row():
    rows = {line.split("`")[1] for line in write_record_docs.page().splitlines() if line.startswith("| `")}
    written = hand_made()
    assert len(written) > 150 and written <= rows


def hand_made() -> set[str]:
    """The keys of the hand-made records' parts, as their files have them."""
    import hand_made_records

    def keys(part: Part) -> set[str]:
        found = {field.alias or name for name, field in type(part).model_fields.items()}
        for name in type(part).model_fields:
            value = getattr(part, name)
            for one in value if isinstance(value, list) else [value]:
                found |= keys(one) if isinstance(one, Part) else set()
        return found

    records = hand_made_records.with_answers()
    return set().union(*(keys(getattr(records, name)) for name in RECORDS))


class Lacking(Part):
    """A part.

    Attributes:
        known: said.
    """

    known: int | None = None
    unknown: int | None = None


class Left(Part):
    """A part.

    Attributes:
        known: said.
        gone: said still.
    """

    known: int | None = None


@pytest.mark.parametrize(("part", "told"), [(Lacking, "Lacking: unknown: "), (Left, "Left: gone: ")])
def test_a_field_without_a_meaning_and_a_meaning_without_a_field_are_refused(part, told):
    with pytest.raises(ValueError, match=told):
        write_record_docs.meanings(part)


def test_a_part_that_comes_from_another_has_the_meanings_of_both():
    from cefr_helpers.core.schema import Memorisation

    assert {"estimate", "low", "examples", "tuned"} <= write_record_docs.meanings(Memorisation).keys()
