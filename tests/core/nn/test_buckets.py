"""Buckets of rows, and layouts with room in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout
from salt_core.nn.attention import attend
from salt_core.nn.buckets import RoomyLayout, bucket_of


@pytest.mark.parametrize(
    ("rows", "bucket"),
    [(0, 8), (1, 8), (8, 8), (9, 16), (64, 64), (65, 72), (128, 128), (129, 144), (8192, 8192), (8500, 9216)],
)
def test_the_bucket_of_so_many_rows(rows, bucket):
    assert bucket_of(rows) == bucket


def test_there_are_few_buckets_and_little_room_in_them():
    rows = np.arange(64, 40_000)
    buckets = np.array([bucket_of(int(number)) for number in rows])
    assert (buckets >= rows).all()
    assert (buckets <= rows * 1.125).all()
    for start in range(64, 20_000, 777):
        assert len(np.unique(buckets[(rows >= start) & (rows < 2 * start)])) <= 9


def test_what_is_spread_is_zero_in_the_spare_rows():
    layout = RoomyLayout.in_bucket(Layout.of(np.array([2, 0, 3])))
    assert (layout.total, layout.spare) == (5, 3)
    assert layout.spread(torch.tensor([[1, 2], [3, 4], [5, 6]]))[:, 0].tolist() == [1, 1, 5, 5, 5, 0, 0, 0]
    assert layout.spread(torch.tensor([7, 8, 9])).tolist() == [7, 7, 9, 9, 9, 0, 0, 0]


@pytest.mark.parametrize("backend", ["runs", "padded"])
@pytest.mark.parametrize("lengths", [[0, 1, 2, 2, 5], [3, 0, 5, 1], [0, 0]], ids=str)
def test_spare_rows_attend_to_nothing_and_nothing_attends_to_them(backend, lengths):
    layout = Layout.of(np.array(lengths))
    roomy = RoomyLayout.in_bucket(layout)
    rows = layout.total + roomy.spare
    heads = torch.randn(rows, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    mixed = attend(heads, roomy, backend)
    assert mixed.shape == (rows, 2, 4)
    assert not mixed[layout.total :].any()
    real = heads.detach()[: layout.total].requires_grad_()
    expected = attend(real, layout, backend)
    torch.testing.assert_close(mixed[: layout.total], expected)
    weight = torch.randn_like(mixed)
    (found,) = torch.autograd.grad((mixed * weight).sum(), heads)
    (gradient,) = torch.autograd.grad((expected * weight[: layout.total]).sum(), real)
    torch.testing.assert_close(found[: layout.total], gradient)
    assert not found[layout.total :].any()
