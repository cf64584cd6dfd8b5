from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataError, JetBatch, Layout, Packed
from salt_core.nn.entries import Entries, check_weights, loss_of_entries, where_found

HOST = torch.device("cpu")


@pytest.fixture
def batch():
    tracks = Packed(torch.zeros(3, 1), Layout.of(np.array([2, 0, 1])))
    columns = {
        "jets": {"w": torch.tensor([1.0, -2.0, 0.0])},
        "tracks": {"w": torch.tensor([0.5, 0.0, torch.inf])},
    }
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": tracks}, columns, torch.tensor([70, 50, 60]))


def test_entries_are_picked_alike_from_values_and_predictions():
    wanted = torch.tensor([True, False, True])
    entries = Entries.of(wanted)
    assert entries.of_values(torch.tensor([5, 6, 7]), HOST).tolist() == [5, 7]
    assert entries.of_predictions(torch.arange(6.0).view(3, 2)).tolist() == [[0, 1], [4, 5]]


def test_entries_of_several_targets():
    entries = Entries.of(torch.tensor([[True, False], [False, True]]))
    assert entries.of_values(torch.tensor([[1, 2], [3, 4]]), HOST).tolist() == [1, 4]
    assert entries.of_predictions(torch.arange(4.0).view(2, 2, 1), 2).tolist() == [[0], [3]]


def test_all_entries_need_no_indices():
    entries = Entries.of(torch.tensor([True, True]))
    assert entries.rows is None
    assert entries.of_values(torch.tensor([5, 6]), HOST).tolist() == [5, 6]


@pytest.mark.parametrize(("name", "entry", "row"), [("jets", 1, 50), ("tracks", 2, 60), ("tracks", 0, 70)])
def test_the_row_of_an_entry_is_that_of_its_jet(batch, name, entry, row):
    bad = torch.zeros(3, dtype=torch.bool)
    bad[entry] = True
    assert where_found(bad, batch, name) == f"1 entry in this batch, in row {row} of the file"


@pytest.mark.parametrize(("name", "shown"), [("jets", "-2"), ("tracks", "inf")])
def test_what_is_no_weight_is_named(batch, name, shown):
    with pytest.raises(DataError, match=rf"weight {name}/w holds {shown} \(1 entry"):
        check_weights(batch, name, "w")


def test_the_loss_is_the_weighted_mean_or_what_the_loss_has_made_of_it():
    values, weights = torch.tensor([1.0, 4.0]), torch.tensor([3.0, 1.0])
    assert loss_of_entries(values, weights).item() == pytest.approx(1.75)
    assert loss_of_entries(values, None).item() == pytest.approx(2.5)
    assert loss_of_entries(torch.tensor(7.0), None).item() == 7
    with pytest.raises(ConfigError, match="must give one value per entry"):
        loss_of_entries(torch.tensor(7.0), weights)


def test_several_entries_are_counted(batch):
    bad = torch.tensor([False, True, True])
    assert where_found(bad, batch, "jets") == "2 entries in this batch, the first in row 50 of the file"
