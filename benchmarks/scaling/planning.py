"""How long the engine plans before its first job starts, by the number of jobs."""

import tempfile
from pathlib import Path

from benchmarks.scaling import cpu_time, graph
from cefr_helpers import engine

SEEDS = (1, 3, 5, 10)


def measure(grid: Path, rounds: int) -> list[dict]:
    """Rows of {"jobs", "seconds"}, a list of one number a round; the sizes take turns in each round."""
    rows = [{"jobs": 0, "seconds": []} for _ in SEEDS]
    for _ in range(rounds):
        for row, seeds in zip(rows, SEEDS, strict=True):
            row["jobs"], seconds = once(of_seeds(grid, seeds))
            row["seconds"].append(seconds)
            print(f"planned {row['jobs']} jobs in {seconds:.1f} s", flush=True)
    return rows


def of_seeds(grid: Path, seeds: int) -> str:
    """The text of a grid with so many seeds in place of its own."""
    lines = grid.read_text(encoding="utf-8").splitlines()
    own = f"seeds: {list(range(1, seeds + 1))}"
    return "\n".join(own if line.startswith("seeds:") else line for line in lines) + "\n"


def once(grid: str) -> tuple[int, float]:
    """Jobs, and the CPU seconds that the engine took to plan them."""
    with tempfile.TemporaryDirectory(prefix="cefr-planning-") as folder:
        call = graph.prepared(graph.read(grid, Path(folder)))
        seconds, names = cpu_time.of_children(lambda: engine.planned(*call, ["levels"]))
        return len(names), seconds
