"""Run one measurement: a program in a separate process, with its time, peak memory and result."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cefr_helpers.core.locks import die_with_parent
from cefr_helpers.core.paths import project_root

# No measurement may wait for a network, report to one, or draw progress bars.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "disabled",
    "PYTHONUNBUFFERED": "1",
}
_SHOWN_LINES, _SHOWN_CHARACTERS = 3, 400


class ProgramFailed(Exception):
    """A measured program ended without a result; the message has its last lines of output."""


def measure(python: Path, program: Path, specification: dict, folder: Path, limit_s: float) -> dict:
    """Run `program SPECIFICATION_FILE`, which writes its result with `common.write`.

    Args:
        python: the interpreter of the program's environment.
        folder: folder for specification, result, log and output files; it is the working directory and is emptied
            first, so that no program resumes from what a stopped one left.
        limit_s: seconds after which it is ended.

    Returns:
        The program's result, and `wall_s`, from its start to its end.

    Raises:
        ProgramFailed: it failed, was ended, or left no result.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result, log, file = (folder / name for name in ("result.json", "log.txt", "specification.json"))
    file.write_text(json.dumps(specification | {"result": str(result), "folder": str(folder)}))
    started, problem = time.monotonic(), None
    with open(log, "w") as out:
        try:
            done = subprocess.run(
                [str(python), str(program), str(file)],
                cwd=folder,
                env=_environment(python),
                stdout=out,
                stderr=out,
                timeout=limit_s,
                preexec_fn=die_with_parent,
            )
            problem = f"exit status {done.returncode}" if done.returncode or not result.is_file() else None
        except subprocess.TimeoutExpired:
            problem = f"ended after {limit_s:.0f} s"
    if problem:
        raise ProgramFailed(f"{program.stem}: {problem}; {_last_lines(log)}")
    return json.loads(result.read_text()) | {"wall_s": time.monotonic() - started}


def _environment(python: Path) -> dict:
    """Return the environment: the suite's own programs can import the suite; a peer's environment has only the peer."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    if str(python) != sys.executable:
        return kept | _QUIET
    # libraries may come from PYTHONPATH, as on a machine without a network
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return kept | _QUIET | {"PYTHONPATH": os.pathsep.join([str(project_root()), *given])}


def _last_lines(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    # results are published, so only the last parts of this machine's paths are kept
    told = re.sub(r"(?:/[\w.+-]+)+/(?=[\w.+-])", "", " / ".join(lines[-_SHOWN_LINES:]))
    return told[-_SHOWN_CHARACTERS:] or "it printed nothing"
