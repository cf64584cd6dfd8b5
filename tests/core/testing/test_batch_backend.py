"""`check_batch_backend` sees each clause that is broken."""

from __future__ import annotations

import shlex
import time
from typing import ClassVar

import pytest

from salt_core import BatchBackend
from salt_core.interfaces.batch import State
from salt_core.testing import check_batch_backend


class Right(BatchBackend):
    """A scheduler that takes scripts."""

    def __init__(self, queue: str = "gpu") -> None:
        self.queue = queue

    def render(self, job):
        options = [f"#Q {name}={value}" for name, value in {"restarts": job.requeue, **job.options}.items()]
        commands = [self.join((*job.command, *words)) for words in job.tasks or [()]]
        lines = ["#!/bin/bash", f"#Q log={job.log}", *options, *commands]
        return {f"{job.stem}.sh": "\n".join(lines)}

    def join(self, words):
        return shlex.join(words)

    def submit(self, job):
        return "1"

    def status(self, identifier):
        return State("done")

    def cancel(self, identifier):
        pass


class WrongVerb(Right):
    def cancel(self):
        pass


class Elsewhere(Right):
    folder = "/scratch/jobs"


class NoOption(Right):
    short: ClassVar = {"partition": "-p"}


class LongForm(Right):
    short: ClassVar = {"queue": "--q"}


class OneText(Right):
    def render(self, job):
        return "#!/bin/bash"


class OtherName(Right):
    def render(self, job):
        return {"job.sh": "".join(super().render(job).values())}


class Clock(Right):
    def render(self, job):
        return {f"{job.stem}.sh": f"{super().render(job)} # {time.perf_counter_ns()}"}


class Writes(Right):
    def render(self, job):
        job.folder.mkdir(exist_ok=True)
        return super().render(job)


class SameLog(Right):
    def render(self, job):
        return {
            f"{job.stem}.sh"[:6] + "_1.sh": text.replace(job.stem, "")
            for text in super().render(job).values()
        }


class Unquoted(Right):
    def join(self, words):
        return " ".join(words)


class NoArray(Right):
    def render(self, job):
        return {f"{job.stem}.sh": f"#Q log={job.log} {job.options} {job.requeue}\n{shlex.join(job.command)}"}


class NeverAgain(Right):
    def render(self, job):
        return {
            name: text.replace("restarts=True", "restarts=False")
            for name, text in super().render(job).items()
        }


class NoOptions(Right):
    def render(self, job):
        return {name: text.replace("#Q priority=37", "") for name, text in super().render(job).items()}


class FlagsAreNumbers(Right):
    def arguments(self):
        return {"trainer.devices": 4}


@pytest.mark.parametrize(
    ("backend", "clause", "seen"),
    [
        (WrongVerb(), "it has the verbs", "cancel takes nothing, not identifier"),
        (Elsewhere(), "folder is the name of a folder", "it is /scratch/jobs"),
        (NoOption(), "short maps options", "there is no option 'partition'; options: queue"),
        (LongForm(), "short maps options", "that of queue is '--q'"),
        (OneText(), "render gives the text of its files by name", "it gives '#!/bin/bash'"),
        (
            OtherName(),
            "render gives the text of its files by name",
            "'job.sh' does not begin with the job's stem",
        ),
        (Clock(), "render is a pure function", "tagger_1.sh is another text the second time"),
        (Writes(), "render touches nothing", "it has made my jobs"),
        (SameLog(), "another log is written for another job", "two jobs have the same files"),
        (Unquoted(), "quoted for the shell", "is in no file as a word"),
        (NoArray(), "an array is written with the words of each task", "'--seed_everything' is in no file"),
        (NeverAgain(), "a job that is to be queued again", "requeue changes nothing"),
        (NoOptions(), "the scheduler's own options", "an option of the user is left out"),
        (FlagsAreNumbers(), "arguments gives flags", "it gives {'trainer.devices': 4}"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BatchBackend) else "",
)
def test_a_broken_clause_is_told(backend, clause, seen, broken):
    clauses = broken(lambda: check_batch_backend(backend))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_one_passes():
    check_batch_backend(Right())
