"""Errors the user can fix; shown without a traceback."""


class InputError(ValueError):
    """Bad input or configuration; the message names file, place, value and what was expected.

    The command line prints it alone and ends with exit code 2.
    """


class Busy(InputError):
    """Another run is at work in a folder; the command line ends with exit code 1, since the input is sound."""

    def __init__(self, folder: object, what: str = "run"):
        super().__init__(f"{folder}: another {what} is at work here; wait for it or stop it first")


def shown(value: object) -> str:
    """A value in an error message, at most 80 characters of it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes out no integer of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."


class DiskFull(OSError):
    """No room for a file; what was there before is as it was."""

    def __init__(self, path: object, needed: int, free: int):
        self.path, self.needed, self.free = path, needed, free
        super().__init__(
            f"{path}: no room to write it: {needed / 1e6:,.1f} MB needed, {free / 1e6:,.1f} MB free there "
            "(a quota or a limit on the size of files may be lower); what was there before is untouched"
        )

    def __str__(self) -> str:
        return self.args[0]
