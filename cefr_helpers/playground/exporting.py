"""Export the sentences on the screen in the forms of `cefr write`."""

from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.playground.session import PlaygroundAnswer
from cefr_helpers.writing import forms
from cefr_helpers.writing.sentences import Collection, written

LIST = "playground"  # the list's name in titles and tags


@dataclass(frozen=True)
class Exported:
    """The number of exported sentences, of those left out because they lack their word or an end, and the files."""

    taken: int
    left_out: int
    paths: tuple[Path, ...]


def export(asked: PlaygroundAnswer, workspace: Workspace, form: str, with_base: bool) -> Exported:
    """Export each whole sentence that uses its word.

    Args:
        form: typed by a person, see `forms.parse`.
        with_base: whether the base model's sentences are exported too.

    Raises:
        InputError: the form is unknown, nothing can be exported, or a file of a form's name exists that was not written
            here.
    """
    names = forms.parse(form)
    shown = [slot for slot in asked.slots.to_dict("records") if with_base or slot["row"] != "base"]
    if not shown:
        raise InputError("forms: only the base model answered, and it is left out; tick its box to export it too")
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
