"""Whether a stage that failed on a cluster is worth another try, with more memory and time."""

from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.pipeline import failures


def check(attempt: int, log: Path) -> None:
    """Refuse a try that would end as the one before did.

    A stage that says in its log why it failed, and means no lack of memory, fails the same way again. One that says
    nothing was ended from outside: for memory, for time, or with its node.

    Args:
        attempt: 1 for the first.
        log: the stage's, of the try before.

    Raises:
        InputError: more memory and time won't help.
    """
    if attempt == 1 or not log.is_file():
        return
    causes = [
        line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.startswith("FAILED: ")
    ]
    if causes and not failures.may_be_memory(causes[-1]):
        raise InputError(f"not tried again, since more memory and time won't help: {causes[-1]}\n  log: {log}")
