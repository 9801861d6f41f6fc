"""Notes, reports and cards out of their templates."""

from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, context: dict) -> str:
    """A template filled in, with exactly one line end at the end."""
    return _environment().get_template(template).render(context).strip() + "\n"


@cache
def _environment():
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
