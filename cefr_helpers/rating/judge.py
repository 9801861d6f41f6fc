"""Let a model behind a server answer the page's questions: a judge, whose votes never count as a reader's."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cefr_helpers.bank_making.chat_client import ChatClient
from cefr_helpers.bank_making.storage import ResponseLog, without_folders
from cefr_helpers.core import files, locks
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import NAMES
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.progress import clock
from cefr_helpers.rating import keys, votes
from cefr_helpers.rating.keys import KeyItem
from cefr_helpers.rendering import locale

TEMPERATURE = 0.0
IN_A_ROW = 5  # after this many answers in a row without a yes or no to each question, the model is unsuitable
_LONGEST_NAME = 80
_LINE = re.compile(r"(?im)^\W*(\d)\W+(?:\w+\W+){0,3}?(yes|no)\b")
_TEMPLATE = """\
You help a teacher to choose example sentences. The word is "{word}". The sentence is meant for learners of English at \
CEFR level {level} ({name}):

{sentence}

Answer three questions about the sentence:
{questions}

Answer with three lines and nothing else: the number of the question, then yes or no."""


def prompt(word: str, sentence: str, level: str) -> str:
    """Return the prompt about a sentence: the questions of the page, with their explanations."""
    text = locale.phrases("en")["rating_page"]
    questions = "\n".join(
        f"{place}. {text['questions'][name]} {text['hints'][name]}".format(level=level)
        for place, name in enumerate(votes.QUESTIONS, 1)
    )
    # by replacing, since a sentence may contain braces
    filled = _TEMPLATE.replace("{questions}", questions).replace("{level}", level).replace("{name}", NAMES["en"][level])
    return filled.replace("{word}", word).replace("{sentence}", sentence)


def parse(answer: str) -> tuple[bool, ...] | None:
    """Return yes or no to each question, ignoring thoughts; None if a question has no answer or contradictory ones."""
    told = answer.rpartition("</think>")[2].partition("<think>")[0]
    found: dict[int, set[bool]] = {}
    for number, said in _LINE.findall(told):
        found.setdefault(int(number), set()).add(said.lower() == "yes")
    if set(found) != set(range(1, len(votes.QUESTIONS) + 1)) or any(len(said) > 1 for said in found.values()):
        return None
    return tuple(found[place].pop() for place in sorted(found))


def file_stem(model: str) -> str:
    """Return the name, without its ending, of the file that keeps what a model answered."""
    return "judge_" + re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.")


def judge(
    workspace: Workspace,
    level: str,
    server: ChatClient,
    model: str | None,
    max_new_tokens: int,
    say: Callable[[str], None] = print,
) -> Path:
    """Ask a model about each sentence of a level's page that it has not judged yet; return its votes file.

    Each answer is saved beside the page before the next question, so an interrupted call resumes where it was.

    Args:
        model: None if the server lists exactly one.
        max_new_tokens: maximum number of tokens of an answer.

    Raises:
        InputError: the level has no page, the server refuses, or no answer says yes or no to each question.
        chat_client.Unavailable: the server failed on the way; all answers so far are saved.
        Busy: another call is running there.
    """
    key = keys.read(workspace.rating_key(level), level)
    model, kind = server.choose_model(model)
    name = without_folders(model)
    with locks.lease_folder(workspace.rating(level) / ".judge.lock"):
        log = ResponseLog(workspace.rating(level) / f"{file_stem(name)}.jsonl")
        if not log.answers:
            log.begin({"level": level, "model": model, "server": {"url": server.url, "kind": kind}, "begun": _now()})
        prompts = {item: prompt(of.word, of.sentence, level) for item, of in key.items.items()}
        todo = prompts.keys() - _answered(log, prompts).keys()
        say(f"{level}: {len(prompts)} sentences, {len(todo)} to ask {name} at {server.url} about")
        _ask(
            log,
            {item: prompts[item] for item in prompts if item in todo},
            key.items,
            server,
            model,
            max_new_tokens,
            say,
        )
        answered = _answered(log, prompts)
        if not answered:
            raise InputError(
                f"{log.path}: no answer says yes or no to each question; one that reasons before it answers needs a "
                "larger MAX_NEW_TOKENS, and a small one may not be able to"
            )
        if lacking := len(prompts) - len(answered):
            say(f"{lacking} sentences have no answer that could be read, and are left out")
        made = _votes(key, name, log.header["begun"], answered)
        text = json.dumps(made.model_dump(by_alias=True), indent=1, ensure_ascii=False) + "\n"
        return files.write_atomically(workspace.rating(level) / f"{file_stem(name)}.json", text)


def _ask(
    log: ResponseLog,
    prompts: dict[str, str],
    items: dict[str, KeyItem],
    server: ChatClient,
    model: str,
    max_new_tokens: int,
    say: Callable[[str], None],
) -> None:
    started, unread = time.monotonic(), 0
    for done, (item, asked) in enumerate(prompts.items(), 1):
        began = time.monotonic()
        reply = server.ask(model, asked, TEMPERATURE, max_new_tokens)
        took = round(time.monotonic() - began, 3)
        log.add(
            {"word": items[item].word, "item": item, "prompt": asked, "text": reply.text, "took_s": took, "at": _now()}
        )
        unread = 0 if parse(reply.text) else unread + 1
        if unread == IN_A_ROW and done < len(prompts):
            say(f"Stopped: {IN_A_ROW} answers in a row did not say yes or no to each question")
            return
        if done % 10 == 0 or done == len(prompts):
            passed = time.monotonic() - started
            left = passed / done * (len(prompts) - done)
            say(f"{done}/{len(prompts)}  {clock(passed)} passed, about {clock(left)} left")


def _answered(log: ResponseLog, prompts: dict[str, str]) -> dict[str, tuple[tuple[bool, ...], dict]]:
    """Return item -> yes or no to each question, with the line of the log, for answers to the present prompts."""
    found = {}
    for one in log.answers:
        said = parse(one["text"])
        item = one.get("item", "")
        if said is not None and prompts.get(item) == one.get("prompt"):
            found[item] = (said, one)
    return found


def _votes(key: keys.Key, name: str, begun: str, answered: dict) -> votes.Votes:
    answers = [
        votes.ItemAnswer(
            item=item,
            **dict(zip(votes.QUESTIONS, said, strict=True)),
            seconds=float(line.get("took_s", 0)),
            at=line["at"],
        )
        for item, (said, line) in answered.items()
    ]
    return votes.Votes(
        schema=votes.SCHEMA,
        page=key.page,
        level=key.level,
        rater=votes.Rater(name=name[:_LONGEST_NAME], kind=votes.JUDGE),
        language="en",
        started=begun,
        saved=_now(),
        answers=answers,
        choices=[],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
