"""Generate a sentence bank for a word list with a model behind a server: save each answer, judge each sentence.

The result depends only on word list, settings and saved answers, so a call that was interrupted resumes where it was.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cefr_helpers.bank_making import checks, prompts, storage, tuned_models
from cefr_helpers.bank_making.chat_client import ChatClient
from cefr_helpers.bank_making.checks import ReferenceBanks, SentenceFilter
from cefr_helpers.bank_making.storage import ResponseLog
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.progress import clock
from cefr_helpers.evaluation import parsing

# Requested in addition to what a word lacks: some are rejected, and a further request costs its whole prompt again.
SPARE = 2
# If this many words in a row get no sentence, all for one reason, the model or a setting is wrong.
IN_A_ROW = 5
_LONGER = "a model that reasons before it answers needs a larger MAX_NEW_TOKENS"
GO_ON = "All answers so far are saved: the same command continues from there."


@dataclass(frozen=True)
class Plan:
    """What to generate.

    Attributes:
        words: from `word_lists.read`.
        sentences: number of sentences per word.
        tries: maximum number of requests per word.
        model: None to use the server's model; a resumed bank keeps its own.
        max_new_tokens: maximum number of tokens of an answer.
        asking: the kind of prompt: "tuned", "plain", or "auto", which depends on its name among `known`.
        known: names of models that were tuned here -> their level.
    """

    words: tuple[str, ...]
    level: str
    sentences: int
    tries: int
    model: str | None
    temperature: float
    max_new_tokens: int
    asking: str = tuned_models.AUTO
    known: dict[str, str] = field(default_factory=dict)


@dataclass
class _Word:
    kept: list[str]
    seen: list[tuple[str, str]]  # sentence, remark for the model
    rejected: int = 0
    tries: int = 0
    wrong: set[str] = field(default_factory=set)  # the faults of its answers and sentences

    def only_fault(self) -> str | None:
        """Return why the word has no sentence, if all its answers failed in the same way."""
        return next(iter(self.wrong)) if len(self.wrong) == 1 and not self.kept else None


class BankGenerator:
    """A bank being generated; opening it reads the saved answers and judges them as when they came.

    Args:
        place: its files, which must be locked by `place.only_one` unless nothing will be requested.

    Raises:
        InputError: the saved answers were requested with other settings.
    """

    def __init__(self, plan: Plan, teachers: ReferenceBanks, place: storage.BankOutput):
        self.plan = plan
        self.place = place
        self._lengths = teachers.lengths(plan.level)
        self._journal = ResponseLog(place.answers)
        self._check_header()
        self.asks_as_taught = self._asking() == tuned_models.TUNED
        self._spare_words = tuple(teachers.banks[plan.level].sentences)
        self._judge = SentenceFilter(plan.level, teachers)
        self._words = {word: _Word([], []) for word in plan.words}
        self._rejects: list[tuple[str, str, str, str]] = []
        self._counts = Counter(offered=0, kept=0, not_needed=0)
        self._stopped: str | None = None
        for answer in self._journal.answers:
            self._take(answer)

    @property
    def model(self) -> str | None:
        """The model used so far, or else the one to use."""
        return self._journal.header["model"] if self._journal.answers else self.plan.model

    def tries_left(self, word: str) -> int:
        """Return how many more answers may be requested for a word."""
        return max(0, self.plan.tries - self._words[word].tries)

    def unfinished(self) -> list[str]:
        """Return the words that lack sentences and have tries left."""
        return [word for word in self._words if self._lacks(word) and self.tries_left(word)]

    def lacking(self) -> dict[str, int]:
        """Return word -> number of sentences it lacks, for words that lack any."""
        return {word: lacks for word in self._words if (lacks := self._lacks(word))}

    def prompt(self, word: str) -> str:
        """Return the next prompt for a word."""
        if self.asks_as_taught:
            return tuned_models.prompt(self.plan.level, self._next_words())
        state = self._words[word]
        return prompts.prompt(word, self.plan.level, self._lacks(word) + SPARE, self._lengths, state.seen)

    def recognise(self, model: str, say: Callable[[str], None]) -> None:
        """Use the training prompt for a model that was tuned here, unless the user chose otherwise.

        Raises:
            InputError: it was tuned for another level.
        """
        level = tuned_models.level_of(model, self.plan.known)
        if level and self._asking() != tuned_models.PLAIN:
            if level != self.plan.level:
                raise InputError(
                    f"model: {model} was tuned for {level}, and sentences of {self.plan.level} are requested; give "
                    f"LEVEL={level}, or PROMPT={tuned_models.PLAIN} to prompt it like any other model"
                )
            self.asks_as_taught = True
        if self.asks_as_taught:
            many = tuned_models.WORDS_AT_A_TIME
            say(f"This suite tuned the model, so it gets its training prompt: {many} words at once, one sentence each")

    def ask(self, server: ChatClient, model: str, kind: str, say: Callable[[str], None]) -> None:
        """Request what is missing, saving each answer before the next request.

        It ends early if words in a row get no sentence, all for one reason, because the rest would be paid for in vain.

        Raises:
            chat_client.Unavailable, InputError: the server's; all answers so far are saved.
        """
        header = {"level": self.plan.level, "model": model, "temperature": self.plan.temperature}
        header["prompt"] = tuned_models.TUNED if self.asks_as_taught else tuned_models.PLAIN
        self._journal.begin(header | {"server": {"url": server.url, "kind": kind}, "begun": _now()})
        if self.asks_as_taught:
            self._ask_as_taught(server, model, say)
            return
        todo, started = self.unfinished(), time.monotonic()
        faults: list[str | None] = []
        cut_told = False
        for done, word in enumerate(todo, 1):
            state = self._words[word]
            while self._lacks(word) and self.tries_left(word):
                answer = self._ask_once(server, model, word)
                if answer["cut"] and not cut_told:
                    say(f"{word}: the answer was cut at {self.plan.max_new_tokens} tokens; {_LONGER}")
                    cut_told = True
                if _cut_short(answer):  # with this limit the next one would be cut too
                    break
            passed = time.monotonic() - started
            say(
                f"{done}/{len(todo)} {word}: {len(state.kept)} of {self.plan.sentences}, {state.rejected} rejected  "
                f"{clock(passed)} passed, about {clock(passed / done * (len(todo) - done))} left"
            )
            faults = [*faults, state.only_fault()][-IN_A_ROW:]
            if faults == [faults[0]] * IN_A_ROW and faults[0] is not None and done < len(todo):
                self._stopped = f"{IN_A_ROW} words in a row got no sentence, each because {faults[0]}"
                say(
                    f"Stopped: {self._stopped}. The remaining words were not requested; the same command requests them."
                )
                return

    def _ask_as_taught(self, server: ChatClient, model: str, say: Callable[[str], None]) -> None:
        """Request ten words at a time until each has its sentences or no try is left."""
        started = time.monotonic()
        while self.unfinished():
            words = self._next_words()
            asked = [word for word in words if word in self._words and self._lacks(word)]
            before = sum(len(self._words[word].kept) for word in asked)
            self._ask_once(server, model, ", ".join(words), words)
            done, passed = sum(not self._lacks(word) for word in self._words), time.monotonic() - started
            say(f"{done}/{len(self._words)} words have their sentences  {clock(passed)} passed")
            faults = {self._words[word].only_fault() for word in asked}
            if before == sum(len(self._words[word].kept) for word in asked) and len(faults) == 1 and None not in faults:
                self._stopped = f"{len(asked)} words in a row got no sentence, each because {faults.pop()}"
                say(f"Stopped: {self._stopped}.")
                return

    def _next_words(self) -> list[str]:
        """Return ten words: those that lack sentences, least requested first, filled up with others."""
        todo = sorted(self.unfinished(), key=lambda word: self._words[word].tries)
        return list(dict.fromkeys([*todo, *self._words, *self._spare_words]))[: tuned_models.WORDS_AT_A_TIME]

    def write(self, word_list: Path) -> dict:
        """Write rejects, record and bank, and return the record's results; without a good sentence, only rejects."""
        results = self.results()
        bank = {word: state.kept for word, state in self._words.items() if state.kept}
        self.place.write_rejects(self._rejects)
        if bank:
            self.place.write(bank, self._record(word_list, results))
        return results

    def results(self) -> dict:
        """Return counts of requests, sentences and tokens; tokens are None if the server did not always report them."""
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
            "stopped": self._stopped,
        }

    def _record(self, word_list: Path, results: dict) -> dict:
        header = self._journal.header
        return {
            "level": self.plan.level,
            "created": _now(),
            "model": storage.without_folders(header["model"]),
            "server": header["server"],
            "temperature": header["temperature"],
            "prompts": self._prompts(),
            "word_list": storage.named(word_list),
            "sentences_a_word": self.plan.sentences,
            "tries_a_word": self.plan.tries,
            "level_scorer": {"levels": list(self._judge.scorers.full.levels), "tolerance": checks.TOLERANCE},
            "compared_with": self._judge.compared_with,
            "results": results,
        }

    def _prompts(self) -> dict:
        if self.asks_as_taught:
            return {"template": tuned_models.prompt(self.plan.level, [f"word {n}" for n in range(1, 11)])}
        return {"template": prompts.TEMPLATE, "before": prompts.BEFORE}

    def _asking(self) -> str:
        """Return the settings of the saved answers, or else the present ones."""
        there = self._journal.header if self._journal.answers else {"prompt": self.plan.asking}
        return there.get("prompt", tuned_models.PLAIN)

    def _check_header(self) -> None:
        there = self._journal.header
        if not self._journal.answers:  # nothing has been paid for yet
            return
        asked = {"level": self.plan.level, "temperature": self.plan.temperature}
        asked |= {"model": self.plan.model} if self.plan.model else {}
        asked |= {"prompt": self.plan.asking} if self.plan.asking != tuned_models.AUTO else {}
        for name, value in asked.items():
            if there.get(name, tuned_models.PLAIN if name == "prompt" else None) != value:
                raise InputError(
                    f"{self._journal.path}: the saved answers are for {name} {there.get(name)!r}, and now it is "
                    f"{value!r}; give the same {name}, or another OUTPUT"
                )

    def _lacks(self, word: str) -> int:
        return max(0, self.plan.sentences - len(self._words[word].kept))

    def _ask_once(self, server: ChatClient, model: str, word: str, words: list[str] | None = None) -> dict:
        """Request one answer, save and judge it; with the training prompt it is for several `words`."""
        prompt, started = self.prompt(word), time.monotonic()
        reply = server.ask(model, prompt, self.plan.temperature, self.plan.max_new_tokens)
        answer = {
            "word": word,
            "prompt": prompt,
            "text": reply.text,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "cut": reply.cut,
            "took_s": round(time.monotonic() - started, 3),
            "at": _now(),
            **({"words": words} if words else {}),
        }
        self._journal.add(answer)
        self._take(answer)
        return answer

    def _take(self, answer: dict) -> None:
        """Judge an answer's sentences as far as the word needs them; an answer for a dropped word is ignored."""
        if "words" in answer:
            self._take_slots(answer)
            return
        word = answer["word"]
        if word not in self._words:
            return
        state = self._words[word]
        if _cut_short(answer):  # not a try: the model could not finish
            state.wrong.add(f"the answer was cut before its first sentence; {_LONGER}")
            return
        state.tries += 1
        offered = prompts.sentences(answer["text"], word)
        if not offered:
            state.wrong.add("no sentence was in the answer")
        for sentence in offered:
            self._judge_one(word, sentence)

    def _take_slots(self, answer: dict) -> None:
        """Judge the numbered sentences of an answer to several words."""
        table = parsing.parse_answers([answer["text"]], [answer["words"]])
        for word, sentence in zip(table["word"], table["sentence"], strict=True):
            if word not in self._words:
                continue
            self._words[word].tries += 1
            if sentence is None:
                self._words[word].wrong.add("no sentence was in the answer")
            else:
                self._judge_one(word, sentence)

    def _judge_one(self, word: str, sentence: str) -> None:
        state = self._words[word]
        self._counts["offered"] += 1
        if not self._lacks(word):
            self._counts["not_needed"] += 1
            return
        verdict = self._judge.judge(word, sentence)
        if verdict.reason is None:
            state.kept.append(sentence)
            state.seen.append((sentence, "is taken"))
            self._counts["kept"] += 1
        else:
            state.rejected += 1
            state.wrong.add(f"what came {checks.REASONS[verdict.reason]}")
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
    """Request what is missing, then write bank, rejects and record; return the record's results.

    Raises:
        InputError: the server does not answer or refuses, or the saved answers were requested with other settings.
        Unavailable: the server failed on the way; all answers so far are saved.
        Busy: another call is running there.
    """
    if not place.folder.is_dir():  # do not create anything if the server does not answer
        server.choose_model(plan.model)
    for passed_over in teachers.passed_over:
        say(f"not compared with {passed_over}")
    with place.only_one():
        making = BankGenerator(plan, teachers, place)
        todo = making.unfinished()
        say(f"{len(plan.words)} words, {plan.sentences} sentences each at {plan.level}: {len(todo)} words to request")
        if todo:
            model, kind = server.choose_model(making.model)
            say(f"Asking {model} at {server.url} ({kind})")
            making.recognise(model, say)
            making.ask(server, model, kind, say)
        return making.write(word_list)


def preview(plan: Plan, teachers: ReferenceBanks, place: storage.BankOutput) -> str:
    """Return what would be requested, for people; nothing is sent or written."""
    making = BankGenerator(plan, teachers, place)
    todo = making.unfinished()
    most = sum(making.tries_left(word) for word in todo)
    lines = [f"not compared with {one}" for one in teachers.passed_over]
    lines += [f"{len(plan.words)} words, {len(todo)} to do: {len(todo)} to {most} requests"]
    return "\n".join([*lines, "", *([making.prompt(todo[0])] if todo else [])])


def _cut_short(answer: dict) -> bool:
    """Return whether an answer was cut before its first sentence; earlier versions did not record cuts."""
    return answer.get("cut", False) and not prompts.sentences(answer["text"], answer["word"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
