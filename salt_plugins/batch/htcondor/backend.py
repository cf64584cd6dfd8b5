"""Submits to HTCondor, by way of ``condor_submit``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from salt_core import BatchBackend, ConfigError, RunError
from salt_core.durations import seconds_of
from salt_core.interfaces.batch import RESUME_ME, Job, State, together
from salt_plugins.batch.htcondor.client import call, queued
from salt_plugins.batch.htcondor.description import description, own_words, size, text
from salt_plugins.batch.htcondor.events import ENDING, logged
from salt_plugins.batch.htcondor.script import script

Flavour = Literal["espresso", "microcentury", "longlunch", "workday", "tomorrow", "testmatch", "nextweek"]

#: Seconds after which CERN's pool removes a job, by its flavour.
FLAVOURS: dict[Flavour, int] = {
    "espresso": 20 * 60,
    "microcentury": 3600,
    "longlunch": 2 * 3600,
    "workday": 8 * 3600,
    "tomorrow": 24 * 3600,
    "testmatch": 3 * 24 * 3600,
    "nextweek": 7 * 24 * 3600,
}

#: What a job takes over from where it is submitted. All of it can be read by whoever looks at the queue.
ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_*",
    "OMP_NUM_THREADS",
    "SALT_*",
)

#: A job that asks to be started again more often than this goes in circles.
MOST_RETRIES = 10

SIGNAL = re.compile(r"(?:SIG)?(USR1|TERM|INT)(?:@(\d+))?", re.ASCII)
LEAD = "TERM@180"

STARTED = "NumJobStarts > 0"

#: The part of a job's time that it has to save where it is, and the most seconds that it takes.
PART, MARGIN = 20, 300


class HTCondor(BatchBackend):
    """HTCondor: a submit description and a script in ``condor/``, submitted with ``condor_submit``.

    Parameters
    ----------
    cpus : int, optional
        CPUs, and worker processes that load data.
    gpus : int, optional
        GPUs, with a process for each; 0 to train on CPUs.
    require_gpus : str, optional
        What the GPUs must have, such as 'Capability >= 8.0'.
    memory : str, optional
        Memory, such as 16GB.
    disk : str, optional
        Room on the machine's own disk, such as 50GB.
    runtime : str, optional
        Time limit, such as 12:00:00 or 2-00:00:00; the training stops itself before it.
    runtime_key : str, optional
        How the pool calls it: MaxRuntime at CERN, RequestRuntime at DESY, where other pools have no match for it.
    job_flavour : str, optional
        The time limit by CERN's names.
    project : str, optional
        Project that the job is counted on, by the attribute MyProject.
    accounting_group : str, optional
        Group that the job is counted on.
    requirements : str, optional
        What the machine must have, such as 'OpSysMajorVer == 9'.
    image : str, optional
        Image of a container that HTCondor runs the job in, whose python has salt: docker://..., a folder or
        a .sif file.
    same_slot : bool, optional
        With --requeue, go on where it was instead of in the queue.
    """

    short: ClassVar[Mapping[str, str]] = {"cpus": "-cpt", "gpus": "-g", "memory": "-m", "runtime": "-ti"}
    folder = "condor"
    prefix = "condor"

    def __init__(
        self,
        cpus: int = 4,
        gpus: int = 1,
        require_gpus: str | None = None,
        memory: str = "16GB",
        disk: str | None = None,
        runtime: str | None = None,
        runtime_key: Literal["MaxRuntime", "RequestRuntime"] = "MaxRuntime",
        job_flavour: Flavour | None = None,
        project: str | None = None,
        accounting_group: str | None = None,
        requirements: str | None = None,
        image: str | None = None,
        same_slot: bool = False,
    ) -> None:
        for name, number, least in (("cpus", cpus, 1), ("gpus", gpus, 0)):
            if number < least:
                raise ConfigError(f"{number} is too few; give {least} or more", f"--{name}")
        if require_gpus and not gpus:
            raise ConfigError("there are no GPUs with --gpus 0", "--require_gpus")
        if runtime and job_flavour:
            raise ConfigError("this is a time limit too; leave --runtime out", "--job_flavour")
        self.cpus = cpus
        self.gpus = gpus
        self.memory = memory
        self.disk = disk
        self.runtime = seconds_of(runtime, "--runtime") if runtime else None
        self.runtime_key = runtime_key
        self.job_flavour = job_flavour
        self.project = project
        self.image = image
        self.same_slot = same_slot
        self.requirements = requirements
        self.plain = {"require_gpus": require_gpus, "accounting_group": accounting_group}

    def arguments(self) -> Mapping[str, str]:
        """Have Lightning start a process for each GPU, and the training stop before its time ends."""
        found = {
            "--trainer.devices": str(self.gpus or 1),
            "--trainer.num_nodes": "1",
            "--data.num_workers": str(self.cpus),
        }
        found |= {} if self.gpus else {"--trainer.accelerator": "cpu"}
        limit = FLAVOURS[self.job_flavour] if self.job_flavour else self.runtime
        return found if limit is None else {**found, "--time_limit": str(limit - min(MARGIN, limit // PART))}

    def render(self, job: Job) -> Mapping[str, str]:
        """Write the submit description and the script."""
        commands = {**self._commands(job), **own_words(job.options)}
        return {
            f"{job.stem}.sub": description(commands, len(job.tasks) or 1),
            f"{job.stem}.sh": script(job, self.image),
        }

    def submit(self, job: Job) -> str:
        """Call condor_submit in the folder that the paths of the description are relative to."""
        file = f"{job.folder.name}/{job.stem}.sub"
        said = call(["condor_submit", "-terse", file], job.folder.parent)
        cluster = re.match(r"\d+", said)
        if cluster is None:
            raise RunError(f"condor_submit has told no number of the job: {said}")
        return cluster[0]

    def status(self, identifier: str) -> State:
        """Read the event log; where there is none, ask the queue, and what is kept of finished jobs."""
        cluster, _, number = identifier.partition(".")
        jobs = logged(Path.cwd() / self.folder, int(cluster)) or queued(cluster)
        return together([state for i, state in jobs.items() if number in ("", str(i))])

    def cancel(self, identifier: str) -> None:
        """Call condor_rm."""
        call(["condor_rm", identifier])

    def _commands(self, job: Job) -> dict[str, str]:
        number = "-$(Process)" if job.tasks else ""
        stem = f"{job.folder.name}/{job.stem}"
        found = {"executable": f"{stem}.sh"}
        found |= {"arguments": "$(Process)"} if job.tasks else {}
        found |= {"universe": "container", "container_image": _image(self.image)} if self.image else {}
        found |= {
            "log": f"{stem}{ENDING}",
            "error": f"{stem}{number}.err",
            "MY.JobBatchName": text(job.name, "--tag"),
            "getenv": ", ".join(ENVIRONMENT),
            **self._resources(),
            **_vacating(job),
        }
        found |= {name: value for name, value in self.plain.items() if value is not None}
        found |= {"MY.MyProject": text(self.project, "--project")} if self.project else {}
        found |= {"requirements": self._requirements(job)} if self.requirements or not job.requeue else {}
        return found | self._again(job)

    def _requirements(self, job: Job) -> str:
        """Have a job that is not to be queued again find no second machine when it is taken off its first."""
        parts = ([] if job.requeue else [f"!({STARTED})"]) + (
            [self.requirements] if self.requirements else []
        )
        return parts[0] if len(parts) == 1 else " && ".join(f"({part})" for part in parts)

    def _resources(self) -> dict[str, str]:
        found = {"request_cpus": str(self.cpus)}
        found |= {"request_gpus": str(self.gpus)} if self.gpus else {}
        found["request_memory"] = size(self.memory, "--memory")
        found |= {"request_disk": size(self.disk, "--disk")} if self.disk else {}
        found |= {f"MY.{self.runtime_key}": str(self.runtime)} if self.runtime else {}
        found |= {"MY.JobFlavour": text(self.job_flavour, "--job_flavour")} if self.job_flavour else {}
        return found

    def _again(self, job: Job) -> dict[str, str]:
        """Have a job that has saved where it is run again; one that is taken off its machine does anyway."""
        if not job.requeue:
            if self.same_slot:
                raise ConfigError("give --requeue too", "--same_slot")
            return {"periodic_remove": f"{STARTED} && JobStatus == 1"}
        if job.max_restarts > MOST_RETRIES:
            raise ConfigError(f"give {MOST_RETRIES} or fewer to HTCondor", "--max_restarts")
        if self.same_slot:
            # HTCondor knows no limit here: a job that stops at once would be started for ever.
            too_many = f"CheckpointNumber >= {job.max_restarts}"
            return {"checkpoint_exit_code": str(RESUME_ME), "periodic_remove": too_many}
        return {
            "max_retries": str(job.max_restarts),
            "retry_until": f"(ExitBySignal || ExitCode =!= {RESUME_ME})",
        }


def _vacating(job: Job) -> dict[str, str]:
    """Tell the signal before a job is taken off its machine, and how long it has then."""
    if not (job.signal or job.requeue):
        return {}
    found = SIGNAL.fullmatch((job.signal or LEAD).strip().upper())
    if found is None:
        known = "USR1@SECONDS, TERM@SECONDS or INT@SECONDS"
        message = f"{job.signal!r} is not a signal that a training answers; write {known}"
        raise ConfigError(message, "--signal")
    patience = {"job_max_vacate_time": found[2]} if found[2] else {}
    return {"kill_sig": f"SIG{found[1]}", **patience}


def _image(image: str) -> str:
    """Check an image, which stands in the description without quotes."""
    if "$" in image or "\\" in image:
        raise ConfigError(f"{image!r} cannot stand in a submit description", "--image")
    return image
