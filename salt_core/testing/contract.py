"""A contract is a list of clauses: each is tried by itself, and those that are broken are told together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from salt_core.errors import SaltError
from salt_core.registry.faults import reason_of

#: Folders of code that calls plugins; where an error passes through it, the plugin's line is told.
CALLERS = (Path(__file__).parent, Path(nn.modules.__file__).parent)


class Breach(AssertionError):  # noqa: N818 - a failed assertion
    """A plugin does not keep to the contract of its kind.

    Parameters
    ----------
    part : str
        The class of the plugin.
    clauses : list of str
        The clauses that are broken, and what was seen of each.
    """

    def __init__(self, part: str, clauses: list[str]) -> None:
        lines = [f"  - {clause}" for clause in clauses]
        super().__init__("\n".join([f"{part} breaks its contract:", *lines]))
        self.clauses = clauses


class Seen(Exception):  # noqa: N818 - what was seen, not what went wrong
    """What was seen where a clause is broken."""


class Contract:
    """Notes which clauses a plugin breaks.

    Parameters
    ----------
    part : object
        The plugin; its class is named in the message.
    """

    def __init__(self, part: object) -> None:
        self._name = type(part).__name__
        self._broken: list[str] = []

    @contextmanager
    def clause(self, text: str, needed: bool = False) -> Iterator[None]:
        """Try one clause: whatever is raised inside is noted, and the next one is tried.

        Parameters
        ----------
        text : str
            What the plugin promises.
        needed : bool, optional
            Whether nothing else can be tried without it: then a breach is raised at once.

        Raises
        ------
        Breach
            Where the clause is needed and broken.
        """
        try:
            yield
        except Exception as error:  # a plugin may raise anything
            self._broken.append(f"{text}: {_told(error)}")
            if needed:
                raise Breach(self._name, self._broken) from error

    def conclude(self) -> None:
        """Raise what was noted.

        Raises
        ------
        Breach
            Where a clause is broken.
        """
        if self._broken:
            raise Breach(self._name, self._broken)


def require(holds: bool, seen: str) -> None:
    """Break the clause that is tried, with what was seen, unless it `holds`."""
    if not holds:
        raise Seen(seen)


def _told(error: Exception) -> str:
    if isinstance(error, Seen):
        return str(error)
    said = f"{type(error).__name__}: {error}" if isinstance(error, SaltError) else reason_of(error, CALLERS)
    return f"it raised {said}"
