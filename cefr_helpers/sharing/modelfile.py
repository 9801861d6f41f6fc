"""The Modelfile from which Ollama makes its model out of a GGUF file: format of the chat, settings, licence."""

from cefr_helpers.sharing.ollama import ChatFormat

FILE = "Modelfile"
_QUOTES = '"""'


def text(
    gguf: str, form: ChatFormat, end_token: str, max_new_tokens: int, about: str, question: str, licence: str
) -> str:
    """A Modelfile.

    Args:
        gguf: the name of the file beside it.
        form: of the chat, as the model was taught it.
        end_token: at which an answer ends.
        max_new_tokens: where an answer that never ends is cut.
        about: what it is, in a line, shown as a comment.
        question: an example of how it was asked in training, shown as a comment.
        licence: in words.

    Raises:
        ValueError: the format has signs that Ollama would read as its own.
    """
    shown = [about, "Ask it as it was taught, by ten words:", "", *(f"  {line}" for line in question.splitlines())]
    lines = [
        *(f"# {line}".rstrip() for line in shown),
        "",
        f"FROM ./{gguf}",
        f"TEMPLATE {_quoted(template(form))}",
        *([f"SYSTEM {_quoted(form.default_system)}"] if form.default_system else []),
        "",
        "# Decoding as its answers were measured: the likeliest token each time, no penalty for what was said before.",
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_predict {max_new_tokens}",
        f'PARAMETER stop "{end_token}"',
        "",
        f"LICENSE {_quoted(licence)}",
    ]
    return "\n".join(lines) + "\n"


def template(form: ChatFormat) -> str:
    """The chat's format in the template language of Go, over `.System` and `.Messages`."""
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
