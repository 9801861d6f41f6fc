"""Executes one notebook with papermill in a kernel that ends with this process; says why where it did not end."""

import os
import re
import sys
import tempfile
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.pipeline import failures

# Lines of a notebook that the terminal shows as they come; all of them are in its log.
_SHOWN = ("step ", "Resuming", "Converting")
# The kernel's own watch looks once a second: until then it would go on writing beside the next run.
_END_WITH = "from cefr_helpers.core.locks import die_with_parent; die_with_parent(9, {parent}); del die_with_parent"

# A path of Linux's unix sockets has at most 107 bytes, one of macOS's 103; below the folder the longest is this.
_LONGEST_SOCKET, _SOCKET = 103, "/cefr12345678/kernel-ipc-5"


class Tee:
    """Writes a notebook's lines to the log as they come, and those of progress to the terminal, with a label."""

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
    """Import papermill without a grammar that it would take 1 to 2 s to build.

    It checks addresses in other alphabets by RFC 3987, which no notebook's schema asks for.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # Python takes None for "not installed"
    import papermill

    return papermill


def _socket_folder() -> str:
    """A folder for temporary files whose name is short enough for a unix socket's file below it.

    Raises:
        InputError: neither TMPDIR nor the usual ones are.
    """
    usual = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"))
    for folder in usual:
        if len(os.fsencode(folder)) + len(_SOCKET) <= _LONGEST_SOCKET and os.access(folder, os.W_OK):
            return folder
    longest = _LONGEST_SOCKET - len(_SOCKET)
    raise InputError(
        f"TMPDIR: {tempfile.gettempdir()}: a kernel's sockets need a folder of at most {longest} bytes, "
        f"and {', '.join(usual)} are longer or can't be written to; expected TMPDIR to name one"
    )


def execute(notebook: Path, out: Path, parameters: dict, stdout, stderr) -> str | None:
    """None where every cell ran, else why not.

    Args:
        out: takes the executed notebook, also the part of one that failed.
    """
    papermill = load_papermill()
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # kernels that start at once can pick one TCP port: unix sockets with a connection file of their own instead
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
                start_timeout=120,
                shutdown_kernel="immediate",  # all is written; to take its memory apart would take it seconds
                config=Config({"KernelManager": kernel}),
                extra_arguments=[f"--IPKernelApp.exec_lines={_END_WITH.format(parent=os.getpid())}"],
            )
        except PapermillExecutionError as error:
            stderr.write(re.sub(r"\x1b\[[0-9;]*m", "", str(error)) + "\n")
            return failures.of_cell(error.exec_count, error.ename, error.evalue, notebook.stem)
        except DeadKernelError:
            return failures.of_dead_kernel(notebook.stem)
        except RuntimeError as error:  # it died before its first cell
            if "Kernel died" not in str(error):
                raise
            return failures.of_dead_kernel(notebook.stem)
    return None
