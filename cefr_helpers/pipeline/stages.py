"""Run a stage's notebook with papermill, check that it really finished, and know what each stage depends on."""

import ast
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cefr_helpers.core import locks, records
from cefr_helpers.core.errors import Busy, DiskFull, InputError, shown
from cefr_helpers.core.files import explain_full_disk, write_atomically
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.paths import PLOT_FILES, STAGES, Stage, Workspace, project_root
from cefr_helpers.core.secret_scan import refuse_secrets
from cefr_helpers.pipeline import gpus, notebooks, torchrun
from cefr_helpers.training import distributed

PACKAGE = Path(__file__).parents[1]
# Folders of code that only shows results.
_SHOWING = ("rendering", "notes", "sharing")
# A training asks these only which answers pass, by gates whose version its record names, and for sentences of its own.
_ASKED = ("evaluation", "writing")


class StageFailed(RuntimeError):
    """A stage did not finish; the message says why, and names log and notebook."""


def notebook_path(stage: str) -> Path:
    return project_root() / "notebooks" / f"{stage}.ipynb"


def outputs(workspace: Workspace, stage: str, level: str) -> list[Path]:
    """Return the files that a finished stage leaves, the executed notebook last.

    Args:
        level: for an experiment's report, the experiment's name; the final report needs none.
    """
    made: dict[str, list[Path]] = {
        Stage.FORMAT: [workspace.formatted_file(level, part) for part in ("train", "dev", "eval")]
        + [workspace.record(level, "dataset")],
        Stage.TRAIN: [workspace.record(level, "training")],
        Stage.COMPARE: [workspace.record(level, "comparison"), workspace.run(level) / "generations.csv"],
        Stage.PLOT: [workspace.plots(level) / name for name in PLOT_FILES.values()] + [workspace.note(level)],
        Stage.REPORT: [workspace.final_report()],
        Stage.EXPERIMENT: [workspace.experiment_note(level)],
    }
    return [*made[stage], executed_notebook(workspace, stage, level)]


def executed_notebook(workspace: Workspace, stage: str, level: str) -> Path:
    folder = workspace.run(level)
    if stage == Stage.REPORT:
        folder = workspace.output_root / "runs"
    elif stage == Stage.EXPERIMENT:
        folder = workspace.experiment(level)
    return folder / f"{stage}.ipynb"


def unfinished_mark(workspace: Workspace, stage: str, level: str) -> Path:
    """Return the file that exists from a stage's start until it is done, and so also after a failure or a kill.

    Snakemake itself cannot tell, because it takes files kept from an earlier run for those of the failed job.
    """
    return executed_notebook(workspace, stage, level).with_name(f".{stage}.unfinished")


def modules_of(notebook: Path) -> list[Path]:
    """Return the package's files that a notebook uses, directly or indirectly: when they change, it runs again.

    Data files count if a module names them as `_data_files` describes. For stages that compute, code that only shows
    results does not count: a change of wording must not cause a new training. For the training, neither does code that
    judges and chooses what the model writes.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    computing = [stage for stage in STAGES if stage.computes]
    left_out = (*_SHOWING, *(_ASKED if notebook.stem == Stage.TRAIN else ())) if notebook.stem in computing else ()
    skipped = [PACKAGE / folder for folder in left_out]
    found: set[Path] = set()
    data: set[Path] = set()
    todo = [ast.parse(code)]
    while todo:
        for module in _imported_modules(todo.pop()) - found:
            if not any(module.is_relative_to(folder) for folder in skipped):
                found.add(module)
                todo.append(tree := ast.parse(module.read_text(encoding="utf-8")))
                data |= _data_files(module, tree)
    return sorted(found | data)


def _imported_modules(tree: ast.Module) -> set[Path]:
    """Return the package's files that code imports, with the `__init__.py` of each folder above them."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = set()
    for name in names:
        top, *parts = name.split(".")
        if top == PACKAGE.name:
            files |= {PACKAGE.joinpath(*parts[:depth], "__init__.py") for depth in range(len(parts) + 1)}
            files.add(PACKAGE.joinpath(*parts).with_suffix(".py"))
    return {file for file in files if file.is_file()}


def _data_files(module: Path, tree: ast.Module) -> set[Path]:
    """Return data files named by `Path(__file__).parent / "folder"`, or one, `Path(__file__).with_name("file")`."""
    found: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and ast.unparse(node.left) == "Path(__file__).parent":
            found |= set((module.parent / ast.literal_eval(node.right)).iterdir())
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Path(__file__).with_name":
            found.add(module.with_name(ast.literal_eval(node.args[0])))
    return found


def run_stage(stage: str, parameters: dict, workspace: Workspace, run: str = "") -> None:
    """Execute a stage's notebook; its output goes to its log, and its progress to the terminal as well.

    Args:
        parameters: the notebook's parameters; `level`, or `experiment`, names the run's folder.
        run: the run's name in its output, if there are several.

    Raises:
        InputError: no such stage or level, or a parameter that the notebook does not declare.
        Busy: another stage is running in the run's folder.
        StageFailed: a cell raised, the kernel died, or an output is missing; the notebook so far is saved beside the
            log as `STAGE.failed.ipynb`.
    """
    level = parameters.get("level", parameters.get("experiment", ""))
    known = tuple(Stage)
    if stage not in known:
        raise InputError(f"stage: {shown(stage)}; expected one of {', '.join(known)}")
    if stage in STAGES:
        check_level(level)  # it becomes a folder's name
    label = f"{run} {level} {stage}".strip()
    notebook, executed = notebook_path(stage), executed_notebook(workspace, stage, level)
    check_parameters(notebook, parameters)
    with gpus.stage_lock(stage, executed, label):
        _run(stage, level, label, notebook, executed, parameters, workspace)


def _run(
    stage: str, level: str, label: str, notebook: Path, executed: Path, parameters: dict, workspace: Workspace
) -> None:
    log, failed = executed.with_suffix(".log"), executed.with_suffix(".failed.ipynb")
    partial = executed.with_name(f".{stage}.{os.getpid()}.ipynb")
    made, mark = outputs(workspace, stage, level), unfinished_mark(workspace, stage, level)
    mark.touch()
    for left in (log, failed, *_left_before(stage, made)):
        left.unlink(missing_ok=True)
    code = records.hash_inputs([notebook, *modules_of(notebook)])
    started = time.time()
    print(f"{label} | started", flush=True)
    try:
        with (
            explain_full_disk(executed, notebook.stat().st_size),
            open(log, "a", 1, encoding="utf-8") as log_file,
        ):
            os.utime(log)
            began = log.stat().st_mtime  # by the file system's clock, which may be another machine's
            count = distributed.requested(stage)
            if count > 1:
                problem = torchrun.execute(notebook, partial, parameters, log, label, count)
            else:
                problem = notebooks.execute(notebook, partial, parameters, notebooks.Tee(log_file, label), log_file)
            problem = problem or _unfinished(made[:-1], began)
            if problem:
                print(f"FAILED: {problem}", file=log_file)
        if problem:
            if partial.exists():
                os.replace(partial, failed)
            raise StageFailed(f"{label}: {problem}\n  log: {log}\n  notebook so far: {failed}")
        _keep(partial, executed, code)
        mark.unlink()
        print(f"{label} | done in {time.time() - started:.0f} s", flush=True)
    finally:
        partial.unlink(missing_ok=True)


def _left_before(stage: str, made: list[Path]) -> Iterator[Path]:
    """Return what an earlier run left: files that a killed run was writing, and other processes' logs.

    Nothing else writes under these names while the lock is held.
    """
    yield from made[-1].parent.glob(f".{stage}.*.ipynb")
    yield from made[-1].parent.glob(f"{stage}.rank-*.log")
    for path in made:
        yield from path.parent.glob(f".{path.name}.*.tmp")


def _keep(partial: Path, executed: Path, code: dict[str, str]) -> None:
    """Move an executed notebook into place, with the hashes of the code that it was executed with."""
    notebook = json.loads(partial.read_text(encoding="utf-8"))
    notebook["metadata"]["cefr_helpers"] = {"code": code}
    write_atomically(executed, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def code_of(executed: Path) -> dict[str, str]:
    """Return file -> sha256 of the notebook and modules from which a notebook was executed; empty if not recorded."""
    try:
        code = json.loads(executed.read_text(encoding="utf-8"))["metadata"]["cefr_helpers"]["code"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return code if isinstance(code, dict) else {}


def check_parameters(notebook: Path, parameters: dict) -> None:
    """Refuse a parameter that the notebook does not declare, of which papermill would only warn.

    Raises:
        InputError: names the parameter and the declared ones; or it holds a secret.
    """
    refuse_secrets(notebook.name, parameters)
    known = set(notebooks.load_papermill().inspect_notebook(str(notebook)))
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise InputError(f"{notebook.name}: no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")


def _unfinished(made: list[Path], began: float) -> str | None:
    """Say which output is missing or old: papermill reports a killed or stopped notebook as completed."""
    for path in made:
        if not path.is_file():
            return f"the notebook ended without writing {path}"
        if path.stat().st_mtime < began - 2:
            return f"the notebook ended without writing {path} again"
    return None


def main(arguments: list[str]) -> int:
    """`python -m cefr_helpers.pipeline.stages STAGE LEVEL CONFIGURATION_JSON [RUN [TRY, from 1]]`, called by Snakemake.

    LEVEL and RUN are "-" if there is none; for an experiment's report, LEVEL is its name.
    """
    from cefr_helpers.pipeline import configuration

    locks.die_with_engine()
    try:
        stage, level, values, run, attempt = (*arguments, *("-", "1")[len(arguments) - 3 :])
        settings = configuration.check(_values(values), "the stage's configuration")
        parameters = settings.parameters(level)
        if stage in (Stage.REPORT, Stage.EXPERIMENT):
            parameters = {key: parameters[key] for key in ("output_root", "user_data", "language")}
        if stage == Stage.EXPERIMENT:
            parameters |= {"experiment": level}
        notebooks.refuse_pointless_retry(
            int(attempt), executed_notebook(settings.workspace, stage, level).with_suffix(".log")
        )
        run_stage(stage, parameters, settings.workspace, "" if run == "-" else run)
    except (StageFailed, InputError, DiskFull) as error:
        print(error, file=sys.stderr, flush=True)
        return 2 if isinstance(error, InputError) and not isinstance(error, Busy) else 1
    return 0


def _values(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"the stage's configuration: {shown(text)} is not JSON ({error}); expected it") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
