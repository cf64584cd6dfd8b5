"""From scores of pairs to vertices: the connected components of each jet."""

from __future__ import annotations

import torch
from torch import Tensor

from salt_core import Layout
from salt_plugins.tasks.vertexing.pairs import from_off_diagonal


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
