"""`python -m benchmarks.scaling` measures, simulates and writes docs/scaling.md.

`--simulate` takes the measurements that are there, `--page` the simulation too.
"""

import dataclasses
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median

from benchmarks.scaling import bank, figures, graph, light_stages, page, plan, planning, rehearsal, stage_times
from benchmarks.scaling.schedule import Machine
from benchmarks.scaling.stage_times import Assumed
from cefr_helpers import recipe, records

GRID = Path(__file__).with_name("grid.yaml")
GPUS = (1, 8, 64)
SENTENCES = (1_000, 10_000, 20_000, 50_000, 100_000)
ROUNDS = 3
SMALL_GPUS = 3
SMALL = "levels: [A2, B2]\nrecipes: [reference]\nseeds: [1, 2]\nbase_model: [bundled, unsloth/Llama-3.2-1B-Instruct]\n"


def measure() -> dict:
    """All measurements, as plain values."""
    made_by = origin()
    # each in a process of its own: what one starts does not count as another's
    with ProcessPoolExecutor(3) as beside:
        light = beside.submit(light_stages.measure, GRID, ROUNDS)
        planned_in = beside.submit(planning.measure, GRID, ROUNDS)
        formatted = beside.submit(formatting)
        measured = {"light_stages": light.result(), "planning": planned_in.result(), "formatting": formatted.result()}
    return {"origin": made_by | {"load": [*made_by["load"], os.getloadavg()[0]]}, **measured}


def origin() -> dict:
    """When, where and from what the measurements are made."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": records.commit(),
        "command": "make scaling",
        "hardware": records.hardware(),
        "python": platform.python_version(),
        "snakemake": metadata.version("snakemake"),
        "load": [os.getloadavg()[0]],
    }


def plans() -> dict:
    """The engine's plans: of the grid, and of the small one of the rehearsal."""
    cores = Assumed().cpu_slots_per_gpu
    # a job's share of the cores is the same on each number of GPUs, and so is the plan
    return {"grid": graph.of(GRID, cores, 1), "small": graph.of(SMALL, SMALL_GPUS * cores, SMALL_GPUS)}


def simulated(measured: dict, planned: dict) -> dict:
    """What follows from the measurements for the grid, and by which commit."""
    medians = {name: median(values) for name, values in measured["light_stages"].items()}
    assumed, reference = Assumed(), recipe.load_recipe("reference")
    known = stage_times.measured({key: medians[key] for key in ("format", "take", "plot", "report")}, medians["start"])
    grid = dict.fromkeys(GPUS, planned["grid"])
    sizes = {row["jobs"]: median(row["seconds"]) for row in measured["planning"]}
    planning_s = sizes[len(planned["grid"]) + 1]  # with the target's own job
    small = stage_times.with_times(planned["small"], reference, known, assumed)
    return {
        "simulated_by": records.commit(),
        "assumed": dataclasses.asdict(assumed),
        "known": dataclasses.asdict(known) | {"around_training_s": known.around_training_s},
        "planning_s": planning_s,
        "jobs": plan.by_kind(stage_times.with_times(planned["grid"], reference, known, assumed)),
        "machines": plan.grow(grid, reference, known, assumed, planning_s),
        "sensitivity": plan.sensitivity(grid, reference, known, assumed, planning_s),
        "rehearsal": rehearsal.rehearse(small, Machine(SMALL_GPUS, SMALL_GPUS * assumed.cpu_slots_per_gpu), 60.0),
    }


def formatting() -> list[dict]:
    return [_formatted(sentences) for sentences in SENTENCES]


def _formatted(sentences: int) -> dict:
    rounds = [bank.measure(sentences) for _ in range(ROUNDS)]
    print(f"formatted {sentences} sentences: {rounds[-1]}", flush=True)
    names = rounds[0]["steps"]
    return {
        "sentences": rounds[0]["sentences"],
        "steps": {name: [one["steps"][name] for one in rounds] for name in names},
        "peak_memory_bytes": [one["peak_memory_bytes"] for one in rounds],
    }


def main(arguments: list[str]) -> None:
    if arguments != ["--page"]:
        measured = page.load() if arguments == ["--simulate"] else measure()
        text = json.dumps(measured | simulated(measured, plans()), indent=1, ensure_ascii=False) + "\n"
        records.write_atomically(page.MEASURED, text)
    found = page.load()
    for path in (*figures.draw(found, page.FOLDER), page.write(found)):
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
