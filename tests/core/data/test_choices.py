"""What is wrong with the options of the data before a file is opened."""

from __future__ import annotations

import pytest

from salt_core.data.choices import unknown_objects, wrong_names, wrong_numbers

ALL = {"train": -1, "val": -1, "test": -1}
OBJECTS = ("jets", "tracks")


def told(faults) -> list[str]:
    return [str(fault) for fault in faults]


@pytest.mark.parametrize("workers", ["auto", 0, 3])
def test_numbers_that_can_be(workers):
    assert told(wrong_numbers(1, workers, ALL | {"train": 1})) == []


def test_numbers_that_are_none_are_told_together():
    assert told(wrong_numbers(0, -1, {"train": 0, "val": -2, "test": -1})) == [
        "data.batch_size: 0 is not a number of jets; give 1 or more",
        "data.num_workers: -1 is not a number of processes",
        "data.num_train: 0 is not a number of jets; give 1 or more, or -1 for all",
        "data.num_val: -2 is not a number of jets; give 1 or more, or -1 for all",
    ]


def test_options_of_objects_that_there_are_not():
    given = {"num_inputs": {"tracks": 5, "track": 5}, "selections": {"jets": []}}
    assert told(wrong_names(OBJECTS, given)) == [
        "data.num_inputs: no input is called 'track'; did you mean 'tracks'? Choices: jets, tracks"
    ]


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_that_are_none(name):
    (fault,) = told(wrong_names((*OBJECTS, name), {}))
    assert fault.startswith(f"data.variables: {name!r} cannot name an object; ")


def test_columns_of_objects_that_there_are_not():
    columns = {"model.encoder": {"jets": ()}, "model.tasks.origin": {"track": ("origin",), "tracks": ()}}
    assert told(unknown_objects(columns, OBJECTS)) == [
        "model.tasks.origin: columns of 'track' are needed, but data.variables has no such object; "
        "did you mean 'tracks'? Choices: jets, tracks"
    ]
