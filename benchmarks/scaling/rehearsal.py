"""The simulation against the engine: the planned jobs as sleeps, which Snakemake really schedules and starts."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.scaling import schedule
from benchmarks.scaling.schedule import Job, Machine

_SNAKEFILE = """
import json
JOBS = json.load(open("jobs.json"))

rule all:
    input: [job["name"] + ".done" for job in JOBS]

for job in JOBS:
    rule:
        name: job["name"]
        input: [need + ".done" for need in job["needs"]]
        output: job["name"] + ".done"
        params: sleeps=job["seconds"]
        priority: job["priority"]
        threads: job["threads"]
        resources: gpu=job["gpus"]
        shell: "sleep {params.sleeps}; touch {output}"
"""


def rehearse(jobs: list[Job], machine: Machine, longest_s: float) -> dict:
    """Both ways with all times shortened by one factor, so that the simulated run takes `longest_s`.

    Returns:
        {"jobs", "gpus", "simulated_s", "measured_s"}: from the first job's start to the last one's end, so without the
        engine's planning.
    """
    factor = longest_s / _length(jobs, schedule.simulate(jobs, machine, lambda job: job.priority))
    told = [vars(job) | {"seconds": round(job.seconds * factor, 3)} for job in jobs]
    jobs = [Job(**one) for one in told]
    simulated = _length(jobs, schedule.simulate(jobs, machine, lambda job: job.priority))
    with tempfile.TemporaryDirectory(prefix="cefr-rehearsal-") as folder:
        (Path(folder) / "jobs.json").write_text(json.dumps(told))
        (Path(folder) / "Snakefile").write_text(_SNAKEFILE)
        limits = ["--cores", str(machine.cpu_slots), "--resources", f"gpu={machine.gpus}", "--quiet", "all"]
        # the greedy scheduler, which is the one whose rule is simulated
        command = [sys.executable, "-m", "snakemake", *limits, "--scheduler", "greedy"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        ends = [path.stat().st_mtime for path in Path(folder).glob("*.done")]
        first = min(ends) - min(job.seconds for job in jobs if not job.needs)
    return {"jobs": len(jobs), "gpus": machine.gpus, "simulated_s": simulated, "measured_s": max(ends) - first}


def _length(jobs: list[Job], starts: dict[str, float]) -> float:
    return max(starts[job.name] + job.seconds for job in jobs)
