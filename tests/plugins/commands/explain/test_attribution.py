from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import JetBatch, Layout, Packed
from salt_plugins.commands.explain.attribution import attribute, log_odds, mean_inputs
from salt_plugins.commands.explain.table import rows_of, shares_missed

JET_WEIGHTS = torch.tensor([2.0, -3.0])
TRACK_WEIGHTS = torch.tensor([0.5, 1.0, -4.0])


@pytest.fixture
def batch() -> JetBatch:
    """Three jets with no, one and two tracks."""
    random = torch.Generator().manual_seed(3)
    tracks = Packed(torch.randn(3, 3, generator=random), Layout.of(np.array([0, 1, 2])))
    return JetBatch("jets", torch.randn(3, 2, generator=random), {"tracks": tracks}, {}, torch.arange(3))


def zero() -> dict[str, torch.Tensor]:
    return {"jets": torch.zeros(2), "tracks": torch.zeros(3)}


def linear(batch: JetBatch) -> torch.Tensor:
    tracks = batch.streams["tracks"]
    sums = torch.zeros(batch.num_jets).index_add(0, tracks.layout.jet_index, tracks.x @ TRACK_WEIGHTS)
    return batch.x @ JET_WEIGHTS + sums


def cubic(batch: JetBatch) -> torch.Tensor:
    return linear(batch) ** 3


@pytest.mark.parametrize("start", [0.0, 0.7])
def test_a_linear_score_gives_weight_times_distance(batch, start):
    baseline = {name: x + start for name, x in zero().items()}
    found = attribute(linear, batch, baseline, steps=1)
    tracks = (batch.streams["tracks"].x - start) * TRACK_WEIGHTS
    expected = torch.stack([torch.zeros(3), tracks[0], tracks[1] + tracks[2]])
    assert torch.allclose(found.values["jets"].float(), (batch.x - start) * JET_WEIGHTS, atol=1e-6)
    assert torch.allclose(found.values["tracks"].float(), expected, atol=1e-6)
    assert found.missed.max() < 1e-5


def test_completeness_tells_whether_the_steps_are_enough(batch):
    # The gradient along the way is a parabola, which two points integrate exactly and one does not.
    (exact, largest), (wrong, _) = (
        shares_missed([attribute(cubic, batch, zero(), steps)]) for steps in (2, 1)
    )
    assert exact <= largest < 1e-5
    assert wrong == pytest.approx(0.25, abs=1e-4)


def test_a_variable_without_a_part_in_the_score_is_given_nothing(batch):
    found = attribute(lambda one: one.x[:, 0] ** 2, batch, zero(), steps=4)
    assert torch.allclose(found.values["jets"][:, 0].float(), batch.x[:, 0] ** 2)
    assert not found.values["jets"][:, 1].any()
    assert not found.values["tracks"].any()


def test_log_odds_of_two_classes_are_the_difference_of_their_logits():
    logits = torch.tensor([[1.0, 3.0], [30.0, -20.0]])
    shares = dict(zip(("pa", "pb"), logits.softmax(-1).unbind(-1), strict=True))
    assert torch.allclose(log_odds(shares, ["pa", "pb"], "pb"), logits[:, 1] - logits[:, 0])
    gone = {"pa": torch.ones(1), "pb": torch.zeros(1)}
    assert torch.isfinite(log_odds(gone, ["pa", "pb"], "pb")).all()


def test_the_mean_is_over_entries_of_all_batches(batch):
    tracks = Packed(torch.ones(1, 3), Layout.of(np.array([1])))
    other = JetBatch("jets", torch.ones(1, 2), {"tracks": tracks}, {}, torch.arange(1))
    mean = mean_inputs([batch, other])
    assert torch.allclose(mean["jets"], (batch.x.sum(0) + 1) / 4)
    assert torch.allclose(mean["tracks"], (batch.streams["tracks"].x.sum(0) + 1) / 4)


def test_rows_are_means_over_jets_and_over_those_of_each_class(batch):
    part = attribute(linear, batch, zero(), steps=1)
    names = {"jets": ["pt", "eta"], "tracks": ["d0", "z0", "hits"]}
    truth = torch.tensor([1, -1, 1])
    rows = rows_of([part, part], [truth, None], names, ["a", "b"])
    assert [row.variable for row in rows] == ["pt", "eta", "d0", "z0", "hits"]
    given = batch.x[:, 0] * 2.0
    assert rows[0].size == pytest.approx(float(given.abs().mean()), rel=1e-5)
    # No jet is of class a.
    assert rows[0].signed == {"b": pytest.approx(float(given[[0, 2]].mean()), rel=1e-5)}
