"""The files of a bank that a model wrote: the bank, the unchanged answers, rejects and record."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from cefr_helpers.bank_making.checks import REASONS
from cefr_helpers.core import files, locks, records
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import check_path
from cefr_helpers.core.progress import clock

ENDINGS = (".json", ".csv")
SCHEMA = 1
_WORDS_SHOWN = 20
LOG_SCHEMA = 1


class BankOutput:
    """A bank's file, `B2.json`, and the folder beside it, `B2.made`, with everything it was made from.

    Raises:
        InputError: the file's ending is not one of ENDINGS, the folder cannot be created, or the file exists and was
            not made here, or was changed since.
    """

    def __init__(self, bank: Path):
        self.bank = bank
        self.folder = bank.with_name(f"{bank.stem}.made")
        self.answers = self.folder / "answers.jsonl"
        self.rejects = self.folder / "rejects.csv"
        self.record = self.folder / "record.json"
        self._written: list[str] = []
        self._check()

    def _check(self) -> None:
        check_path(self.folder)
        if self.bank.suffix.lower() not in ENDINGS:
            raise InputError(f"output: {self.bank}: expected the name of a file that ends in {' or '.join(ENDINGS)}")
        for folder in (self.folder, *self.folder.parents):
            if folder.exists() and not folder.is_dir():
                raise InputError(f"output: {self.bank}: {folder} is a file; expected a folder")
        if self.record.is_file():
            found = files.read_json(self.record, "move it away, with its folder")
            if not isinstance(found, dict) or not isinstance(found.get("written"), list):
                raise InputError(f"{self.record}: not the record of a bank; move it away, with its folder")
            self._written = found["written"]
        if not self.bank.exists():
            return
        if not self.bank.is_file() or not self._written:
            raise InputError(f"output: {self.bank} is there, and was not made by this; give another OUTPUT")
        if files.sha256(self.bank) not in self._written:
            raise InputError(
                f"output: {self.bank} was changed since it was made, and that work would be lost; give another OUTPUT, "
                "or move it away"
            )

    def only_one(self):
        """Create the folder and lock it for one call at a time.

        Raises:
            Busy: another call is running there.
            InputError: nothing can be written there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return locks.exclusive(self.folder / ".lock", "call")
        except OSError as error:
            raise InputError(f"output: {self.folder}: {error.strerror}; expected a writable folder") from None

    def write_rejects(self, rows: list[tuple[str, str, str, str]]) -> None:
        """Write rows of word, sentence, reason and detail."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("word", "sentence", "reason", "detail"), *rows])
        files.write_atomically(self.rejects, text.getvalue())

    def write(self, bank: dict[str, list[str]], record: dict) -> None:
        """Write the record, and last the bank, so that the record knows any bank that exists."""
        content = _as_csv(bank) if self.bank.suffix.lower() == ".csv" else _as_json(bank)
        digest = hashlib.sha256(content.encode()).hexdigest()
        self._written = [*(one for one in self._written if one != digest), digest]
        of_bank = {"file": self.bank.name, "sha256": digest, "words": len(bank)}
        of_bank["sentences"] = sum(map(len, bank.values()))
        whole = {"schema": SCHEMA, **record, "bank": of_bank, "written": self._written}
        files.write_atomically(self.record, records.as_text(whole))
        if not self.bank.is_file() or files.sha256(self.bank) != digest:  # the same bank must not look new
            files.write_atomically(self.bank, content)


def report(results: dict, place: BankOutput) -> str:
    """Return what was made, for people.

    Args:
        results: from `generator.generate`.
    """
    tokens = [results["prompt_tokens"], results["completion_tokens"]]
    told = "not told by the server" if None in tokens else f"{tokens[0]:,} in prompts, {tokens[1]:,} in answers"
    lines = [
        f"Answers: {results['answers']}, which took {clock(results['answers_took_s'])}; tokens: {told}",
        f"Sentences offered: {results['offered']}; kept: {results['kept']}; not needed: {results['not_needed']}; "
        f"rejected: {sum(results['rejected'].values())}",
    ]
    lines += [f"  {count}: {REASONS[reason]}" for reason, count in results["rejected"].items()]
    if lacking := results["lacking"]:
        shown = [f"{word} ({count})" for word, count in list(lacking.items())[:_WORDS_SHOWN]]
        more = f" and {len(lacking) - len(shown)} more" if len(lacking) > len(shown) else ""
        lines.append(f"{len(lacking)} words lack sentences: {', '.join(shown)}{more}")
    made = place.bank if results["kept"] else "not written, since no sentence was good enough"
    return "\n".join([*lines, f"Rejects: {place.rejects}", f"Bank: {made}"])


def named(path: Path) -> dict:
    """Return a file's name and digest."""
    return {"file": path.name, "sha256": files.sha256(path)}


def without_folders(model: str) -> str:
    """Return a model's name; if it is a path on its server's machine, only the last part."""
    absolute = PurePosixPath(model).is_absolute() or PureWindowsPath(model).is_absolute()
    return PureWindowsPath(model).name if absolute else model


def _as_json(bank: dict[str, list[str]]) -> str:
    return json.dumps(bank, indent=1, ensure_ascii=False) + "\n"


def _as_csv(bank: dict[str, list[str]]) -> str:
    text = io.StringIO()
    rows = [(word, sentence) for word, own in bank.items() for sentence in own]
    csv.writer(text, lineterminator="\n").writerows([("word", "sentence"), *rows])
    return text.getvalue()


class ResponseLog:
    """The saved answers, in order.

    The first line has the settings of the requests; each further line is an answer.

    Attributes:
        header: the first line; None if there is no file yet.
        answers: the further lines.

    Raises:
        InputError: the existing file is not such a log; names file and line.
    """

    def __init__(self, path: Path):
        self.path = path
        self.header: dict = {}
        self.answers: list[dict] = []
        self._whole = 0
        if path.is_file():
            self._read()

    def begin(self, header: dict) -> None:
        """Write the first line, or replace it if no answer follows yet."""
        if not self.answers:
            self._whole = 0
            self.header = {"schema": LOG_SCHEMA, **header}
            self._append(self.header)

    def add(self, answer: dict) -> None:
        """Save one more answer; when this returns, it is on disk."""
        self._append(answer)
        self.answers.append(answer)

    def _append(self, line: dict) -> None:
        with open(self.path, "ab") as file:
            file.truncate(self._whole)  # remove half a line of a killed process
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._whole = file.tell()

    def _read(self) -> None:
        content = self.path.read_bytes()
        self._whole = content.rfind(b"\n") + 1
        lines = content[: self._whole].split(b"\n")[:-1]
        for number, line in enumerate(lines, 1):
            try:
                found: Any = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            if not _is_header(found) if number == 1 else not _is_answer(found):
                what = "answers by this version of the suite" if number == 1 else "an answer"
                raise InputError(f"{self.path}, line {number}: {shown(line[:200])}; expected {what}")
            if number == 1:
                self.header = found
            else:
                self.answers.append(found)


def _is_header(line: object) -> bool:
    return isinstance(line, dict) and line.get("schema") == LOG_SCHEMA and line.keys() >= {"level", "model", "server"}


def _is_answer(line: object) -> bool:
    return isinstance(line, dict) and all(isinstance(line.get(key), str) for key in ("word", "text"))
