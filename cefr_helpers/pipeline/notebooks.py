"""Run a notebook with papermill in a kernel that ends with this process, and explain failures in one line."""

import os
import re
import resource
import sys
import tempfile
from pathlib import Path

from cefr_helpers.core import files
from cefr_helpers.core.errors import InputError

EXPLORE = "explore"  # tag of cells for exploring, which the batch skips
# Lines of a notebook that the terminal shows at once; all of them are in its log.
_SHOWN = ("step ", "Self-training", "Resuming", "Converting")
# The kernel itself checks its parent only once a second; until then it would write beside the next run.
_END_WITH = "from cefr_helpers.core.locks import die_with_parent; die_with_parent(9, {parent}); del die_with_parent"
# What Python, PyTorch, CUDA or the system say when memory runs out
_OUT_OF_MEMORY = re.compile(
    r"MemoryError|OutOfMemory|bad_alloc|(can't|cannot|unable to) allocate|allocate memory|out of memory",
    flags=re.IGNORECASE,
)
_KILLED = "its kernel was killed"
_LESS_MEMORY = {
    "02_training": "lower batch_size (and raise gradient_accumulation_steps by as much), eval_batch_size or "
    "max_seq_length in the recipe, or set gradient_checkpointing: true",
    "03_baseline_comparison": "lower eval_batch_size in the recipe",
}

# A path of Linux's unix sockets has at most 107 bytes, one of macOS's 103; below the folder the longest is this.
_LONGEST_SOCKET, _SOCKET = 103, "/cefr12345678/kernel-ipc-5"


class Tee:
    """Writes a notebook's lines to the log at once, and progress lines also to the terminal, with a label."""

    def __init__(self, log_file, label: str):
        self.log_file, self.label, self.rest = log_file, label, ""

    def write(self, text: str) -> int:
        self.log_file.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line.startswith(_SHOWN):
                print(f"{self.label} | {line.rstrip()}", flush=True)
        return len(text)

    def flush(self) -> None:
        self.log_file.flush()


def load_papermill():
    """Import papermill without a grammar that takes 1 to 2 s to build.

    The grammar checks addresses in other alphabets by RFC 3987, which no notebook's schema needs.
    """
    # Python takes None for "not installed"
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # see above
    import papermill

    return papermill


def _socket_folder() -> str:
    """Return a folder for temporary files whose name is short enough for a unix socket in it.

    Raises:
        InputError: neither TMPDIR nor the usual folders are short enough.
    """
    usual = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"))
    for folder in usual:
        if len(os.fsencode(folder)) + len(_SOCKET) <= _LONGEST_SOCKET and os.access(folder, os.W_OK):
            return folder
    longest = _LONGEST_SOCKET - len(_SOCKET)
    raise InputError(
        f"TMPDIR: {tempfile.gettempdir()}: a kernel's sockets need a folder of at most {longest} bytes, "
        f"and {', '.join(usual)} are longer or can't be written to; set TMPDIR to a shorter path"
    )


def execute(notebook: Path, out: Path, parameters: dict, stdout, stderr) -> str | None:
    """Execute a notebook; return None if every cell ran, or else why not.

    Args:
        out: path for the executed notebook, also for the part of one that failed.
    """
    papermill = load_papermill()
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # kernels that start at the same time can pick the same TCP port, so each gets unix sockets and its connection file
    with tempfile.TemporaryDirectory(prefix="cefr", dir=_socket_folder(), ignore_cleanup_errors=True) as folder:
        kernel = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
        try:
            papermill.execute_notebook(
                str(notebook),
                str(out),
                parameters=parameters,
                kernel_name="python3",
                cwd=str(notebook.parent),
                progress_bar=False,
                log_output=False,
                stdout_file=stdout,
                stderr_file=stderr,
                autosave_cell_every=30,
                skip_cells_with_tag=EXPLORE,
                start_timeout=120,
                shutdown_kernel="immediate",  # everything is written, and freeing its memory would take seconds
                config=Config({"KernelManager": kernel}),
                extra_arguments=[f"--IPKernelApp.exec_lines={_END_WITH.format(parent=os.getpid())}"],
            )
        except PapermillExecutionError as error:
            stderr.write(re.sub(r"\x1b\[[0-9;]*m", "", str(error)) + "\n")
            return of_cell(error.exec_count, error.ename, error.evalue, notebook.stem)
        except DeadKernelError:
            return of_dead_kernel(notebook.stem)
        except RuntimeError as error:  # it died before its first cell
            if "Kernel died" not in str(error):
                raise
            return of_dead_kernel(notebook.stem)
    return None


def of_cell(number: int, kind: str, message: str, stage: str) -> str:
    """Return the cause of failure for a cell that raised an exception of a kind, such as "ValueError"."""
    told = f"cell [{number}] raised {kind}: {message}"
    if _OUT_OF_MEMORY.search(f"{kind}: {message}"):
        return f"memory ran out: {told}\n  {_memory(stage)}"
    return f"the disk is full: {told}" if files.is_disk_full(Exception(message)) else told


def of_dead_kernel(stage: str) -> str:
    """Return the cause of failure for a dead kernel; call it after waiting for the kernel, or its peak is unknown."""
    return f"{_KILLED}; the system does so when memory runs out\n  {_memory(stage)}"


def may_be_memory(cause: str) -> bool:
    """Return whether more memory might prevent a stage's failure."""
    return _KILLED in cause or bool(_OUT_OF_MEMORY.search(cause))


def _memory(stage: str) -> str:
    import psutil

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    total = psutil.virtual_memory().total
    change = _LESS_MEMORY.get(stage, "close other programs")
    return f"it had used up to {peak / 1e9:.1f} GB of {total / 1e9:.1f} GB of memory; if that was the cause, {change}"


def refuse_pointless_retry(attempt: int, log: Path) -> None:
    """Refuse a retry that is bound to fail again.

    A stage whose log says why it failed, for a reason other than memory, will fail in the same way again. One that says
    nothing was ended from outside: for memory, for time, or with its node.

    Args:
        attempt: 1 for the first attempt.
        log: the stage's log of the attempt before.

    Raises:
        InputError: more memory and time won't help.
    """
    if attempt == 1 or not log.is_file():
        return
    causes = [
        line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.startswith("FAILED: ")
    ]
    if causes and not may_be_memory(causes[-1]):
        raise InputError(f"not retried, since more memory and time won't help: {causes[-1]}\n  log: {log}")
