"""What a look at a training has found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from salt_core.config.merge import KeyPath
from salt_core.errors import ConfigError, DataError, Faults, RunError, SaltError

KINDS: tuple[tuple[type[SaltError], str], ...] = (
    (ConfigError, "configuration"),
    (DataError, "data"),
    (RunError, "run"),
)


class Unforeseen(RunError):  # noqa: N818 - as the exit message says
    """An exception of a plugin, or of ours, that is no message for users."""


@dataclass
class Report:
    """Problems, what could not be looked at for their sake, and what was.

    Parameters
    ----------
    problems : list of SaltError
        Each of them once, in the order of the look.
    mended : list of key path
        What was replaced in the configuration to look further; problems there are consequences.
    skipped : list of str
        What was not looked at, and why.
    notes : list of str
        What is no problem but worth a word.
    seen : dict of str to str
        What was looked at, by a word for it.
    """

    problems: list[SaltError] = field(default_factory=list)
    mended: list[KeyPath] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def add(self, error: SaltError) -> None:
        """Note a problem, unless it is known or follows from another one."""
        for one in singles(error):
            known = str(one) in map(str, self.problems)
            if not known and not self._follows(one):
                self.problems.append(one)

    @contextmanager
    def collecting(self, where: str = "", what: str = "a look") -> Iterator[None]:
        """Note the problem that is raised inside, one too that nobody foresaw.

        Parameters
        ----------
        where : str, optional
            The key path that an unforeseen problem is told with.
        what : str, optional
            What fails then.
        """
        try:
            yield
        except SaltError as error:
            self.add(error)
        except Exception as error:
            message = f"{what} fails, in a plugin or in salt: {type(error).__name__}: {error}"
            unforeseen = Unforeseen(message, where)
            unforeseen.__cause__ = error
            self.add(unforeseen)

    def text(self) -> str:
        """Say the problems, one a line, and what was skipped."""
        number = len(self.problems)
        lines = [f"{number} problem{'s' if number > 1 else ''}:", *(f"  - {one}" for one in self.problems)]
        return "\n".join([*lines, *(f"  not looked at: {text}" for text in self.skipped)])

    def summary(self) -> str:
        """Say what was looked at, and the notes."""
        width = max(map(len, self.seen), default=0)
        lines = [f"  {word:<{width}}  {text}" for word, text in self.seen.items()]
        return "\n".join(["No problem was found.", *lines, *(f"note: {text}" for text in self.notes)])

    def to_plain(self) -> list[dict[str, Any]]:
        """Return the problems for other programs."""
        return [{"where": one.where, "message": one.message, "kind": _kind(one)} for one in self.problems]

    def _follows(self, error: SaltError) -> bool:
        path = key_path(error)
        return any(path[: len(place)] == place for place in self.mended)


def singles(error: SaltError) -> tuple[SaltError, ...]:
    """Return the errors that one consists of."""
    return error.errors if isinstance(error, Faults) else (error,)


def key_path(error: SaltError) -> KeyPath:
    """Return the place in the configuration that an error names; empty where it names none.

    Examples
    --------
    >>> key_path(SaltError("must be int", "--model.encoder.num_layers"))
    ('model', 'encoder', 'num_layers')
    >>> key_path(SaltError("2 class weights", "model.tasks.flavour (a.yaml), loss"))
    ('model', 'tasks', 'flavour')
    """
    text = error.where.removeprefix("--")
    for end in (", ", " (", " or ", ":"):
        text = text.partition(end)[0]
    return tuple(int(key) if key.isdecimal() else key for key in text.split(".") if key)


def _kind(error: SaltError) -> str:
    if isinstance(error, Unforeseen):
        return "unforeseen"
    return next((kind for cls, kind in KINDS if isinstance(error, cls)), "run")
