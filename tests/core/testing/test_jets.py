"""Random jets are those that were asked for, and what cannot be drawn is refused."""

from __future__ import annotations

import pytest
import torch

from salt_core.testing import make_facts, pick, random_batch, random_encoded, random_vectors

DATA = make_facts({"jets": ["pt"], "tracks": ["d0", "z0"], "flows": ["charge"]})
LENGTHS = {"tracks": [3, 0, 1], "flows": [0, 2, 0]}


def test_jets_are_sorted_by_all_their_constituents():
    batch = random_batch(DATA, lengths=LENGTHS)
    assert batch.streams["tracks"].layout.host_lengths.tolist() == [1, 0, 3]
    assert batch.streams["flows"].layout.host_lengths.tolist() == [0, 2, 0]
    assert batch.streams["tracks"].x.shape == (4, 2)


def test_columns_hold_what_was_asked_for():
    columns = {"jets": {"flavour": ["b", "c"], "mass": (2.0, 3.0)}, "tracks": {"origin": [-1, 5]}}
    batch = random_batch(DATA, columns)
    assert set(batch.raw("jets")["flavour"].tolist()) == {0, 1}
    assert 2 <= batch.raw("jets")["mass"].min() < batch.raw("jets")["mass"].max() <= 3
    assert set(batch.raw("tracks")["origin"].tolist()) == {-1, 5}


def test_a_seed_draws_the_same_again_and_another_one_does_not():
    one, same, other = (random_batch(DATA, seed=seed).x for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_jets_are_picked_with_what_is_theirs():
    batch = random_batch(DATA, {"tracks": {"origin": range(100)}}, LENGTHS)
    picked = pick(batch, [2, 0])
    assert torch.equal(picked.x, batch.x[[2, 0]])
    assert torch.equal(picked.streams["tracks"].x, batch.streams["tracks"].x[[1, 2, 3, 0]])
    assert torch.equal(picked.raw("tracks")["origin"], batch.raw("tracks")["origin"][[1, 2, 3, 0]])
    assert len(pick(batch, []).x) == 0


def test_vectors_have_the_sizes_of_the_encoder_and_a_gradient():
    batch = random_batch(DATA, lengths=LENGTHS)
    pooled, streams = random_vectors(random_encoded(DATA, size=3), batch)
    assert (pooled.shape, streams["tracks"].x.shape, streams["flows"].x.shape) == ((3, 6), (4, 3), (2, 3))
    assert pooled.requires_grad
    assert streams["flows"].x.requires_grad


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lengths": {"tracks": [1]}}, r"one number per jet for each stream \(tracks, flows\), and is"),
        ({"lengths": {"tracks": [1, 2], "flows": [1]}}, "one number per jet for each stream"),
        ({"columns": {"muons": {"pt": [1]}}}, "no object 'muons'; objects: jets, tracks, flows"),
        ({"columns": {"jets": {"flavour": []}}}, "jets/flavour has no values to draw from"),
    ],
)
def test_what_cannot_be_drawn_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        random_batch(DATA, **asked)
