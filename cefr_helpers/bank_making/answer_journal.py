"""Answers of a server, each on disk before the next is asked for: a file of JSON lines that only grows."""

import json
import os
from pathlib import Path

from cefr_helpers.core.errors import InputError, shown

SCHEMA = 1


class AnswerJournal:
    """The answers that were paid for, in their order.

    The first line says how they were asked for; each further one holds an answer.

    Attributes:
        header: the first line; None where there is no file yet.
        answers: the further lines.

    Raises:
        InputError: the file that is there is no such journal; names file and line.
    """

    def __init__(self, path: Path):
        self.path = path
        self.header: dict | None = None
        self.answers: list[dict] = []
        self._whole = 0
        if path.is_file():
            self._read()

    def begin(self, header: dict) -> None:
        """Write the first line, or write it anew where no answer follows it yet."""
        if not self.answers:
            self._whole = 0
            self.header = {"schema": SCHEMA, **header}
            self._append(self.header)

    def add(self, answer: dict) -> None:
        """Keep one more answer; when this returns, it is on disk."""
        self._append(answer)
        self.answers.append(answer)

    def _append(self, line: dict) -> None:
        with open(self.path, "ab") as file:
            file.truncate(self._whole)  # half a line of a process that was killed
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
                found = json.loads(line)
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
    return isinstance(line, dict) and line.get("schema") == SCHEMA and line.keys() >= {"level", "model", "server"}


def _is_answer(line: object) -> bool:
    return isinstance(line, dict) and all(isinstance(line.get(key), str) for key in ("word", "text"))
