"""The ranks that the first process of a training starts: one that dies ends the training, with a message."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from salt_core.errors import RunError
from salt_core.interruption import is_started_rank
from salt_core.training.record import FAILED

#: Seconds between two looks at the ranks.
INTERVAL = 0.5

#: Seconds in which the first process has to end by itself when a rank has died. It may wait for that rank
#: where no exception reaches it.
PATIENCE = 20.0

#: Seconds in which a rank whose connection is lost has to be gone.
GONE = 5.0

_LOST = re.compile(r"gloo|NCCL|TCPStore|Connection (closed|reset) by peer|Broken pipe")

Told = Callable[[str, int], None]


class RankLauncher(_SubprocessScriptLauncher):
    """Lightning's launcher of ranks, but for what happens when one of them dies.

    Lightning kills the first process then, which says nothing and leaves nothing in the run's record, or
    shows what the transport between the ranks says of it.

    Parameters
    ----------
    launcher : _SubprocessScriptLauncher
        The one whose choices are taken over; it has started nothing.
    told : callable
        Takes outcome and exit status of a run that ends at once.
    """

    def __init__(self, launcher: _SubprocessScriptLauncher, told: Told) -> None:
        super().__init__(launcher.cluster_environment, launcher.num_processes, launcher.num_nodes)
        self.told = told
        self.ranks: list[subprocess.Popen[Any]] = []
        self.over = threading.Event()

    def launch(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Start the ranks and call the function; say which rank has gone where it fails for that."""
        try:
            return super().launch(function, *args, **kwargs)
        except RuntimeError as error:
            if not _LOST.search(str(error)):
                raise
            if is_started_rank():
                raise SystemExit(1) from error  # the first process says it
            raise RunError(_said(self.ranks, error)) from error
        finally:
            self.over.set()

    def kill(self, signum: signal.Signals) -> None:  # type: ignore[override]
        """Send a signal to the ranks that still run."""
        for rank in self.ranks:
            rank.send_signal(signum)

    def _call_children_scripts(self) -> None:
        super()._call_children_scripts()
        # Lightning's own observer, which would kill this process too, has nobody to observe then.
        self.ranks, self.procs = self.procs, []
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()

    def _watch(self) -> None:
        """End this process where it has not ended by itself some time after a rank has died."""
        while not self.over.wait(INTERVAL):
            if any(rank.poll() for rank in self.ranks):
                break
        if self.over.wait(PATIENCE):
            return
        message = _said(self.ranks)
        self.told(f"{FAILED}{message}", 1)
        os.write(2, f"error: {message}\n".encode())
        self.kill(signal.SIGKILL)
        os._exit(1)  # the main thread is deep in a library; files that are staged have a guardian


def watch_ranks(trainer: Trainer, told: Told) -> None:
    """Have a trainer say which rank has died, and not wait for it.

    Parameters
    ----------
    trainer : Trainer
        One that has started nothing yet.
    told : callable
        Takes outcome and exit status of a run that ends at once.
    """
    launcher = trainer.strategy.launcher
    if type(launcher) is _SubprocessScriptLauncher:
        trainer.strategy._launcher = RankLauncher(launcher, told)


def _said(ranks: Sequence[subprocess.Popen[Any]], error: Exception | None = None) -> str:
    """Say which rank has ended, and how."""
    ended = _ended(ranks)
    if not ended:  # on another machine, or started by someone else
        return f"another rank of this training has ended, what it wrote says why: {error}"
    # One that was killed, rather than one that followed.
    number = min(ended, key=lambda one: (ended[one] > 0, one))
    who = f"rank {number} (process {ranks[number - 1].pid})"
    if ended[number] > 0:
        return f"{who} has ended with status {ended[number]}; what it said above tells why"
    by = signal.Signals(-ended[number]).name
    memory = ", as the system does where memory runs out" if by == "SIGKILL" else ""
    return f"{who} was ended by {by}{memory}; --ckpt_path last goes on from the newest checkpoint"


def _ended(ranks: Sequence[subprocess.Popen[Any]]) -> dict[int, int]:
    """Return the status of the ranks that have ended with another one than 0, by their numbers."""
    end = time.monotonic() + GONE
    while ranks and not any(rank.poll() for rank in ranks) and time.monotonic() < end:
        time.sleep(0.05)
    return {number: rank.returncode for number, rank in enumerate(ranks, start=1) if rank.poll()}
