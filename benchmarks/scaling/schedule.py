"""List scheduling of planned jobs on GPUs and CPU slots, as the engine does it, and what bounds its length."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Planned:
    """A job that the engine would run.

    Attributes:
        kind: format, take, train, compare or plot.
        base_model: of the run, or of the data's runs.
        needs: names of the jobs that it waits for.
        threads: CPU slots.
    """

    name: str
    kind: str
    base_model: str
    needs: tuple[str, ...]
    threads: int
    gpus: int
    priority: int


@dataclass(frozen=True)
class Job(Planned):
    """A planned job with its time."""

    seconds: float


@dataclass(frozen=True)
class Machine:
    """Of a cluster the sum over its nodes: that a job must fit into one node is left aside."""

    gpus: int
    cpu_slots: int


def simulate(jobs: Iterable[Job], machine: Machine, rank: Callable[[Job], float]) -> dict[str, float]:
    """The start of each job, in seconds.

    Whenever something has ended, the waiting jobs are looked through from the highest rank down and each is started
    that fits into what is free, as the engine's greedy scheduler does.

    Raises:
        ValueError: a job asks for more than the machine has, or jobs wait for one another.
    """
    jobs = list(jobs)
    for job in jobs:
        if job.gpus > machine.gpus or job.threads > machine.cpu_slots:
            raise ValueError(f"{job.name} asks for {job.gpus} GPUs and {job.threads} slots, more than {machine}")
    missing = {job.name: set(job.needs) for job in jobs}
    users: dict[str, list[Job]] = {job.name: [] for job in jobs}
    for job in jobs:
        for need in job.needs:
            users[need].append(job)
    waiting = [job for job in jobs if not job.needs]
    free, now, running, starts = [machine.gpus, machine.cpu_slots], 0.0, [], {}
    place = {job.name: number for number, job in enumerate(jobs)}
    while waiting or running:
        waiting.sort(key=lambda job: (-rank(job), place[job.name]))
        for job in list(waiting):
            if job.gpus <= free[0] and job.threads <= free[1]:
                waiting.remove(job)
                free = [free[0] - job.gpus, free[1] - job.threads]
                starts[job.name] = now
                heapq.heappush(running, (now + job.seconds, place[job.name]))
        now = running[0][0]
        while running and running[0][0] == now:
            ended = jobs[heapq.heappop(running)[1]]
            free = [free[0] + ended.gpus, free[1] + ended.threads]
            for job in users[ended.name]:
                missing[job.name].discard(ended.name)
                if not missing[job.name]:
                    waiting.append(job)
    if len(starts) != len(jobs):
        raise ValueError(f"jobs that wait for one another: {sorted(set(missing) - set(starts))[:3]}")
    return starts


def longest_chains(jobs: Iterable[Job]) -> dict[str, float]:
    """Job -> seconds from its start to the end of the longest chain of jobs that begins with it."""
    jobs = {job.name: job for job in jobs}
    users: dict[str, list[str]] = {name: [] for name in jobs}
    for job in jobs.values():
        for need in job.needs:
            users[need].append(job.name)
    found: dict[str, float] = {}

    def length(name: str) -> float:
        if name not in found:
            found[name] = jobs[name].seconds + max(map(length, users[name]), default=0.0)
        return found[name]

    for name in jobs:
        length(name)
    return found


def critical_path(jobs: Iterable[Job]) -> list[Job]:
    """The longest chain of jobs that wait for one another, first one first: no machine is faster than it."""
    jobs = list(jobs)
    left = longest_chains(jobs)
    path = [max(jobs, key=lambda job: left[job.name])]
    while after := [job for job in jobs if path[-1].name in job.needs]:
        path.append(max(after, key=lambda job: left[job.name]))
    return path


def gpus_at_work(jobs: Iterable[Job], starts: dict[str, float]) -> list[tuple[float, int]]:
    """How many GPUs are at work from each moment on, as (seconds, GPUs), ending with 0."""
    change: Counter[float] = Counter()
    for job in jobs:
        if job.gpus:
            change[starts[job.name]] += job.gpus
            change[starts[job.name] + job.seconds] -= job.gpus
    found, now = [], 0
    for moment in sorted(change):
        now += change[moment]
        found.append((moment, now))
    return found
