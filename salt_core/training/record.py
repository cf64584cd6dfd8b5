"""What ``metadata.yaml`` says of a run: how it started, how it ended, and how it went on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salt_core.config.yaml import dump_yaml, load_yaml
from salt_core.errors import SaltError
from salt_core.files import write_whole
from salt_core.interfaces.run import Ending
from salt_core.interruption import INTERRUPTED, RESUME_ME, TERMINATED
from salt_core.training.announcing import Announcer
from salt_core.training.checkpoints import FOLDER
from salt_core.training.provenance import now
from salt_core.training.run_files import METADATA_NAME

FINISHED, INTERRUPTED_RUN, RESUMABLE = "finished", "interrupted", "interrupted: resumable"
FAILED = "failed: "
#: Said of every part of a run, even where it is as in the first.
_OF_EACH = ("started", "ended", "outcome", "exit_status", "command", "host", "resumed_from")
_MESSAGE_LIMIT = 1000


class RunRecord:
    """Writes ``metadata.yaml`` when a run starts and when it ends, on rank 0.

    A run that was killed has no end in it. A run that goes on in its directory keeps what is there and
    appends to ``continued``, of what was said at the start only what is different.

    Parameters
    ----------
    announcer : Announcer, optional
        Tells plugins too.
    """

    def __init__(self, announcer: Announcer | None = None) -> None:
        self._announcer = announcer
        self._path: Path | None = None
        self._told: dict[str, Any] = {}
        self._part: dict[str, Any] = {}

    def start(self, directory: Path, facts: Mapping[str, Any]) -> None:
        """Write how the run starts, or goes on.

        Raises
        ------
        ConfigError
            Where the file is there and is not what an earlier part of the run has written.
        """
        path = directory / METADATA_NAME
        open_end = {"started": now(), "ended": None, "outcome": None, "exit_status": None}
        self._part = open_end | dict(facts)
        self._told = self._part
        if path.exists():
            self._told = load_yaml(path)
            self._part = self._of_continuation()
            self._told.setdefault("continued", []).append(self._part)
        self._path = path
        self._write()
        if self._announcer is not None:
            self._announcer.started(directory)

    def end(self, outcome: str, status: int) -> None:
        """Write how the run has ended, if it has started."""
        if self._path is not None:
            self._part |= {"ended": now(), "outcome": outcome, "exit_status": status}
            self._write()
            if self._announcer is not None:
                self._announcer.ended(_ending_of(outcome), status, outcome.removeprefix(FAILED))

    @contextmanager
    def until_the_end(self) -> Iterator[None]:
        """Write how the run has ended when the context is left, whatever the reason."""
        try:
            yield
        except BaseException as error:
            self.end(*self._read(error))
            raise
        self.end(FINISHED, 0)

    def _of_continuation(self) -> dict[str, Any]:
        """Return what is said of this part of the run."""
        parent = self._part.pop("parent", None)
        start = parent and {key: parent[key] for key in ("checkpoint", "epoch", "step")}
        facts = self._part | {"resumed_from": start}
        return {key: facts[key] for key in facts if key in _OF_EACH or self._told.get(key) != facts[key]}

    def _read(self, error: BaseException) -> tuple[str, int]:
        """Return outcome and exit status of a run that an exception has ended."""
        status = _status_of(error)
        if status in (RESUME_ME, INTERRUPTED, TERMINATED):
            return (RESUMABLE if self._has_checkpoint() else INTERRUPTED_RUN), status
        message = " ".join(f"{error}".split()) or type(error).__name__
        if not isinstance(error, SaltError) and str(error):
            message = f"{type(error).__name__}: {message}"
        return f"{FAILED}{message[:_MESSAGE_LIMIT]}", status

    def _has_checkpoint(self) -> bool:
        return self._path is not None and any((self._path.parent / FOLDER).glob("*.ckpt"))

    def _write(self) -> None:
        assert self._path is not None
        write_whole(self._path, dump_yaml(self._told))


def commits_of(run: Path) -> str:
    """Tell the commits that a run was made of, with ``*`` for one with changes; empty where nothing tells them.

    Raises
    ------
    SaltError
        Where ``metadata.yaml`` cannot be read.
    """
    path = run / METADATA_NAME
    repositories = load_yaml(path).get("repositories") if path.is_file() else None
    if not isinstance(repositories, Mapping):
        return ""
    return ", ".join(
        f"{Path(name).name} {facts['commit']}{'*' if facts.get('dirty') else ''}"
        for name, facts in repositories.items()
        if isinstance(facts, Mapping) and facts.get("commit")
    )


def _ending_of(outcome: str) -> Ending:
    if outcome == FINISHED:
        return "finished"
    if outcome.startswith(FAILED):
        return "failed"
    return "resumable" if outcome == RESUMABLE else "interrupted"


def _status_of(error: BaseException) -> int:
    if isinstance(error, SaltError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 1
