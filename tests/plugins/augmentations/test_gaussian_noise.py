"""Noise: where it is added and where not, how wide it is, and that it follows from the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.errors import SaltError
from salt_plugins.augmentations.gaussian_noise.noise import GaussianNoise

FACTS = DataFacts(
    "jets", {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "hits"), "muons": ("pt",)}, {}, {}, {}, {}
)


@pytest.fixture
def batch() -> JetBatch:
    lengths = np.arange(200)
    tracks = Packed(torch.full((int(lengths.sum()), 3), 2.0), Layout.of(lengths))
    muons = Packed(torch.zeros(0, 1), Layout.of(np.zeros(200, dtype=int)))
    columns = {"tracks": {"d0": tracks.x[:, 0].clone()}}
    return JetBatch(
        "jets", torch.ones(200, 2), {"tracks": tracks, "muons": muons}, columns, torch.arange(200)
    )


def built(std: dict) -> GaussianNoise:
    noise = GaussianNoise(std)
    noise.build(FACTS)
    return noise


def test_noise_has_the_width_asked_for_and_is_independent(batch):
    torch.manual_seed(0)
    noisy = built({"tracks": {"hits": 0.5, "d0": 0.1}})(batch)
    added = noisy.streams["tracks"].x - 2.0
    assert torch.equal(added[:, 1], torch.zeros(len(added)))
    assert added.mean(0).abs().max() < 0.02
    torch.testing.assert_close(added.std(0), torch.tensor([0.1, 0.0, 0.5]), rtol=0.03, atol=0)
    assert torch.corrcoef(added[:, [0, 2]].T)[0, 1].abs() < 0.03
    assert torch.corrcoef(torch.stack([added[1:, 0], added[:-1, 0]]))[0, 1].abs() < 0.03
    within = (
        (added[:, 0].abs() < 0.1).float().mean().item(),
        (added[:, 0].abs() < 0.2).float().mean().item(),
    )
    assert within == pytest.approx((0.683, 0.954), abs=0.015)


def test_the_jet_has_noise_too_and_all_else_stays(batch):
    before = batch.streams["tracks"].x.clone()
    noisy = built({"jets": {"eta": 1.0}, "muons": {"pt": 1.0}})(batch)
    assert torch.equal(noisy.x[:, 0], batch.x[:, 0])
    assert len(noisy.x[:, 1].unique()) == 200
    assert torch.equal(noisy.streams["tracks"].x, before)
    assert noisy.raw("tracks") == batch.raw("tracks")
    assert torch.equal(batch.x, torch.ones(200, 2))
    assert noisy.streams["muons"].x.shape == (0, 1)


def test_it_follows_from_torch_s_seed(batch):
    noise, found = built({"tracks": {"d0": 0.1}}), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(noise(batch).streams["tracks"].x)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_it_is_no_part_of_a_checkpoint_and_keeps_the_type(batch):
    noise = built({"tracks": {"d0": 0.1}})
    assert noise.state_dict() == {}
    half = batch.map(lambda x: x.bfloat16() if x.is_floating_point() else x)
    assert noise(half).streams["tracks"].x.dtype == torch.bfloat16


@pytest.mark.parametrize("width", [-0.1, float("nan"), float("inf")])
def test_what_is_no_width(width):
    with pytest.raises(ConfigError, match=r"std\.tracks\.d0: .* is no width"):
        GaussianNoise({"tracks": {"d0": width}})


def test_all_unknown_names_are_told():
    with pytest.raises(SaltError) as caught:
        built({"track": {"d0": 0.1}, "tracks": {"hit": 0.1, "z": 0.1}})
    assert "std.track: data.variables has no 'track'; did you mean 'tracks'?" in str(caught.value)
    assert "std.tracks.hit: 'hit' is no input variable of tracks; did you mean 'hits'?" in str(caught.value)
    assert "std.tracks.z: " in str(caught.value)
