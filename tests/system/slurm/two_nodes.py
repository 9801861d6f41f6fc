"""A real SLURM of two nodes on this machine, as root, on loopback: started, broken and stopped by tests."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

NODES = ("n1", "n2")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
SETTINGS = Path("/etc/slurm")  # the executor takes SLURM_CONF away from jobs, so that only this place serves all
# Any device will do for a GPU that no one computes on.
GRES = "NodeName=n1 Name=gpu File=/dev/null\nNodeName=n2 Name=gpu File=/dev/zero\n"


def missing() -> str | None:
    """Why no SLURM can be started here, or None."""
    if found := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"{', '.join(found)} not found: apt-get install --no-install-recommends slurm-wlm munge"
    if os.getuid() != 0:
        return "starting a SLURM of one's own needs root"
    if (SETTINGS / "slurm.conf").exists():
        return f"{SETTINGS}/slurm.conf: a SLURM is set up on this machine already"
    return None


class TwoNodes:
    """SLURM's controller and two nodes with a GPU each by name, their state in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self) -> None:
        munge = self.folder / "munge"
        for place in (self.folder / "state", munge, *(self.folder / f"spool-{node}" for node in NODES)):
            place.mkdir(parents=True)
        settings = (Path(__file__).parent / "slurm.conf.in").read_text()
        host = socket.gethostname().split(".")[0]
        settings = settings.replace("@FOLDER@", str(self.folder)).replace("@HOST@", host)
        (self.folder / "slurm.conf").write_text(settings)
        (self.folder / "gres.conf").write_text(GRES)
        SETTINGS.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (SETTINGS / name).symlink_to(self.folder / name)
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o400)
        places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        # root's temporary folders are open to root alone, which munged would refuse without --force
        call("munged", "--force", *(f"--{option}={munge / name}" for option, name in places.items()))
        call("slurmctld")
        for node in NODES:
            self.start_node(node)
        until(lambda: self.states() == dict.fromkeys(NODES, "idle"), 60)

    def stop(self) -> None:
        """End all that was started, by its process ids, and what is left of its jobs."""
        for name in ("slurmctld", *(f"slurmd-{node}" for node in NODES), "munge/"):
            end(pid_in(self.folder / (f"{name}pid" if name.endswith("/") else f"{name}.pid")), signal.SIGTERM)
        for node in NODES:
            self.kill_node(node)
        for name in ("slurm.conf", "gres.conf"):
            (SETTINGS / name).unlink(missing_ok=True)

    def start_node(self, node: str) -> None:
        call("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill all processes of a node at once, as a loss of power would."""
        end(pid_in(self.folder / f"slurmd-{node}.pid"), signal.SIGKILL)
        while processes := self.on_node(node):
            for process in processes:
                end(process.pid, signal.SIGKILL)
            time.sleep(0.1)

    def on_node(self, node: str) -> list[psutil.Process]:
        """The processes of the node's jobs, those that watch over them among them."""
        jobs, found = set(), []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            if environment.get("SLURMD_NODENAME") == node and process.status() != psutil.STATUS_ZOMBIE:
                jobs.add(environment.get("SLURM_JOB_ID"))
                found.append(process)
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if any(command.startswith(f"slurmstepd: [{job}.") for job in jobs):
                found.insert(0, process)
        return found

    def restart_controller(self) -> None:
        end(pid_in(self.folder / "slurmctld.pid"), signal.SIGKILL)
        time.sleep(3)  # those who ask meanwhile see that nobody answers
        call("slurmctld")

    @staticmethod
    def states() -> dict[str, str]:
        """Node -> idle, mixed, down* ..."""
        return dict(line.split() for line in told("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines())

    @staticmethod
    def jobs() -> list[dict[str, str]]:
        """Every job that SLURM remembers: id, name of the rule, state, node, work folder, requested memory."""
        keys = ("id", "rule", "state", "node", "folder", "memory", "restarts")
        listing = told("squeue", "--noheader", "--states=all", "--format=%A|%k|%T|%N|%Z|%m|%o")
        return [dict(zip(keys, line.strip().split("|"), strict=False)) for line in listing.splitlines()]


def until(true, seconds: float) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {seconds} s: {true}")
        time.sleep(0.5)


def call(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)


def told(*command: str) -> str:
    """Return the output of a SLURM command; nothing while the controller is down."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def end(pid: int | None, with_signal: int) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, with_signal)
