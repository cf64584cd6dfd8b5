"""What is wrong with the options of the data, as far as it shows before any file is opened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from salt_core.data.request import Sample
from salt_core.errors import ConfigError, suggest


def wrong_numbers(
    batch_size: int, num_workers: int | Literal["auto"], num_jets: Mapping[Sample, int]
) -> Iterator[ConfigError]:
    """Say which numbers of jets or processes are none."""
    if batch_size < 1:
        yield ConfigError(f"{batch_size} is not a number of jets; give 1 or more", "data.batch_size")
    if num_workers != "auto" and num_workers < 0:
        yield ConfigError(f"{num_workers} is not a number of processes", "data.num_workers")
    for sample, number in num_jets.items():
        if number == 0 or number < -1:
            message = f"{number} is not a number of jets; give 1 or more, or -1 for all"
            yield ConfigError(message, f"data.num_{sample}")


def wrong_names(
    objects: Collection[str], by_object: Mapping[str, Mapping[str, object]]
) -> Iterator[ConfigError]:
    """Say which objects cannot be called so, and which options `by_object` name one that there is not.

    Parameters
    ----------
    objects : collection of str
        Names of the global object and of the streams.
    by_object : mapping of str to mapping of str to object
        What options say of objects, by the option's name.
    """
    for name in objects:
        if not name or "." in name:
            hint = "leave dots out, data.input_map says what its dataset is called"
            yield ConfigError(f"{name!r} cannot name an object; {hint}", "data.variables")
    for option, given in by_object.items():
        for name in given:
            if name not in objects:
                yield ConfigError(f"no input is called {name!r}; {suggest(name, objects)}", f"data.{option}")


def unknown_objects(
    columns: Mapping[str, Mapping[str, object]], objects: Collection[str]
) -> Iterator[ConfigError]:
    """Say which parts of the model need columns of an object that there is not.

    Parameters
    ----------
    columns : mapping of str to mapping of str to object
        Columns that are needed, by the part's key path and by object.
    objects : collection of str
        Names of the global object and of the streams.
    """
    for where, part in columns.items():
        for name in part:
            if name not in objects:
                hint = suggest(name, objects)
                message = f"columns of {name!r} are needed, but data.variables has no such object; {hint}"
                yield ConfigError(message, where)
