"""A sentence bank for a list of words, written by a model behind a server: each answer kept, each sentence judged.

What is made follows from word list, settings and kept answers alone, so a call that was cut short goes on where it was.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cefr_helpers.bank_making import checks, prompts, storage
from cefr_helpers.bank_making.chat_client import ChatClient
from cefr_helpers.bank_making.checks import ReferenceBanks, SentenceFilter
from cefr_helpers.bank_making.storage import ResponseLog
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.progress import clock

# Asked for beyond what a word lacks: some are rejected, and a further request costs its whole prompt again.
SPARE = 2
GO_ON = "What was answered is kept: the same command goes on from there."


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        words: from `bank_formats.read_word_list`.
        sentences: how many a word gets.
        tries: how many answers are asked for a word at most.
        model: None where the server is to say; a resumed bank keeps its own.
        max_new_tokens: where an answer is cut.
    """

    words: tuple[str, ...]
    level: str
    sentences: int
    tries: int
    model: str | None
    temperature: float
    max_new_tokens: int


@dataclass
class _Word:
    kept: list[str]
    seen: list[tuple[str, str]]  # sentence, what is said of it to the model
    rejected: int = 0
    tries: int = 0


class BankGenerator:
    """A bank being generated; opening it reads the answers that are there, and judges them as on the day they came.

    Args:
        place: where it goes; has to be locked by `place.only_one`, unless nothing will be asked.

    Raises:
        InputError: the answers that are there were asked for in another way.
    """

    def __init__(self, plan: Plan, teachers: ReferenceBanks, place: storage.BankOutput):
        self.plan = plan
        self.place = place
        self._lengths = teachers.lengths(plan.level)
        self._journal = ResponseLog(place.answers)
        self._check_header()
        self._judge = SentenceFilter(plan.level, teachers)
        self._words = {word: _Word([], []) for word in plan.words}
        self._rejects: list[tuple[str, str, str, str]] = []
        self._counts = Counter(offered=0, kept=0, not_needed=0)
        for answer in self._journal.answers:
            self._take(answer["word"], answer["text"])

    @property
    def model(self) -> str | None:
        """The model that was asked so far, else the one that is to be asked."""
        return self._journal.header["model"] if self._journal.answers else self.plan.model

    def tries_left(self, word: str) -> int:
        """How many answers may be asked for a word yet."""
        return max(0, self.plan.tries - self._words[word].tries)

    def unfinished(self) -> list[str]:
        """The words that lack sentences and have tries left."""
        return [word for word in self._words if self._lacks(word) and self.tries_left(word)]

    def lacking(self) -> dict[str, int]:
        """Word -> how many sentences it lacks, of those that lack any."""
        return {word: lacks for word in self._words if (lacks := self._lacks(word))}

    def prompt(self, word: str) -> str:
        """What the model is asked next for a word."""
        state = self._words[word]
        return prompts.prompt(word, self.plan.level, self._lacks(word) + SPARE, self._lengths, state.seen)

    def ask(self, server: ChatClient, model: str, kind: str, say: Callable[[str], None]) -> None:
        """Ask for what is missing, each answer kept before the next request.

        Raises:
            chat_client.Unavailable, InputError: the server's; what was answered is kept.
        """
        header = {"level": self.plan.level, "model": model, "temperature": self.plan.temperature}
        self._journal.begin(header | {"server": {"url": server.url, "kind": kind}, "begun": _now()})
        todo, started = self.unfinished(), time.monotonic()
        for done, word in enumerate(todo, 1):
            while self._lacks(word) and self.tries_left(word):
                self._ask_once(server, model, word)
            passed = time.monotonic() - started
            state = self._words[word]
            say(
                f"{done}/{len(todo)} {word}: {len(state.kept)} of {self.plan.sentences}, {state.rejected} rejected  "
                f"{clock(passed)} passed, about {clock(passed / done * (len(todo) - done))} left"
            )

    def write(self, word_list: Path) -> dict:
        """Write rejects, record and bank, and return the record's results; without a good sentence, rejects alone."""
        results = self.results()
        bank = {word: state.kept for word, state in self._words.items() if state.kept}
        self.place.write_rejects(self._rejects)
        if bank:
            self.place.write(bank, self._record(word_list, results))
        return results

    def results(self) -> dict:
        """Counts of requests, sentences and tokens; tokens are None where the server did not always tell them."""
        answers = self._journal.answers
        tokens = {name: [one.get(name) for one in answers] for name in ("prompt_tokens", "completion_tokens")}
        return {
            "answers": len(answers),
            **dict(self._counts),
            "rejected": dict(Counter(reason for *_, reason, _ in self._rejects).most_common()),
            **{name: None if None in found else sum(found) for name, found in tokens.items()},
            "answers_took_s": round(sum(one.get("took_s", 0.0) for one in answers), 1),
            "words": len(self._words),
            "lacking": self.lacking(),
        }

    def _record(self, word_list: Path, results: dict) -> dict:
        header = self._journal.header
        return {
            "level": self.plan.level,
            "created": _now(),
            "model": storage.without_folders(header["model"]),
            "server": header["server"],
            "temperature": header["temperature"],
            "prompts": {"template": prompts.TEMPLATE, "before": prompts.BEFORE},
            "word_list": storage.named(word_list),
            "sentences_a_word": self.plan.sentences,
            "tries_a_word": self.plan.tries,
            "level_scorer": {"levels": list(self._judge.scorers.full.levels), "tolerance": checks.TOLERANCE},
            "compared_with": self._judge.compared_with,
            "results": results,
        }

    def _check_header(self) -> None:
        there = self._journal.header
        if not self._journal.answers:  # nothing was paid for yet
            return
        asked = {"level": self.plan.level, "temperature": self.plan.temperature}
        asked |= {"model": self.plan.model} if self.plan.model else {}
        for name, value in asked.items():
            if there.get(name) != value:
                raise InputError(
                    f"{self._journal.path}: the answers there are for {name} {there.get(name)!r}, and now it is "
                    f"{value!r}; give the same {name}, or another OUTPUT"
                )

    def _lacks(self, word: str) -> int:
        return max(0, self.plan.sentences - len(self._words[word].kept))

    def _ask_once(self, server: ChatClient, model: str, word: str) -> None:
        prompt, started = self.prompt(word), time.monotonic()
        reply = server.ask(model, prompt, self.plan.temperature, self.plan.max_new_tokens)
        answer = {
            "word": word,
            "prompt": prompt,
            "text": reply.text,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "took_s": round(time.monotonic() - started, 3),
            "at": _now(),
        }
        self._journal.add(answer)
        self._take(word, reply.text)

    def _take(self, word: str, text: str) -> None:
        """Judge what an answer offers, as far as the word needs it; an answer for a word no longer asked is left."""
        if word not in self._words:
            return
        state = self._words[word]
        state.tries += 1
        for sentence in prompts.sentences(text, word):
            self._counts["offered"] += 1
            if not self._lacks(word):
                self._counts["not_needed"] += 1
                continue
            verdict = self._judge.judge(word, sentence)
            if verdict.reason is None:
                state.kept.append(sentence)
                state.seen.append((sentence, "is taken"))
                self._counts["kept"] += 1
            else:
                state.rejected += 1
                state.seen.append((sentence, checks.remark(verdict)))
                self._rejects.append((word, sentence, verdict.reason, verdict.detail))


def generate(
    plan: Plan,
    teachers: ReferenceBanks,
    place: storage.BankOutput,
    server: ChatClient,
    word_list: Path,
    say: Callable[[str], None] = print,
) -> dict:
    """Ask for what is missing, then write bank, rejects and record; the record's results.

    Raises:
        InputError: nobody answers there, or refuses; or the answers that are there were asked for in another way.
        Unavailable: the server gave up on the way; what was answered is kept.
        Busy: another call is at work there.
    """
    if not place.folder.is_dir():  # nothing is written on account of a server that is not there
        server.choose_model(plan.model)
    for passed_over in teachers.passed_over:
        say(f"not compared with {passed_over}")
    with place.only_one():
        making = BankGenerator(plan, teachers, place)
        todo = making.unfinished()
        say(f"{len(plan.words)} words, {plan.sentences} sentences each at {plan.level}: {len(todo)} words to ask for")
        if todo:
            model, kind = server.choose_model(making.model)
            say(f"Asking {model} at {server.url} ({kind})")
            making.ask(server, model, kind, say)
        return making.write(word_list)


def preview(plan: Plan, teachers: ReferenceBanks, place: storage.BankOutput) -> str:
    """What would be asked, for people; nothing is asked, nothing written."""
    making = BankGenerator(plan, teachers, place)
    todo = making.unfinished()
    most = sum(making.tries_left(word) for word in todo)
    lines = [f"not compared with {one}" for one in teachers.passed_over]
    lines += [f"{len(plan.words)} words, {len(todo)} to ask for: {len(todo)} to {most} requests"]
    return "\n".join([*lines, "", *([making.prompt(todo[0])] if todo else [])])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
