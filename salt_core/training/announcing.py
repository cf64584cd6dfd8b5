"""Plugins are told when a run starts, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salt_core.interfaces.run import Ending, Outcome, Run
from salt_core.registry.events import Listener, tell
from salt_core.training.provenance import command_line


class Announcer:
    """Tells the listeners among the plugins of one run.

    Parameters
    ----------
    listeners : sequence of Listener
        Who is told.
    name : str
        The model's name.
    parent : Path, optional
        The run directory that it goes on from.
    """

    def __init__(self, listeners: Sequence[Listener], name: str, parent: Path | None) -> None:
        self.listeners = listeners
        self.name = name
        self.parent = parent
        self._run: Run | None = None

    def started(self, directory: Path) -> None:
        """Tell that the run has started."""
        self._run = Run(directory, self.name, command_line(), self.parent)
        tell(self.listeners, "salt_run_started", run=self._run)

    def ended(self, ending: Ending, status: int, message: str) -> None:
        """Tell once how the run has ended; the message counts where it has failed."""
        run, self._run = self._run, None
        if run is not None:
            outcome = Outcome(ending, status, message if ending == "failed" else "")
            tell(self.listeners, "salt_run_ended", run=run, outcome=outcome)
