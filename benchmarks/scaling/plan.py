"""The planned grid on machines of several sizes: how long, how dear, and what keeps it from being faster."""

from collections import Counter
from dataclasses import replace

from benchmarks.scaling import schedule, stage_times
from benchmarks.scaling.schedule import Job, Machine
from benchmarks.scaling.stage_times import Assumed, Measured
from cefr_helpers.recipe import Recipe

HOUR = 3600


def on_machine(jobs: list[Job], machine: Machine, planning_s: float, report_s: float, assumed: Assumed) -> dict:
    """One row of the page: times in seconds, from the command to the report."""
    starts = schedule.simulate(jobs, machine, lambda job: job.priority)
    end = max(starts[job.name] + job.seconds for job in jobs)
    chains = schedule.longest_chains(jobs)
    other = schedule.simulate(jobs, machine, lambda job: chains[job.name])
    busy = sum(job.gpus * job.seconds for job in jobs)
    total = planning_s + end + report_s
    bounds = {
        "work of the GPUs": busy / machine.gpus,
        "longest chain of jobs": max(chains.values()),
        "work of the CPU slots": sum(job.threads * job.seconds for job in jobs if not job.gpus) / machine.cpu_slots,
        "planning and report": planning_s + report_s,
        "data before the first training": min(starts[job.name] for job in jobs if job.gpus),
    }
    return {
        "gpus": machine.gpus,
        "total_s": total,
        "gpu_busy_s": busy,
        "gpu_busy_share": busy / (machine.gpus * total),
        "price_rented": machine.gpus * total / HOUR * assumed.gpu_hour_price,
        "price_busy": busy / HOUR * assumed.gpu_hour_price,
        "longest_first_s": planning_s + max(other[job.name] + job.seconds for job in jobs) + report_s,
        "bounds_s": bounds,
        "bottleneck": max(bounds, key=bounds.get),
        "critical_path": [
            {"kind": job.kind, "model": job.base_model, "s": job.seconds} for job in schedule.critical_path(jobs)
        ],
        "gpus_at_work": schedule.gpus_at_work(jobs, starts),
    }


def machine(gpus: int, assumed: Assumed) -> Machine:
    return Machine(gpus, gpus * assumed.cpu_slots_per_gpu)


def grow(plans: dict[int, list], recipe: Recipe, known: Measured, assumed: Assumed, planning_s: float) -> list[dict]:
    """A row a number of GPUs; `plans` are the engine's, GPUs -> jobs."""
    rows = []
    for gpus, planned in plans.items():
        jobs = stage_times.with_times(planned, recipe, known, assumed)
        rows.append(on_machine(jobs, machine(gpus, assumed), planning_s, known.stage_s["report"], assumed))
    return rows


def sensitivity(plans, recipe: Recipe, known: Measured, assumed: Assumed, planning_s: float) -> list[dict]:
    """The total of each machine when an assumption is halved or doubled."""
    rows = []
    for name in ("training_tflops", "decoding_step_s", "loading_factor"):
        for factor in (0.5, 2):
            changed = replace(assumed, **{name: getattr(assumed, name) * factor})
            found = grow(plans, recipe, known, changed, planning_s)
            totals = {str(one["gpus"]): {key: one[key] for key in ("total_s", "bottleneck")} for one in found}
            rows.append({"assumption": name, "factor": factor, "value": getattr(changed, name), "machines": totals})
    return rows


def by_kind(jobs: list[Job]) -> list[dict]:
    """Kind of job and base model -> how many, and what one takes."""
    counts = Counter((job.kind, job.base_model, job.seconds) for job in jobs)
    return [{"kind": k, "model": m, "s": s, "jobs": n} for (k, m, s), n in sorted(counts.items())]
