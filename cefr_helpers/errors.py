"""The one error that is the user's to mend: bad input or configuration, told without a traceback."""


class InputError(ValueError):
    """Bad input or configuration; the message names file, place, value and what was expected.

    The command line prints it alone and ends with exit code 2.
    """
