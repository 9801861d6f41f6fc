"""A notebook in two processes, without training: their output, the message of a failure, and that none is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from cefr_helpers.core.paths import project_root

CODE = """
import sys
from pathlib import Path
from cefr_helpers.pipeline import torchrun
notebook, out, log = map(Path, sys.argv[1:])
why = torchrun.execute(notebook, out, {"level": "B2 $$ ${local_rank}"}, log, "B2 02_training", 2)
print("WHY", why)
"""
KERNEL = {"name": "python3", "display_name": "", "language": "python"}
RANKS = "import os, sys, time\nrank = os.environ['RANK']\nprint('step', rank, 'of', os.environ['WORLD_SIZE'], level)\n"


@pytest.fixture
def start(tmp_path):
    started = []

    def of(code: str) -> subprocess.Popen:
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
        parameters = nbformat.v4.new_code_cell('level = "B2"', metadata={"tags": ["parameters"]})
        notebook.cells = [
            parameters,
            nbformat.v4.new_code_cell(RANKS + code),
            nbformat.v4.new_code_cell("print('end')"),
        ]
        nbformat.write(notebook, tmp_path / "one.ipynb")
        command = [sys.executable, "-c", CODE, *(str(tmp_path / name) for name in ("one.ipynb", "out.ipynb", "x.log"))]
        environment = os.environ | {"OMP_NUM_THREADS": "4", "PYTHONPATH": str(project_root())}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=environment, cwd=project_root(), **pipes))
        return started[-1]

    yield of
    for one in started:
        one.kill()
        one.communicate()


def test_both_work_and_the_first_speaks_and_keeps_its_notebook(start, tmp_path):
    """A process that ends early, as all but the first do after a training, ends no other."""
    told, errors = start(
        "print('cores', os.environ['OMP_NUM_THREADS'])\nif rank == '1':\n    sys.exit(0)"
    ).communicate()
    said = "step {} of 2 B2 $$ ${{local_rank}}\ncores 2\n"
    assert told == f"B2 02_training | {said.format(0).splitlines()[0]}\nWHY None\n", errors
    assert (tmp_path / "x.log").read_text() == said.format(0) + "end\n"
    assert (tmp_path / "x.rank-1.log").read_text().startswith(said.format(1))
    assert "end" not in (tmp_path / "x.rank-1.log").read_text()
    kept = nbformat.read(tmp_path / "out.ipynb", 4)
    assert [cell.outputs[0].text for cell in kept.cells[-1:]] == ["end\n"]
    assert not (tmp_path / "out.rank-1.ipynb").exists()


def test_the_cause_is_that_of_the_process_that_failed_first(start, tmp_path):
    told, errors = start("if rank == '1':\n    raise ValueError('no more')\ntime.sleep(600)").communicate()
    assert "WHY cell [3] raised ValueError: no more\n  in process 1, log: " in told, errors
    log = Path(told.strip().split("log: ")[1])
    assert log == tmp_path / "x.rank-1.log" and "FAILED: cell [3] raised ValueError: no more" in log.read_text()


SLOW = [pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGKILL, *SLOW])
def test_with_the_stage_all_its_processes_and_kernels_end(start, tmp_path, number):
    stage = start("time.sleep(600)")
    logs = [tmp_path / "x.log", tmp_path / "x.rank-1.log"]
    until(lambda: all(log.is_file() and "step" in log.read_text() for log in logs), 600)
    family = psutil.Process(stage.pid).children(recursive=True)
    assert sum("ipykernel_launcher" in " ".join(one.cmdline()) for one in family) == 2
    stage.send_signal(number)
    assert stage.wait(timeout=120) == (-number if number == signal.SIGKILL else 128 + number)
    until(lambda: not any(alive(one) for one in family), 60)


def until(done, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
