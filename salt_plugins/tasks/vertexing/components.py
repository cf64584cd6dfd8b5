"""From scores of pairs to vertices: the connected components of each jet."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_core import Layout
from salt_plugins.tasks.vertexing.pairs import from_off_diagonal

#: In an exported model, constituents share a vertex where at most 2 to the power of this connections join them.
DOUBLINGS = 10

#: A number that no constituent has.
BEYOND = 2**31 - 1


def vertices_of(logits: Tensor, layout: Layout) -> Tensor:
    """Count the vertices of each jet, and tell each constituent its own.

    Two constituents are connected where the mean of their two logits is above 0, and share a vertex
    where a chain of connections joins them.

    Parameters
    ----------
    logits : Tensor
        One per ordered pair (P,), as the pair net gives them.
    layout : Layout
        How the N constituents divide into jets.

    Returns
    -------
    Tensor
        Vertex of each constituent (N,), int32, counted from 0 in each jet.
    """
    if layout.single:
        return _vertices_of_one_jet(logits, layout)
    runs = layout.runs
    numbers = [
        _components(from_off_diagonal(part.unflatten(0, (jets, -1)), length)).flatten()
        if length > 1
        else part.new_zeros(jets, dtype=torch.int32)
        for (jets, length), part in zip(
            runs.shapes, logits.split([c * n * (n - 1) for c, n in runs.shapes]), strict=True
        )
    ]
    if not numbers:
        return logits.new_zeros(0, dtype=torch.int32)
    found = torch.cat(numbers)
    return found if runs.order is None else torch.empty_like(found).index_copy(0, runs.order, found)


def _components(scores: Tensor) -> Tensor:
    """Return component numbers (c, l) of the graphs of pair scores (c, l, l)."""
    length = scores.shape[1]
    slots = torch.arange(length, device=scores.device)
    connected = (scores + scores.transpose(1, 2)) > 0
    connected |= torch.eye(length, dtype=torch.bool, device=scores.device)
    lowest = slots.expand(scores.shape[0], length)
    while True:
        neighbours = torch.where(connected, lowest.unsqueeze(1), length).amin(2)
        if torch.equal(neighbours, lowest):
            break
        lowest = neighbours
    numbers = (lowest == slots).cumsum(1) - 1
    return numbers.gather(1, lowest).to(torch.int32)


def _vertices_of_one_jet(logits: Tensor, layout: Layout) -> Tensor:
    """Do the same for a jet of any number of constituents, by operations that a graph can hold."""
    length, slots = layout.lengths, layout.slot
    i, j = slots.unsqueeze(1), slots.unsqueeze(0)
    # A zero behind the last pair stands for pairs i = j, which have no logit.
    place = torch.where(i == j, length * (length - 1), i * (length - 1) + j - (j > i).long())
    scores = F.pad(logits, (0, 1))[place]
    connected = (scores + scores.T > 0) | (i == j)
    for _ in range(DOUBLINGS):
        reached = connected.float()
        connected = reached @ reached > 0
    # The last column is for a jet without constituents, which would have no lowest one.
    lowest = F.pad(torch.where(connected, j, BEYOND), (0, 1), value=BEYOND).amin(1)
    return ((lowest == slots).cumsum(0) - 1)[lowest].to(torch.int32)
