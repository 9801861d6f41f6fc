"""Notes, reports and cards out of their templates.

A template shows a value of a record through a filter, `{{ training.duration_s | duration }}`, a phrase of the catalogue
by its name, `{{ text.note.training }}`, and a phrase with figures filled in,
`{{ text.facts.speed_value.format(n=training.tokens_per_s | whole) }}`. The methods of `Locale` are the filters.

Nothing is escaped by hand. All that a template shows goes through `escaping.markdown`, as Jinja's `finalize`: it
escapes every text that is not `Markdown` already, and refuses a number or a None that no filter has written. Jinja's
own autoescape would escape for HTML, and its `Markup` is not trusted here. So what somebody forgets ends in an error or
in an escape too many, never in a text of a user's that acts. A name that a record or the catalogue does not have is an
error. Macros are not used, because Jinja returns what they make as a plain string; a part that is used twice is
included.
"""

import traceback
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.rendering import escaping, tables
from cefr_helpers.rendering.escaping import Markdown
from cefr_helpers.rendering.locale import Locale, load_locale

TEMPLATES = Path(__file__).parent / "templates"  # flat: `stages.modules_of` counts what lies in it, but no subfolder
_OF_LOCALE = ("decimal", "whole", "plain", "loss", "percent", "share", "points", "p", "duration", "gigabytes", "date")
_OF_LOCALE += ("mean_with_interval", "share_with_interval", "points_with_interval", "commit", "recorded", "setting")


def render(template: str, locale: Locale, context: dict) -> str:
    """A template filled in, with exactly one line end at the end.

    Raises:
        InputError: a template, which anybody may change, has a fault; file, line, and what is wrong there.
    """
    import jinja2

    environment = _environment(locale.language, locale.loss_decimals)
    try:
        return environment.get_template(template).render(context).strip() + "\n"
    except (jinja2.TemplateError, KeyError, TypeError) as error:
        place = _place(error)
        if place is None:
            raise
        what = f"the phrase has a place for {error}, which is not given" if isinstance(error, KeyError) else error
        raise InputError(f"{place}: {what}") from error


def _place(error: Exception) -> str | None:
    """File and line of the template in which an error came up; None where it came up elsewhere."""
    import jinja2

    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename}, line {error.lineno}"
    steps = traceback.extract_tb(error.__traceback__)
    lines = [f"{step.filename}, line {step.lineno}" for step in steps if Path(step.filename).parent == TEMPLATES]
    return lines[-1] if lines else None


@cache
def _environment(language: str, loss_decimals: int):
    import jinja2

    locale = load_locale(language, loss_decimals)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        finalize=_known(escaping.markdown),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,  # a part that is included ends its last line itself
    )
    filters = {name: getattr(locale, name) for name in _OF_LOCALE}
    filters |= {
        "listed": locale.list,
        "interval": locale.interval,
        "cell": lambda value, kind: tables.cell(value, kind, locale),
        "table": lambda table: tables.to_markdown(table, locale),
        "code": escaping.code,
        "anchor": escaping.anchor,
        "shortened": escaping.shortened,
        "join": lambda parts, between: Markdown(between).join(parts),
        "phrase": _phrase,
    }
    environment.filters |= {name: _known(function) for name, function in filters.items()}
    environment.globals |= {"text": locale.text}
    return environment


def _known(function: Callable) -> Callable:
    """The function with Jinja's own error for a name that is not there, before it says what a number lacks."""
    import jinja2

    @wraps(function)
    def call(value, *arguments, **named):
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises
        return function(value, *arguments, **named)

    return call


def _phrase(key: str, catalogue: dict[str, Markdown]) -> Markdown:
    """The phrase under a key; a key that the catalogue lacks stands for itself, as code."""
    return catalogue.get(key) or escaping.code(key)
