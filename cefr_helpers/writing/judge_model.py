"""Let a model behind a server judge the sentences that would be chosen; those that it rejects are not chosen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.bank_making.chat_client import ChatClient
from cefr_helpers.bank_making.storage import ResponseLog, without_folders
from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.progress import clock
from cefr_helpers.rating import judge, votes
from cefr_helpers.writing.judging import Candidate

_EVERY = 10  # number of answers between two progress lines
_LINE_BYTES = 2000  # size of an answer in the log, with its prompt


@dataclass(frozen=True)
class JudgeServer:
    """The server of a judge model.

    Attributes:
        model: None if the server lists exactly one.
        max_new_tokens: maximum number of tokens of an answer.
    """

    client: ChatClient
    model: str | None
    max_new_tokens: int


class JudgeModel:
    """Asks the questions of the page for readers; each answer is saved, and nothing that it answered is asked twice.

    Args:
        folder: folder with one file per model.

    Raises:
        InputError: the server refuses, has no such model, or the existing file is not such a log.
        chat_client.Unavailable: the server gave no answer.
    """

    def __init__(self, folder: Path, level: str, server: JudgeServer):
        self._level, self._server = level, server
        self._model, kind = server.client.choose_model(server.model)
        self.name = without_folders(self._model)
        self.path = folder / f"{judge.file_stem(self.name)}.jsonl"
        self._log = ResponseLog(self.path)
        with files.explain_full_disk(self.path, _LINE_BYTES):
            folder.mkdir(parents=True, exist_ok=True)
            self._log.begin({"level": level, "model": self._model, "server": {"url": server.client.url, "kind": kind}})
        self._unread = 0  # answers in a row
        # an unreadable answer is asked for again by the next call, which may allow more tokens
        answers = ((one.get("prompt"), judge.parse(one["text"])) for one in self._log.answers)
        self._said: dict[str | None, tuple[bool, ...] | None] = {prompt: said for prompt, said in answers if said}

    def refused(self, candidates: Sequence[Candidate], say: Callable[[str], None]) -> dict[tuple[str, str], str]:
        """Return the rejected sentences, (word, sentence) -> the questions answered with no.

        An answer without yes or no to each question rejects nothing.

        Raises:
            InputError: several answers in a row can't be read.
            chat_client.Unavailable: the server failed; all answers so far are saved.
        """
        prompts = {one: judge.prompt(one.word, one.text, self._level) for one in candidates}
        self._ask({one: prompt for one, prompt in prompts.items() if prompt not in self._said}, say)
        return {
            (one.word, one.text): ", ".join(name for name, yes in zip(votes.QUESTIONS, answers, strict=True) if not yes)
            for one, prompt in prompts.items()
            if (answers := self._said[prompt]) and not all(answers)
        }

    def _ask(self, prompts: dict[Candidate, str], say: Callable[[str], None]) -> None:
        started = time.monotonic()
        for done, (one, prompt) in enumerate(prompts.items(), 1):
            reply = self._server.client.ask(self._model, prompt, judge.TEMPERATURE, self._server.max_new_tokens)
            with files.explain_full_disk(self.path, _LINE_BYTES):
                self._log.add({"word": one.word, "prompt": prompt, "text": reply.text})
            self._said[prompt] = said = judge.parse(reply.text)
            self._unread = 0 if said else self._unread + 1
            self._refuse_unreadable()
            if done % _EVERY == 0 or done == len(prompts):
                passed = time.monotonic() - started
                left = clock(passed / done * (len(prompts) - done))
                say(f"{self.name}: {done}/{len(prompts)} sentences judged  {clock(passed)} passed, about {left} left")

    def _refuse_unreadable(self) -> None:
        if self._unread == judge.IN_A_ROW:
            raise InputError(
                f"{self.path}: {judge.IN_A_ROW} answers in a row of {self.name} do not say yes or no to each "
                "question; one that reasons before it answers needs a larger MAX_NEW_TOKENS, and a small one may not "
                "be able to"
            )
