"""Who asks for a column, told where the column is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from salt_core.data.derived import Columns, Derived
from salt_core.data.hdf5 import MissingColumn
from salt_core.errors import Faults, SaltError, raise_all


class Askers:
    """The parts of a model that ask for raw columns.

    Parameters
    ----------
    columns : mapping of str to mapping of str to sequence of str
        What each of them asks for, by the part's key path and by object.
    derived : Derived
        Tells which columns of files the others are made of.
    """

    def __init__(self, columns: Mapping[str, Columns], derived: Derived) -> None:
        self._in_files = {where: derived.in_files(part) for where, part in columns.items()}

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name those who ask for a column in the errors that tell that it is missing."""
        try:
            yield
        except SaltError as error:
            errors = error.errors if isinstance(error, Faults) else (error,)
            raise_all([self._with_askers(one) for one in errors])

    def _with_askers(self, error: SaltError) -> SaltError:
        if not isinstance(error, MissingColumn):
            return error
        name, column = error.key
        return error.asked_by(
            [where for where, part in self._in_files.items() if column in part.get(name, ())]
        )
