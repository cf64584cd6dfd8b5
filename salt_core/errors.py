"""What goes wrong for users: every mistake is one message, with a place, a value and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager


class SaltError(Exception):
    """A failure that a user can act on; the command line shows its text and no traceback.

    Parameters
    ----------
    message : str
        What is wrong, the value, and what is allowed.
    where : str, optional
        The YAML key path, file or both that the message is about.
    """

    exit_code = 1

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message, where)
        self.message = message
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class ConfigError(SaltError):
    """A mistake in a configuration file or a flag, found before anything runs."""

    exit_code = 2


class DataError(SaltError):
    """A data file whose content cannot be used: truncated, not finite, labels out of range."""


class RunError(SaltError):
    """A run that started and cannot go on, such as a loss that is not a number."""


class Faults(ConfigError):  # noqa: N818 - the errors are inside
    """Several errors, told together; most often those of a configuration.

    Parameters
    ----------
    errors : sequence of SaltError
        The single faults, in the order of the configuration or the files.
    """

    def __init__(self, errors: Sequence[SaltError]) -> None:
        self.errors = tuple(errors)
        self.exit_code = max(error.exit_code for error in errors)
        what = "mistakes in the configuration" if self.exit_code == ConfigError.exit_code else "faults"
        lines = [f"  - {error}" for error in errors]
        super().__init__("\n".join([f"{len(errors)} {what}:", *lines]))


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put `where` in front of the place that an error raised inside names.

    Parameters
    ----------
    where : str
        A YAML key path such as ``model.tasks.track_origin``.
    """
    try:
        yield
    except SaltError as error:
        if not isinstance(error, Faults) and not error.where.startswith(where):
            error.where = f"{where}, {error.where}" if error.where else where
        raise


@contextmanager
def refused(where: str) -> Iterator[None]:
    """Put `where` in front of an error, and make a mistake in the options of what numpy or torch refuse.

    Parameters
    ----------
    where : str
        The YAML key path of the part that is made inside.
    """
    with located(where):
        try:
            yield
        except (ValueError, TypeError, ArithmeticError, RuntimeError, KeyError) as error:
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise ConfigError(f"cannot be made with these options: {reason}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, which others' errors may have many of, or none."""
    return next(iter(str(error).splitlines()), "")


def raise_all(errors: Sequence[SaltError]) -> None:
    """Raise nothing, the one error, or all of them as one `Faults`; each is told once."""
    single = [one for error in errors for one in (error.errors if isinstance(error, Faults) else (error,))]
    distinct = list({str(error): error for error in single}.values())
    if len(distinct) == 1:
        raise distinct[0]
    if distinct:
        raise Faults(distinct)


def run_all(*checks: Callable[[], object]) -> None:
    """Run every check, and raise what they raised together."""
    errors: list[SaltError] = []
    for check in checks:
        try:
            check()
        except SaltError as error:
            errors.append(error)
    raise_all(errors)


def suggest(name: str, choices: Iterable[str]) -> str:
    """Say which of `choices` lie close to `name`, and list them all.

    Returns
    -------
    str
        Such as ``did you mean 'gn2'? Choices: deepsets, gn2``.
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    return f"{hint}Choices: {', '.join(known) if known else 'none'}"
