"""Find the chat format of a tokenizer by trials, and write it as a Modelfile for Ollama."""

import re
from dataclasses import dataclass

_SAID = {"system": "SYSTEM", "user": "QUESTION", "assistant": "ANSWER"}
_SHORT, _LONG = ("user",), ("user", "assistant", "user")
MODELFILE = "Modelfile"
_QUOTES = '"""'


@dataclass(frozen=True)
class ChatFormat:
    """The texts with which a chat template surrounds messages.

    Attributes:
        before_system, after_system: around the system's message; the question's own opening comes later.
        default_system: the system's message if none is given; None: the part is left out then.
        before_user: opens a question.
        before_answer: closes a question and opens the answer, up to where the model continues.
        after_answer: closes an answer.
    """

    before_system: str
    after_system: str
    default_system: str | None
    before_user: str
    before_answer: str
    after_answer: str

    def text(self, messages: list[dict]) -> str:
        """Return a chat that ends with a question, as the model gets it."""
        system, rest = self.default_system, messages
        if messages[0]["role"] == "system":
            system, rest = messages[0]["content"], messages[1:]
        parts = [] if system is None else [self.before_system, system, self.after_system]
        for turn in rest:
            if turn["role"] == "user":
                parts += [self.before_user, turn["content"], self.before_answer]
            else:
                parts += [turn["content"], self.after_answer]
        return "".join(parts)


def read(tokenizer) -> ChatFormat:
    """Return the format of a tokenizer's chat template, read from short rendered chats and tested on others.

    A start token that the tokenizer itself adds to every text is left out, because every program adds it again.

    Raises:
        ValueError: the template does more than put texts around messages.
    """
    try:
        found = _read(tokenizer)
    except (ValueError, TypeError) as error:
        raise ValueError(f"the chat template does more than put texts around messages ({error})") from None
    for chat in _trials():
        if found.text(chat) != _render(tokenizer, chat):
            raise ValueError(f"the chat template does more than put texts around messages: it differs for {chat}")
    return found


def _read(tokenizer) -> ChatFormat:
    start, before_answer = _around(tokenizer, _SHORT)
    *_, after_answer = _around(tokenizer, ("user", "assistant"), asks=False)
    *_, between, _ = _around(tokenizer, _LONG)
    if start and between.endswith(start):
        after_answer = between.removesuffix(start)  # without what a template puts after all turns
    before_user = _without(between, after_answer, "an answer's end")
    before_system, opening, _ = _around(tokenizer, ("system", *_SHORT))
    after_system = _without(opening[::-1], before_user[::-1], "a question's start")[::-1]
    default = None
    if start != before_user:
        inner = _without(start, before_system, "the system's start")
        default = _without(inner[::-1], opening[::-1], "the system's end")[::-1]
    return ChatFormat(before_system, after_system, default, before_user, before_answer, after_answer)


def _around(tokenizer, roles: tuple[str, ...], asks: bool = True) -> list[str]:
    """Return the texts before, between and after the messages of `roles`."""
    chat = [{"role": role, "content": _SAID[role]} for role in roles]
    parts = re.split("|".join(_SAID.values()), _render(tokenizer, chat, asks))
    if len(parts) != len(roles) + 1:
        raise ValueError(f"a chat of {', '.join(roles)} does not show each once")
    return parts


def _without(text: str, start: str, what: str) -> str:
    if not text.startswith(start):
        raise ValueError(f"{what} is not where it is expected")
    return text.removeprefix(start)


def _render(tokenizer, chat: list[dict], asks: bool = True) -> str:
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=asks)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    starts_itself = tokenizer.bos_token and tokenizer("a").input_ids[0] == tokenizer.bos_token_id
    return text.removeprefix(tokenizer.bos_token) if starts_itself else text


def _trials() -> list[list[dict]]:
    """Return chats that differ from those from which the format was read."""
    system, question = ({"role": role, "content": text} for role, text in (("system", "Be brief."), ("user", "1. cat")))
    turns = [question, {"role": "assistant", "content": "1. A cat!\n2. Don't."}]
    return [[question], [system, question], [*turns, question], [system, *turns, *turns, question]]


def modelfile(
    gguf: str, form: ChatFormat, end_token: str, max_new_tokens: int, about: str, question: str, licence: str
) -> str:
    """Return a Modelfile.

    Args:
        gguf: the name of the file beside it.
        form: the chat format of the training.
        end_token: the token that ends an answer.
        max_new_tokens: maximum number of tokens of an answer.
        about: one line about the model, shown as a comment.
        question: an example of a training prompt, shown as a comment.
        licence: the licence in words.

    Raises:
        ValueError: the format has characters that Ollama would read as its own syntax.
    """
    shown = [about, "Use its training prompt, with ten words:", "", *(f"  {line}" for line in question.splitlines())]
    lines = [
        *(f"# {line}".rstrip() for line in shown),
        "",
        f"FROM ./{gguf}",
        f"TEMPLATE {_quoted(template(form))}",
        *([f"SYSTEM {_quoted(form.default_system)}"] if form.default_system else []),
        "",
        "# Decoding as its answers were measured: greedy, without a penalty for repetition.",
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_predict {max_new_tokens}",
        f'PARAMETER stop "{end_token}"',
        "",
        f"LICENSE {_quoted(licence)}",
    ]
    return "\n".join(lines) + "\n"


def template(form: ChatFormat) -> str:
    """Return the chat format in Go's template language, over `.System` and `.Messages`."""
    for part in (form.before_system, form.after_system, form.before_user, form.before_answer, form.after_answer):
        if "{{" in part:
            raise ValueError("the chat template has two opening braces, which a Go template reads as its own")
    system = f"{form.before_system}{{{{ .System }}}}{form.after_system}"
    if form.default_system is None:
        system = f"{{{{ if .System }}}}{system}{{{{ end }}}}"
    user = f'{{{{ if eq .Role "user" }}}}{form.before_user}{{{{ .Content }}}}{form.before_answer}'
    answer = f'{{{{ else if eq .Role "assistant" }}}}{{{{ .Content }}}}{form.after_answer}{{{{ end }}}}'
    return f"{system}{{{{ range .Messages }}}}{user}{answer}{{{{ end }}}}"


def _quoted(content: str) -> str:
    if _QUOTES in content:
        raise ValueError(f"{_QUOTES} inside a text of the Modelfile would end it")
    return f"{_QUOTES}{content}{_QUOTES}"
