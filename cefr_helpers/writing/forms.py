"""The output forms of written sentences, and the folder that holds them."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import check_path
from cefr_helpers.writing import anki, moodle, tables, worksheet
from cefr_helpers.writing.sentences import Collection

# Name -> (file name, function that makes its content); LEVEL is replaced by the level, by which a bank is found.
FORMS: dict[str, tuple[str, Callable[[Collection], bytes]]] = {
    "csv": ("sentences.csv", tables.as_csv),
    "tsv": ("sentences.tsv", tables.as_tsv),
    "xlsx": ("sentences.xlsx", tables.as_xlsx),
    "bank": ("LEVEL.json", tables.as_bank),
    "apkg": ("deck.apkg", anki.as_apkg),
    "html": ("worksheet.html", worksheet.as_html),
    "docx": ("worksheet.docx", worksheet.as_docx),
    "quizlet": ("quizlet.tsv", tables.as_quizlet),
    "moodle": ("moodle.xml", moodle.as_moodle),
}
WITH_GAPS = frozenset(("html", "docx", "quizlet", "moodle"))  # exercises, with sentences whose gap asks for its word
DEFAULT = "csv apkg html"
_MANIFEST = "written.json"


def parse(text: str) -> tuple[str, ...]:
    """Return the forms that a person named, each once.

    Raises:
        InputError: none is named, or one is not in FORMS.
    """
    names = tuple(dict.fromkeys(text.lower().replace(",", " ").split()))
    for name in names:
        if name not in FORMS:
            raise InputError(f"form: {shown(name)} is unknown; expected one or more of {' '.join(FORMS)}")
    if not names:
        raise InputError(f"form: none is named; expected one or more of {' '.join(FORMS)}")
    return names


def need_gaps(names: Sequence[str]) -> bool:
    """Return whether one of the forms needs to know whether gaps ask for their words."""
    return not WITH_GAPS.isdisjoint(names)


class OutputFolder:
    """A folder for forms; files of other origin in it are never touched, and files changed by the user are kept.

    Args:
        forms: from `parse`.

    Raises:
        InputError: the folder cannot be created, or a file of a form's name exists that was not written here, or was
            changed since.
    """

    def __init__(self, folder: Path, level: str, forms: Sequence[str]):
        check_path(folder)
        self.folder = folder
        self._names = {form: FORMS[form][0].replace("LEVEL", level) for form in forms}
        self._manifest = folder / _MANIFEST
        self._written = self._read()
        for path in (self.folder, *self.folder.parents):
            if path.exists() and not path.is_dir():
                raise InputError(f"output: {path} is a file; expected a folder")
        for name in self._names.values():
            self._check(folder / name)

    def write(self, collection: Collection) -> list[Path]:
        """Write each form atomically, and return the paths.

        Raises:
            DiskFull: there is no room; what was written before is kept.
            InputError: as on opening.
        """
        contents = {name: FORMS[form][1](collection) for form, name in self._names.items()}
        for name in contents:
            self._check(self.folder / name)
        for name, content in contents.items():
            known = self._written.setdefault(name, [])
            known.append(hashlib.sha256(content).hexdigest())
            files.write_atomically(self._manifest, records.as_text({"files": self._written}))
            files.write_atomically(self.folder / name, content)
            known[:] = known[-1:]
        files.write_atomically(self._manifest, records.as_text({"files": self._written}))
        return [self.folder / name for name in contents]

    def _read(self) -> dict[str, list[str]]:
        if not self._manifest.is_file():
            return {}
        found = files.read_json(self._manifest, "move it away, with its folder")
        listed = found.get("files") if isinstance(found, dict) else None
        if not isinstance(listed, dict) or not all(isinstance(one, list) for one in listed.values()):
            raise InputError(f"{self._manifest}: does not list what was written here; give another OUTPUT")
        return listed

    def _check(self, path: Path) -> None:
        if not path.exists():
            return
        if path.name not in self._written or not path.is_file():
            raise InputError(f"output: {path} is there, and was not written by this; give another OUTPUT")
        if files.sha256(path) not in self._written[path.name]:
            raise InputError(
                f"output: {path} was changed since it was written, and that work would be lost; give another OUTPUT, "
                "or move it away"
            )
