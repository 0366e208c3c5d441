"""A real Slurm of one node on this machine, started by hand: as root, without systemd or cgroups."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Slurm's jobs drop SLURM_CONF from their environment, so that it has to be where Slurm looks first.
SETTINGS = Path("/etc/slurm")
MARK = "# Written by the tests of sharedim, which take it away again."
CONTROLLER_PORT, NODE_PORT = 6817, 6818
STILL_GOING = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED"}

CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={run}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=50000,batch_sched_delay=0
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
# Without cgroups, memory limits are kept by looking at what jobs use, every second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
# Jobs that ended are remembered for as long as the tests may take.
MinJobAge=7200
EnforcePartLimits=ALL
InactiveLimit=0
KillWait=5
Waittime=0
StateSaveLocation={run}/state
SlurmdSpoolDir={run}/spool
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.pid
SlurmctldLogFile={run}/slurmctld.log
SlurmdLogFile={run}/slurmd.log
GresTypes=gpu
# What the node is said to have counts, not what it has.
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 {gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
PRETEND_GPU = "NodeName=localhost Name=gpu Count=1 File=/dev/null\n"


class Cluster:
    """A controller and a node with one pretend GPU; `start` it and be sure to `stop` it."""

    def __init__(self) -> None:
        # Short, since a socket's path may have 107 characters.
        self.run = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.daemons: dict[str, subprocess.Popen] = {}

    def start(self, gpus: int = 1) -> None:
        """Start the daemons and wait until the node takes jobs."""
        refuse_another_slurm()
        self.configure(gpus)
        for folder in ("state", "spool"):
            (self.run / folder).mkdir(exist_ok=True)
        self.start_munge()
        self.start_controller()
        self.start_node()

    def configure(self, gpus: int) -> None:
        SETTINGS.mkdir(exist_ok=True)
        text = CONFIGURATION.format(
            run=self.run,
            controller_port=CONTROLLER_PORT,
            node_port=NODE_PORT,
            cpus=max(4, os.cpu_count() or 1),
            gpus=f"Gres=gpu:{gpus}" if gpus else "",
        )
        (SETTINGS / "slurm.conf").write_text(f"{MARK}\n{text}")
        (SETTINGS / "gres.conf").write_text(f"{MARK}\n{PRETEND_GPU if gpus else ''}")

    def start_munge(self) -> None:
        key, socket_file = self.run / "munge.key", self.run / "munge.socket"
        if not key.exists():
            subprocess.run(["mungekey", "--create", f"--keyfile={key}"], check=True)  # noqa: S607
        self._start(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket_file}",
            f"--pid-file={self.run}/munged.pid", f"--seed-file={self.run}/munged.seed",
        )  # fmt: skip
        wait_for("munge's socket", socket_file.exists)

    def start_controller(self) -> None:
        self._start("slurmctld", "-D")
        wait_for("the controller", lambda: "UP" in ask("scontrol", "ping"))

    def start_node(self) -> None:
        self._start("slurmd", "-D", "-N", "localhost")
        wait_for("the node", lambda: ask("sinfo", "-h", "-o", "%t").strip() in {"idle", "mix"})

    def _start(self, program: str, *arguments: str) -> None:
        log = (self.run / f"{program}.out").open("a")
        # Should the tests be killed, the system ends their daemons.
        command = ["setpriv", "--pdeathsig", "TERM", program, *arguments]
        self.daemons[program] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
        )
        log.close()

    def end(self, program: str) -> None:
        """End one daemon, and wait until it is gone."""
        daemon = self.daemons.pop(program, None)
        if daemon is not None:
            end_process(daemon, seconds=15)

    @contextmanager
    def without_gpu(self) -> Iterator[None]:
        """Start controller and node again as if the GPU had been taken out."""
        self._change_node(gpus=0)
        yield
        self._change_node(gpus=1)

    def _change_node(self, gpus: int) -> None:
        self.end("slurmd")
        self.end("slurmctld")
        self.configure(gpus)
        self.start_controller()
        self.start_node()

    def jobs(self) -> list[dict[str, str]]:
        """Return all jobs, oldest first: what `scontrol show job` says, by its own names."""
        lines = ask("scontrol", "--oneliner", "--details", "show", "job").splitlines()
        jobs = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if "JobId=" in line]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def stop(self) -> list[dict[str, str]]:
        """End jobs and daemons, take the settings away; return what jobs there were."""
        try:
            jobs = self.jobs()
            going = [job["JobId"] for job in jobs if job["JobState"] in STILL_GOING]
            if going:
                ask("scancel", *going)
            # A cancelled job is in the queue for as long as its processes are being killed.
            wait_for("the last jobs to end", lambda: not ask("squeue", "--noheader"))
            return self.jobs()
        finally:
            for program in ("slurmd", "slurmctld", "munged"):
                self.end(program)
            take_settings_away()
            shutil.rmtree(self.run)


def end_process(process: subprocess.Popen, seconds: float) -> None:
    """Ask a process to end, and kill it where it has not in so many seconds."""
    process.terminate()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ask(*command: str) -> str:
    """Return what one of Slurm's programs says, or nothing where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def wait_for(what: str, is_there: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds, and raise where it does not in time."""
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not there after {seconds:.0f} s")
        time.sleep(0.2)


def refuse_another_slurm() -> None:
    """Raise where this machine belongs to a Slurm that is not ours."""
    settings = SETTINGS / "slurm.conf"
    if settings.exists() and not settings.read_text().startswith(MARK):
        raise RuntimeError(f"{settings} exists: this machine has a Slurm of its own, left alone")
    for port in (CONTROLLER_PORT, NODE_PORT):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise RuntimeError(f"port {port} is taken: is another Slurm running?")


def take_settings_away() -> None:
    """Remove our settings: with them but no controller, everything that asks Slurm waits."""
    for name in ("slurm.conf", "gres.conf"):
        file = SETTINGS / name
        if file.exists() and file.read_text().startswith(MARK):
            file.unlink()


def main() -> None:
    """Keep a cluster up to play with, until Ctrl-C."""
    cluster = Cluster()
    # Before that of `start`, so that whatever was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        cluster.start()
        print(f"up, logs in {cluster.run}; Ctrl-C stops it", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
