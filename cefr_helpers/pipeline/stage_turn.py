"""What a stage has for itself alone while it runs: its folder, and GPUs where it computes on them."""

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cefr_helpers.core import locks
from cefr_helpers.core.paths import STAGES
from cefr_helpers.pipeline import gpus
from cefr_helpers.training import distributed

_ON_GPU = STAGES[1:3]
# In a run's folder, one for each machine: where `flock` holds between nodes, a dead one's must not keep others waiting.
LOCK = f".{platform.node()}.lock"


@contextmanager
def alone(stage: str, executed: Path, label: str) -> Iterator[None]:
    """Hold what the stage needs until the end of the block; GPUs are waited for.

    A cluster that lost sight of a node gives its job to another one, and the two must not write the same checkpoints.

    Args:
        executed: where the stage's executed notebook goes.
        label: names the stage on the terminal.

    Raises:
        Busy: another process, perhaps on another node, is at work there.
        InputError: more GPUs are asked for than there are.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        held.enter_context(locks.exclusive(executed.parent / LOCK))
        held.enter_context(locks.lease_folder(executed.with_name(f".{stage}.lease")))
        if stage in _ON_GPU:
            held.enter_context(gpus.some(distributed.asked(stage), label))
        yield
