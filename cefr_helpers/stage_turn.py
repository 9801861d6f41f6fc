"""What a stage has for itself alone while it runs: its folder, and a GPU where it computes on one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cefr_helpers import gpus, locks
from cefr_helpers.errors import InputError
from cefr_helpers.paths import STAGES

_ON_GPU = STAGES[1:3]


@contextmanager
def alone(stage: str, executed: Path, label: str) -> Iterator[None]:
    """Hold what the stage needs until the end of the block; a GPU is waited for.

    A cluster that lost sight of a node gives its job to another one, and the two must not write the same checkpoints.

    Args:
        executed: where the stage's executed notebook goes.
        label: names the stage on the terminal.

    Raises:
        InputError: another process, perhaps on another node, is at work on this very stage.
    """
    from filelock import Timeout

    with ExitStack() as held:
        try:
            held.enter_context(locks.lease(executed.with_name(f".{stage}.lease"), locks.PATIENCE_S))
        except Timeout:
            raise InputError(f"{label}: another process is at work on this stage in {executed.parent}") from None
        if stage in _ON_GPU:
            held.enter_context(gpus.one(label))
        yield
