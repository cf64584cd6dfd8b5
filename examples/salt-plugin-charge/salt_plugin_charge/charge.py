"""The charge of jets, from the charges and momenta of their tracks."""

import torch
from salt_core import Layout
from torch import Tensor


def jet_charge(q_over_p: Tensor, track_pt: Tensor, jet_pt: Tensor, layout: Layout, kappa: float) -> Tensor:
    """Sum the charges of each jet's tracks, weighted by their transverse momentum.

    ``Q = sum_i q_i pt_i^kappa / pt_jet^kappa``, as in Krohn, Schwartz, Lin and Waalewijn, Jet Charge at the
    LHC, Phys. Rev. Lett. 110 (2013) 212001.

    Parameters
    ----------
    q_over_p : Tensor
        Charge over momentum of each track (N,); only the sign is used.
    track_pt : Tensor
        Transverse momentum of each track (N,), in the unit of `jet_pt`.
    jet_pt : Tensor
        Transverse momentum of each jet (B,), above 0.
    layout : Layout
        Which tracks belong to which jet.
    kappa : float
        Power of the momenta: 0 counts charges, and larger values listen to the hardest tracks.

    Returns
    -------
    Tensor
        In units of the elementary charge (B,); 0 for a jet without tracks.
    """
    weighted = q_over_p.sign() * track_pt**kappa
    sums = torch.zeros_like(jet_pt).index_add(0, layout.jet_index, weighted)
    return sums / jet_pt**kappa
