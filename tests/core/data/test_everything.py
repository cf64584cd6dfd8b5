"""Which columns of a file are all of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_core.data.everything import everything
from salt_core.errors import ConfigError


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "jets.h5"
    slots = [("d0", "f2"), ("valid", "?")]
    with h5py.File(path, "w") as made:
        made["jets"] = np.zeros(3, [("pt", "f4"), ("event", "i8"), ("name", "S4")])
        made["tracks"] = np.zeros((3, 5), slots)
        made["short"] = np.zeros((2, 5), slots)
        made["no_flag"] = np.zeros((3, 5), [("d0", "f2")])
        made["plain"] = np.zeros(3)
    return path


def test_every_column_of_numbers_of_jets_and_streams_is_taken_as_it_is(file):
    found = everything(file, "jets")
    assert found.global_object == "jets"
    assert found.columns == {"jets": ("pt", "event"), "tracks": ("d0",)}
    assert found.variables == {"jets": (), "tracks": ()}
    assert found.datasets == {"jets": "jets", "tracks": "tracks"}


@pytest.mark.parametrize(("name", "hint"), [("jet", "did you mean 'jets'"), ("tracks", "Choices: jets")])
def test_without_such_an_object_the_tables_with_a_row_per_jet_are_told(file, name, hint):
    with pytest.raises(ConfigError, match=rf"--global_object: .* no dataset '{name}' .*{hint}"):
        everything(file, name)
