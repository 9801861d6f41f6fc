"""Runs one notebook with papermill and checks that it truly finished; knows what each stage depends on."""

import ast
import contextlib
import ctypes
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from cefr_helpers import data_parallel
from cefr_helpers.errors import InputError, shown
from cefr_helpers.levels import check_level
from cefr_helpers.paths import EXPERIMENT_STAGE, PLOT_FILES, REPORT_STAGE, STAGES, Workspace, project_root
from cefr_helpers.secret_check import refuse_secrets

PACKAGE = Path(__file__).parent
# Lines of a notebook that the terminal shows as they come; all of them are in its log.
_SHOWN = ("step ", "Resuming", "Converting")


class StageFailed(RuntimeError):
    """A stage did not finish; the message says why, and where log and notebook are."""


def notebook_path(stage: str) -> Path:
    return project_root() / "notebooks" / f"{stage}.ipynb"


def outputs(workspace: Workspace, stage: str, level: str) -> list[Path]:
    """The files that a stage leaves when it is done, the executed notebook last.

    Args:
        level: for the report over an experiment the experiment's name; the final report needs none.
    """
    made = {
        "01_data_formatting": [workspace.formatted_file(level, part) for part in ("train", "eval")]
        + [workspace.record(level, "dataset")],
        "02_training": [workspace.record(level, "training")],
        "03_baseline_comparison": [workspace.record(level, "comparison"), workspace.run(level) / "generations.csv"],
        "04_plotting": [workspace.plots(level) / name for name in PLOT_FILES.values()] + [workspace.note(level)],
        REPORT_STAGE: [workspace.final_report()],
        EXPERIMENT_STAGE: [workspace.experiment_note(level)],
    }
    return [*made[stage], executed_notebook(workspace, stage, level)]


def executed_notebook(workspace: Workspace, stage: str, level: str) -> Path:
    folders = {REPORT_STAGE: workspace.output_root / "runs", EXPERIMENT_STAGE: workspace.experiment(level)}
    return folders.get(stage, workspace.run(level)) / f"{stage}.ipynb"


def modules_of(notebook: Path) -> list[Path]:
    """The package's files that a notebook imports, itself or through one another: what it must be run again for."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    found, todo = set(), [code]
    while todo:
        for module in _imported_modules(todo.pop()) - found:
            found.add(module)
            todo.append(module.read_text(encoding="utf-8"))
    beside = [*PACKAGE.glob("templates/*.j2"), *PACKAGE.glob("phrases/*.yaml")]
    return sorted([*found, *(beside if _writes_notes(found) else [])])


def _writes_notes(modules: set[Path]) -> bool:
    return any(module.name == "notes.py" for module in modules)  # the reports render through it too


def _imported_modules(code: str) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cefr_helpers":
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.split(".")[0] == "cefr_helpers"}
    files = {PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in names if "." in name}
    # merging runs in a process of its own, named by publishing without an import
    files |= {PACKAGE / "merging.py"} if any(file.name == "publishing.py" for file in files) else set()
    return {file for file in files if file.is_file()}


def run_stage(stage: str, parameters: dict, workspace: Workspace, run: str = "") -> None:
    """Execute a stage's notebook; what it prints goes to its log, and its progress to the terminal as well.

    Args:
        parameters: of the notebook; `level`, or `experiment`, names the run's folder.
        run: the run's name in what it prints, where there are several.

    Raises:
        InputError: no such stage or level, or a parameter that the notebook does not declare.
        StageFailed: a cell raised, the kernel died, or an output is missing; the notebook so far is kept beside the
            log as `STAGE.failed.ipynb`.
    """
    level = parameters.get("level", parameters.get("experiment", ""))
    known = (*STAGES, REPORT_STAGE, EXPERIMENT_STAGE)
    if stage not in known:
        raise InputError(f"stage: {shown(stage)}; expected one of {', '.join(known)}")
    if stage in STAGES:
        check_level(level)  # it becomes the name of a folder
    label = f"{run} {level} {stage}".strip()
    notebook, executed = notebook_path(stage), executed_notebook(workspace, stage, level)
    check_parameters(notebook, parameters)
    executed.parent.mkdir(parents=True, exist_ok=True)
    # of several processes that train as one the first leaves the notebook, the others a log
    rank = data_parallel.rank() if stage == STAGES[1] else 0
    mark = f".rank-{rank}" if rank else ""
    log, failed = executed.with_suffix(f"{mark}.log"), executed.with_suffix(f"{mark}.failed.ipynb")
    partial = executed.with_name(f".{stage}.{os.getpid()}.ipynb")
    failed.unlink(missing_ok=True)
    started = time.time()
    _tell(rank, f"{label} | started")
    try:
        with open(log, "w", buffering=1, encoding="utf-8") as log_file:
            problem = _execute(notebook, partial, parameters, _Tee(log_file, label, rank), log_file)
            problem = problem or (None if rank else _unfinished(outputs(workspace, stage, level)[:-1], started))
            if problem:
                print(f"FAILED: {problem}", file=log_file)
        if problem:
            if partial.exists():
                os.replace(partial, failed)
            raise StageFailed(f"{label}: {problem}\n  log: {log}\n  notebook so far: {failed}")
        if not rank:
            os.replace(partial, executed)
        _tell(rank, f"{label} | done in {time.time() - started:.0f} s")
    finally:
        partial.unlink(missing_ok=True)


def check_parameters(notebook: Path, parameters: dict) -> None:
    """Refuse what papermill would only warn of: a parameter that the notebook does not declare.

    Raises:
        InputError: names the parameter and those that there are; or it holds a secret.
    """
    import papermill

    refuse_secrets(notebook.name, parameters)
    known = set(papermill.inspect_notebook(str(notebook)))
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise InputError(f"{notebook.name}: no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")


def die_with_parent() -> None:
    """End this process when the engine that started it is gone, so that no orphan goes on writing (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 = PR_SET_PDEATHSIG


def _tell(rank: int, line: str) -> None:
    """To the terminal, once for all processes of a training."""
    if not rank:
        print(line, flush=True)


class _Tee:
    """Writes a notebook's lines to the log as they come, and those of progress to the terminal, with a label."""

    def __init__(self, log_file, label: str, rank: int = 0):
        self.log_file, self.label, self.rank, self.rest = log_file, label, rank, ""

    def write(self, text: str) -> int:
        self.log_file.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line.startswith(_SHOWN):
                _tell(self.rank, f"{self.label} | {line.rstrip()}")
        return len(text)

    def flush(self) -> None:
        self.log_file.flush()


def _execute(notebook: Path, out: Path, parameters: dict, stdout, stderr) -> str | None:
    """None where every cell ran, else why not, in one line."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # kernels that start at once can pick one TCP port: unix sockets with a connection file of their own instead
    with tempfile.TemporaryDirectory(prefix="cefr", ignore_cleanup_errors=True) as folder:
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
                config=Config({"KernelManager": kernel}),
            )
        except PapermillExecutionError as error:
            stderr.write(re.sub(r"\x1b\[[0-9;]*m", "", str(error)) + "\n")
            return f"cell [{error.exec_count}] raised {error.ename}: {error.evalue}"
        except DeadKernelError:
            return "its kernel was killed; if memory ran out, lower batch_size or max_seq_length in the recipe"
    return None


def _unfinished(made: list[Path], started: float) -> str | None:
    """Papermill calls a killed or stopped notebook completed: a stage is done when its own files are new and there."""
    for path in made:
        if not path.is_file():
            return f"the notebook ended without writing {path}"
        if path.stat().st_mtime < started - 2:
            return f"the notebook ended without writing {path} anew"
    return None


def main(arguments: list[str]) -> int:
    """`python -m cefr_helpers.pipeline STAGE LEVEL CONFIGURATION_JSON [RUN]`: what the engine calls.

    LEVEL and RUN are "-" where there is none; for the report over an experiment its name stands for the level.
    """
    from cefr_helpers import configuration

    die_with_parent()
    try:
        stage, level, values, run = (*arguments, "-")[:4]
        settings = configuration.check(_values(values), "the stage's configuration")
        if stage == STAGES[1]:
            data_parallel.launch_if_asked("cefr_helpers.pipeline", arguments)
        parameters = settings.parameters(level)
        if stage in (REPORT_STAGE, EXPERIMENT_STAGE):
            parameters = {key: parameters[key] for key in ("output_root", "user_data", "language")}
        if stage == EXPERIMENT_STAGE:
            parameters |= {"experiment": level}
        run_stage(stage, parameters, settings.workspace, "" if run == "-" else run)
    except (StageFailed, InputError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2 if isinstance(error, InputError) else 1
    return 0


def _values(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"the stage's configuration: {shown(text)} is not JSON ({error}); expected it") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
