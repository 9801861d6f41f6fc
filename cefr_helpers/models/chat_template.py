"""Settle a tokenizer's chat template for use and publication: a fixed date, no thinking, and a known end of turn.

The changes are written into the template itself. So a model always gets the same prompts, and any program that loads
the tuned model, such as transformers or llama.cpp, uses the prompts of its training.
"""

import hashlib
import json
import re
from datetime import date

from cefr_helpers.core.errors import InputError

DATE = date(2024, 7, 26)
SPELT_DATE = "26 Jul 2024"
# Variables of templates and their values. A model that reasons (gpt-oss) is set to do so as little as possible.
_SETTINGS = {
    "date_string": f'"{SPELT_DATE}"',
    "enable_thinking": "false",
    "thinking": "false",
    "reasoning_effort": '"low"',
}
_LONGEST_HEADER = 2000
_THINKING = ("enable_thinking", "thinking", "reasoning_effort")
_NOW = "strftime_now"
_FORMAT = re.compile(_NOW + r"\(\s*(['\"])(.*?)\1\s*\)")
_GENERATION = re.compile(r"\{%[-+]?\s*(end)?generation\s*[-+]?%\}")
_QUESTION, _ANSWERS = "QUESTION", ("ANSWER", "REPLY")
_FOOTER = "{# the answer begins at once #}{% if add_generation_prompt %}{{ "
_REMEDY = "use an instruct model that answers at once, or its variant without thinking"


def settle(tokenizer, where: object) -> None:
    """Fix date and thinking in a tokenizer's chat template, and make the token that ends a turn its end token.

    A tokenizer that was settled before does not change.

    Args:
        where: the model's folder, for the message.

    Raises:
        InputError: there is no template, it can't be rendered, its prompt for an answer differs from how it writes
            answers, or no token ends a turn.
    """
    if not tokenizer.chat_template:
        raise InputError(f"{where}: its tokenizer has no chat template; use an instruct model")
    from jinja2 import TemplateError

    try:
        tokenizer.chat_template = fixed(tokenizer.get_chat_template())
        whole, prompt = _written(tokenizer, _ANSWERS[0]), _asked(tokenizer)
        opened = _opened(whole, prompt, where)
        if opened.strip():
            tokenizer.chat_template = _with_footer(tokenizer.chat_template, opened)
        end, eos = _end_of_turn(tokenizer, where), tokenizer.eos_token
        if end != eos and "eos_token" in _asked_for(tokenizer.chat_template):
            # what the template puts after all turns does not change
            tokenizer.chat_template = f"{{% set eos_token = {_quoted(eos)} %}}\n{tokenizer.chat_template}"
        tokenizer.eos_token = end
    except InputError:
        raise
    except (TemplateError, TypeError, ValueError) as error:
        raise InputError(f"{where}: its chat template can't be used ({error}); use an instruct model") from None


def describe(tokenizer) -> dict:
    """Return the description for the training record: the token that ends a turn, and what `settle` fixed.

    Returns:
        `end_of_turn`; `date`, or None if the template has none; `thinking`: "off" if the template had it, else None;
        `example_sha256`: digest over the tokens of a question with its answer.
    """
    template = tokenizer.chat_template
    header = template[:_LONGEST_HEADER]
    example = tokenizer(_written(tokenizer, "1. It's a reply."), add_special_tokens=False).input_ids
    thinks = any(_set(name) in header for name in _THINKING) or _FOOTER in template
    dated = _set("date_string") in header or f"{{% macro {_NOW}(" in header
    return {
        "end_of_turn": tokenizer.eos_token,
        "thinking": "off" if thinks else None,
        "date": SPELT_DATE if dated else None,
        "example_sha256": hashlib.sha256(json.dumps(example).encode()).hexdigest(),
    }


def fixed(template: str) -> str:
    """Return the template with date and thinking set at its start."""
    asked = _asked_for(template)
    header = "".join(_set(name) for name in _SETTINGS if name in asked)
    if _NOW in asked:
        header += _now(template)
    # Jinja removes a line end after a block
    return f"{header}\n{template}" if header else template


def _asked_for(template: str) -> set[str]:
    """Return the names of variables that a template needs."""
    from jinja2 import Environment, meta

    plain = _GENERATION.sub("", template)  # transformers' own tags, which change no text
    return meta.find_undeclared_variables(Environment(extensions=["jinja2.ext.loopcontrols"]).parse(plain))


def _set(name: str) -> str:
    return f"{{% set {name} = {_SETTINGS[name]} %}}"


def _now(template: str) -> str:
    """Return a macro that replaces the clock, for the date formats that the template uses."""
    forms = dict.fromkeys(found[2] for found in _FORMAT.finditer(template))
    cases = "".join(
        f"{{% {'elif' if number else 'if'} format == {_quoted(form)} %}}{DATE.strftime(form)}"
        for number, form in enumerate(forms)
    )
    chosen = f"{cases}{{% else %}}{SPELT_DATE}{{% endif %}}" if cases else SPELT_DATE
    return f"{{% macro {_NOW}(format) %}}{chosen}{{% endmacro %}}"


def _with_footer(template: str, opened: str) -> str:
    """Return the template with a text added after the opening of an answer, such as the end of an opened thought."""
    return f"{template.removesuffix(chr(10))}{_FOOTER}{_quoted(opened)} }}}}{{% endif %}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _opened(whole: str, prompt: str, where: object) -> str:
    """Return what the template writes between the opening of an answer and the answer: a thought, or nothing."""
    before = whole[: whole.rindex(_ANSWERS[0])]
    if not before.startswith(prompt):
        raise InputError(
            f"{where}: its chat template prompts for an answer with {prompt[-60:]!r}, but writes one after "
            f"{before[-60:]!r}: it opens thoughts that its answers leave out, so they can't be switched off; {_REMEDY}"
        )
    return before[len(prompt) :]


def _end_of_turn(tokenizer, where: object) -> str:
    """Return the first token after an answer that is not text."""
    texts = (_written(tokenizer, answer).rpartition(answer)[2] for answer in _ANSWERS)
    first, second = (tokenizer(text, add_special_tokens=False).input_ids for text in texts)
    own = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    ends = [token for token in first if token in own]
    if first != second or not ends:
        raise InputError(f"{where}: its chat template does not end answers with a special token; use an instruct model")
    return tokenizer.convert_ids_to_tokens(ends[0])


def _written(tokenizer, answer: str) -> str:
    chat = [{"role": "user", "content": _QUESTION}, {"role": "assistant", "content": answer}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=False)
    if answer not in text:
        raise ValueError("it leaves out the assistant's messages")
    return text


def _asked(tokenizer) -> str:
    chat = [{"role": "user", "content": _QUESTION}]
    return tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
