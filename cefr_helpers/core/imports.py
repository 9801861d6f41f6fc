"""Spares a process the import of what libraries would bring along and nothing here uses."""

import sys


def without(*modules: str) -> None:
    """Let libraries find these optional modules of theirs as little as if they were not installed.

    Args:
        modules: names as they are imported; one that is imported already stays.
    """
    for name in modules:
        sys.modules.setdefault(name, None)  # what Python itself takes for "not to be found"


def papermill():
    """The library papermill, without a grammar that it would take 1 to 2 s to build.

    It checks addresses in other alphabets by RFC 3987, which no notebook's schema asks for.
    """
    without("rfc3987_syntax")
    import papermill

    return papermill
