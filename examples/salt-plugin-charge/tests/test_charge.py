"""The charge of jets is that of the formula."""

import numpy as np
import torch
from salt_core import Layout

from salt_plugin_charge.charge import jet_charge

LAYOUT = Layout.of(np.array([0, 1, 2]))
SIGNS = torch.tensor([-0.1, 0.2, -0.3])
TRACKS = torch.tensor([4.0, 9.0, 16.0])
JETS = torch.tensor([10.0, 16.0, 25.0])


def test_charges_are_weighted_by_momenta() -> None:
    charges = jet_charge(SIGNS, TRACKS, JETS, LAYOUT, kappa=0.5)
    torch.testing.assert_close(charges, torch.tensor([0.0, -2 / 4, (3 - 4) / 5]))


def test_power_0_counts_charges() -> None:
    assert jet_charge(SIGNS, TRACKS, JETS, LAYOUT, kappa=0.0).tolist() == [0, -1, 0]


def test_units_do_not_matter() -> None:
    charges = [jet_charge(SIGNS, unit * TRACKS, unit * JETS, LAYOUT, kappa=0.3) for unit in (1, 1000)]
    torch.testing.assert_close(*charges)
