"""The one error that is the user's to mend: bad input or configuration, told without a traceback."""


class InputError(ValueError):
    """Bad input or configuration; the message names file, place, value and what was expected.

    The command line prints it alone and ends with exit code 2.
    """


def shown(value: object) -> str:
    """A value in an error message, at most 80 characters of it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes out no integer of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."
