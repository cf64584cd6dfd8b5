from __future__ import annotations

import torch
from torch.nn import functional

from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy


def test_one_value_per_entry():
    torch.manual_seed(0)
    logits, targets = torch.randn(6), torch.tensor([0, 1, 1, 0, 1, 0])
    p = logits.sigmoid()
    expected = -torch.where(targets == 1, p.log(), (1 - p).log())
    torch.testing.assert_close(BinaryCrossEntropy()(logits, targets), expected)
    torch.testing.assert_close(BinaryCrossEntropy()(logits, targets == 1), expected)


def test_huge_logits_stay_finite():
    values = BinaryCrossEntropy()(torch.tensor([1e4, -1e4]), torch.tensor([0, 1]))
    torch.testing.assert_close(values, torch.tensor([1e4, 1e4]))


def test_half_precision_is_computed_in_float32():
    logits = torch.randn(5, dtype=torch.bfloat16)
    values = BinaryCrossEntropy()(logits, torch.ones(5))
    torch.testing.assert_close(values, functional.softplus(-logits.float()))
