"""Trainings in processes of their own that get a signal at a chosen moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import pytest
import yaml
from processes import session_of

ROOT = Path(__file__).parents[2]

DYING = '''
"""Sends its own process a signal at a moment of a training."""

import importlib
import os
import signal
import time
from pathlib import Path

from lightning.pytorch import Callback

from salt_core import hookimpl


def die():
    number = getattr(signal, os.environ.get("DIE_BY", "SIGKILL"))
    for _ in range(int(os.environ.get("DIE_TIMES", "1"))):
        if os.environ.get("DIE_GROUP"):
            os.killpg(0, number)
        else:
            os.kill(os.getpid(), number)
        time.sleep(0.01)


if os.environ.get("DIE_AT", "").startswith("call:"):
    _, path, name = os.environ["DIE_AT"].split(":")
    module = importlib.import_module(path)
    function = getattr(module, name)

    def dying(*words):
        Path("reached.0").touch()
        die()
        return function(*words)

    setattr(module, name, dying)


if os.environ.get("DIE_AT", "").startswith("writing:"):
    from salt_core import files

    sync = files.sync_one

    def dying_sync(path):
        """Die with a file written, but not yet on the disk nor under its name."""
        if path.name.startswith("." + os.environ["DIE_AT"].partition(":")[2]):
            Path("reached.0").touch()
            die()
        sync(path)

    files.sync_one = dying_sync


class Dying(Callback):
    """Reads ``DIE_AT``, such as ``step_end:7``, ``DIE_BY``, and the rank ``DIE_ON``."""

    def _reached(self, trainer, moment, sanity=False):
        here = os.environ.get("DIE_ON", "0") == str(trainer.global_rank)
        if here and trainer.sanity_checking is sanity and os.environ.get("DIE_AT") == moment:
            Path(f"reached.{trainer.global_rank}").touch()
            die()

    def on_sanity_check_start(self, trainer, module):
        self._reached(trainer, "sanity", sanity=True)

    def on_train_epoch_start(self, trainer, module):
        self._reached(trainer, f"epoch_start:{trainer.current_epoch}")

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self._reached(trainer, f"batch_start:{trainer.current_epoch}.{batch_idx}")

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self._reached(trainer, f"batch_end:{trainer.current_epoch}.{batch_idx}")
        self._reached(trainer, f"step_end:{trainer.global_step}")

    def on_validation_batch_start(self, trainer, module, batch, batch_idx, dataloader_idx=0):
        self._reached(trainer, f"validation:{trainer.current_epoch}.{batch_idx}")

    def on_test_batch_end(self, trainer, module, outputs, batch, batch_idx, dataloader_idx=0):
        self._reached(trainer, f"test:{batch_idx}")

    def on_train_epoch_end(self, trainer, module):
        self._reached(trainer, f"epoch_end:{trainer.current_epoch}")


@hookimpl
def salt_callbacks():
    return {"dying": Dying}
'''

# Forked from a process that has everything imported, which saves seconds each time.
RUN = """
import atexit, multiprocessing, os, signal, sys
os.setsid()
multiprocessing.set_start_method("fork", force=True)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
for stream, name in ((1, out), (2, err)):
    os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
os.chdir(folder)
os.environ.update(environment)
sys.argv = ["salt", *words]
import torch
torch.set_num_threads(1)
from salt_core.cli import main
status = main(words)
atexit._run_exitfuncs()  # as at the end of any program, where Python waits for processes
sys.stdout.flush(), sys.stderr.flush()
os._exit(status)
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    code : int
        The exit code; negative for a signal.
    err : str
        What it wrote to standard error.
    pid : int
        What it was called, and its session.
    """

    code: int
    err: str
    pid: int


@pytest.fixture(scope="session")
def fork_context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["salt_core.training.flow", "salt_core.evaluation.flow"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()
    return context


@pytest.fixture
def forked(sample, fork_context, tmp_path_factory) -> Callable[..., Ended]:
    """Run ``salt`` in a process of its own, forked from one that has everything imported."""
    folder = tmp_path_factory.mktemp("streams")

    def run(*words: object, timeout: float = 100, **environment: str) -> Ended:
        places = {key: os.environ[key] for key in ("SALT_CACHE_DIR", "SALT_STATE_DIR")}
        names = {
            "out": str(folder / "out"),
            "err": str(folder / "err"),
            "folder": str(sample.folder),
            "words": [str(word) for word in words],
            "environment": places | environment,
        }
        process = fork_context.Process(target=exec, args=(RUN, names))
        process.start()
        process.join(timeout)
        err = (folder / "err").read_text() if (folder / "err").exists() else ""
        if process.exitcode is None:
            process.kill()
            pytest.fail(f"still running after {timeout} s: {err}")
        return Ended(process.exitcode, err, process.pid)

    return run


@pytest.fixture
def started(sample) -> Callable[..., subprocess.Popen[str]]:
    """Start ``salt`` as a shell does, in a session of its own; what is still running at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: object, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "salt_core", *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
            cwd=sample.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        for pid in session_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def empty_session() -> Callable[[int], None]:
    """Check that no process of a session is left."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")

    def check(pid: int, seconds: float = 5) -> None:
        end = time.monotonic() + seconds
        while left := session_of(pid):
            commands = [Path(f"/proc/{one}/cmdline") for one in left]
            assert time.monotonic() < end, [c.read_text().replace("\0", " ") for c in commands if c.exists()]
            time.sleep(0.02)

    return check


@pytest.fixture
def dying(sample) -> Sequence[object]:
    """The words of a training of three epochs of five steps with dropout, which dies where it is told to.

    A checkpoint is written at every step.
    """
    (sample.folder / "dying.py").write_text(DYING)
    callbacks = {"dying": "dying", "checkpoint": {"every_n_minutes": 1e-9}}
    config = {
        "plugins": ["./dying.py"],
        "model": {"encoder": {"dropout": 0.1}},
        "trainer": {"max_epochs": 3, "callbacks": callbacks},
    }
    path = sample.folder / "dying.yaml"
    path.write_text(yaml.safe_dump(config))
    return ("--config", sample.config, "--config", path, "-f")
