"""The sentences on the screen, given out in the forms that `cefr write` has."""

from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.playground.session import PlaygroundAnswer
from cefr_helpers.writing import forms
from cefr_helpers.writing.sentences import Collection, written

LIST = "playground"  # what the sentences' list is called, in titles and tags


@dataclass(frozen=True)
class Exported:
    """How many sentences were taken, how many were left out because they lack their word or an end, and the files."""

    taken: int
    left_out: int
    paths: tuple[Path, ...]


def export(asked: PlaygroundAnswer, workspace: Workspace, form: str, with_base: bool) -> Exported:
    """Give out each whole sentence that uses its word.

    Args:
        form: from a person, as `forms.parse` takes it.
        with_base: whether the base model's sentences are given out too.

    Raises:
        InputError: the form is unknown, nothing can be given out, or a file of a form's name is there that was not
            written by this.
    """
    names = forms.parse(form)
    shown = [slot for slot in asked.slots.to_dict("records") if with_base or slot["row"] != "base"]
    if not shown:
        raise InputError("forms: the base model answered alone, and it is left out; tick its box to give it out too")
    usable = {(slot["word"], slot["sentence"]): slot for slot in shown if slot["covered"]}
    if not usable:
        raise InputError(f"forms: none of {len(shown)} sentences is whole and uses its word")
    place = forms.OutputFolder(workspace.written(LIST, asked.level), asked.level, names)
    sentences = [
        written(word, sentence, asked.level, people_level=slot["human_level"])
        for (word, sentence), slot in usable.items()
    ]
    paths = place.write(Collection(LIST, asked.level, tuple(sentences)))
    return Exported(len(usable), len(shown) - len(usable), tuple(paths))
