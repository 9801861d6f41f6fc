"""Execute a notebook in several processes that train together; if one fails, PyTorch's launcher ends all of them."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cefr_helpers.core import locks
from cefr_helpers.pipeline import notebooks
from cefr_helpers.training import distributed


class _Failed(RuntimeError):
    """A process's notebook failed; the message says why."""


def execute(notebook: Path, out: Path, parameters: dict, log: Path, label: str, count: int) -> str | None:
    """Execute a notebook in `count` processes; return None if all cells of the first ran and no process failed, or why.

    Only the first process continues after the training, see `tuning.tune`, and only its notebook is kept.

    Args:
        out: path for the first process's notebook.
        log: the first process's log; those of the others are beside it, such as `02_training.rank-1.log`.
        label: the stage's name on the terminal.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as launch

    told = json.dumps([str(notebook), str(out), parameters, str(log), label]).replace("$", "\\u0024")  # not a macro
    with tempfile.TemporaryDirectory(prefix="cefr-launch-") as folder, _environment(count):
        options = ["--standalone", "--nproc-per-node", str(count), "--log-dir", folder]
        try:
            launch([*options, "-m", __name__, told])
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            return _why(failure.message) + (f"\n  in process {rank}, log: {_of(log, rank)}" if rank else "")
        except SignalException as stopped:  # all processes have ended by now
            sys.exit(128 + stopped.sigval)
        finally:
            for rank in range(1, count):
                _of(out, rank).unlink(missing_ok=True)
    return None


@contextmanager
def _environment(count: int) -> Iterator[None]:
    """Return the processes' environment: their parent, and how many cores each may use."""
    before = dict(os.environ)
    cores = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    own = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(max(1, cores // count)))
    os.environ.update(own, **{locks.ENGINE: str(os.getpid())})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _why(message: str | dict) -> str:
    """Return the cause from the launcher's message: text, or an exception with its name in front."""
    return message if isinstance(message, str) else message["message"].removeprefix(f"{_Failed.__name__}: ")


def _of(path: Path, rank: int) -> Path:
    return path.with_suffix(f".rank-{rank}{path.suffix}") if rank else path


def _run(told: str) -> None:
    """Run one of the processes; only the first one prints progress on the terminal."""
    notebook, out, parameters, log, label = json.loads(told)
    rank = distributed.rank()
    with open(_of(Path(log), rank), "a" if rank == 0 else "w", buffering=1, encoding="utf-8") as log_file:
        stdout = log_file if rank else notebooks.Tee(log_file, label)
        problem = notebooks.execute(Path(notebook), _of(Path(out), rank), parameters, stdout, log_file)
        if problem and rank:
            print(f"FAILED: {problem}", file=log_file)
    if problem:
        raise _Failed(problem)


def main(arguments: list[str]) -> int:
    """`python -m cefr_helpers.pipeline.torchrun TOLD`, which the launcher starts, and to which it reports failures."""
    from torch.distributed.elastic.multiprocessing.errors import record

    locks.die_with_engine()
    try:
        record(_run)(*arguments)
    except _Failed:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
