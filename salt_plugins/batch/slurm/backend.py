"""Submits to Slurm, by way of ``sbatch``."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import ClassVar

from salt_core import BatchBackend, ConfigError
from salt_core.interfaces.batch import Job, State
from salt_plugins.batch.slurm.client import call, state_of
from salt_plugins.batch.slurm.script import pattern, script

#: Names that Lightning takes for interactive jobs, in which it does not look at Slurm.
REFUSED_NAMES = ("bash", "interactive")

LEAD = "USR1@180"
SIGNAL = re.compile(r"(?:[BR]{1,2}:)?(?:SIG)?([A-Z0-9]+)(@\d+)?")


class Slurm(BatchBackend):
    """Slurm: a batch script in ``slurm/``, submitted with ``sbatch``.

    Parameters
    ----------
    account : str, optional
        Account that the job is counted on.
    partition : str, optional
        Partition.
    constraint : str, optional
        Features that the nodes must have.
    qos : str, optional
        Quality of service.
    nodes : int, optional
        Nodes.
    gpus_per_node : int, optional
        GPUs on each node, with a process for each.
    gpu_type : str, optional
        Type of the GPUs.
    cpus_per_task : int, optional
        CPUs of each process, and its worker processes.
    memory : str, optional
        Memory of each node, such as 64G.
    exclusive : bool, optional
        Take nodes for this job alone.
    time : str, optional
        Time limit, such as 12:00:00.
    """

    short: ClassVar[Mapping[str, str]] = {
        "account": "-a",
        "partition": "-p",
        "constraint": "-cn",
        "qos": "-q",
        "nodes": "-n",
        "gpus_per_node": "-g",
        "gpu_type": "-gt",
        "cpus_per_task": "-cpt",
        "memory": "-m",
        "exclusive": "-ex",
        "time": "-ti",
    }
    folder = "slurm"
    prefix = "slurm"

    def __init__(
        self,
        account: str | None = None,
        partition: str | None = None,
        constraint: str | None = None,
        qos: str | None = None,
        nodes: int = 1,
        gpus_per_node: int | None = None,
        gpu_type: str | None = None,
        cpus_per_task: int | None = None,
        memory: str | None = None,
        exclusive: bool = False,
        time: str | None = None,
    ) -> None:
        for name, number in (
            ("nodes", nodes),
            ("gpus_per_node", gpus_per_node),
            ("cpus_per_task", cpus_per_task),
        ):
            if number is not None and number < 1:
                raise ConfigError(f"{number} is too few; give 1 or more", f"--{name}")
        if gpu_type and gpus_per_node is None:
            raise ConfigError("give --gpus_per_node too", "--gpu_type")
        self.nodes = nodes
        self.gpus_per_node = gpus_per_node
        self.gpu_type = gpu_type
        self.cpus_per_task = cpus_per_task
        self.exclusive = exclusive
        self.plain = {
            "account": account,
            "partition": partition,
            "constraint": constraint,
            "qos": qos,
            "mem": memory,
            "time": time,
        }

    def arguments(self) -> Mapping[str, str]:
        """Have Lightning start as many processes as Slurm does."""
        devices = {"--trainer.devices": str(self.gpus_per_node or 1), "--trainer.num_nodes": str(self.nodes)}
        workers = {} if self.cpus_per_task is None else {"--data.num_workers": str(self.cpus_per_task)}
        return {**devices, **workers}

    def render(self, job: Job) -> Mapping[str, str]:
        """Write the batch script."""
        if job.name in REFUSED_NAMES:
            message = f"{job.name!r} is what interactive jobs are called; choose another name"
            raise ConfigError(message, "--tag")
        directives = {**self._directives(job), **job.options}
        stop = (directives.get("signal") or "").partition("@")[0]
        return {f"{job.stem}.sh": script(job, directives, self.cpus_per_task, stop)}

    def submit(self, job: Job) -> str:
        """Call sbatch."""
        return call(["sbatch", "--parsable", str(job.folder / f"{job.stem}.sh")]).partition(";")[0]

    def status(self, identifier: str) -> State:
        """Ask squeue, scontrol and sacct, in this order."""
        return state_of(identifier)

    def cancel(self, identifier: str) -> None:
        """Call scancel."""
        call(["scancel", identifier])

    def _directives(self, job: Job) -> dict[str, str | None]:
        tasks = self.gpus_per_node or 1
        gpus = ":".join(["gpu", *([self.gpu_type] if self.gpu_type else []), str(tasks)])
        log = pattern(str(job.log)) if not job.tasks else pattern(str(job.folder / job.stem)) + "-%a.log"
        found: dict[str, str | None] = {
            "job-name": job.name,
            "chdir": pattern(str(job.folder.parent)),
            "output": log,
            "error": log,
            "open-mode": "append",
            "nodes": str(self.nodes),
            "ntasks-per-node": str(tasks),
        }
        found |= {name: value for name, value in self.plain.items() if value is not None}
        found |= {"gres": gpus} if self.gpus_per_node else {}
        found |= {"cpus-per-task": str(self.cpus_per_task)} if self.cpus_per_task else {}
        found |= {"exclusive": None} if self.exclusive else {}
        found |= {"array": f"0-{len(job.tasks) - 1}"} if job.tasks else {}
        found |= {"requeue": None} if job.requeue else {"no-requeue": None}
        if job.signal or job.requeue:
            found["signal"] = _signal(job.signal or LEAD)
        return found


def _signal(text: str) -> str:
    """Check a signal and its lead time, and write it as sbatch does."""
    found = SIGNAL.fullmatch(text.strip().upper())
    if found is None or found[1] not in ("USR1", "TERM", "INT", "10", "15", "2"):
        raise ConfigError(
            f"{text!r} is not a signal that a training answers; write USR1@SECONDS, TERM@SECONDS or INT@SECONDS",
            "--signal",
        )
    name = signal.Signals(int(found[1])).name.removeprefix("SIG") if found[1].isdecimal() else found[1]
    return name + (found[2] or "")
