"""`check_loss` sees each clause that is broken."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from salt_core import Loss, Target
from salt_core.testing import check_loss


class Entropy(Loss):
    """Cross entropy."""

    target_kinds = ("classes",)

    def forward(self, predictions, targets):
        return F.cross_entropy(predictions.float(), targets, reduction="none")


class Squares(Loss):
    """Squared differences."""

    target_kinds = ("values",)

    def forward(self, predictions, targets):
        return (predictions.float() - targets).square()


class StrangeKind(Squares):
    target_kinds = ("numbers",)


class TakesAll(Squares):
    def prepare(self, target):
        return 1


class NoPrediction(Squares):
    def num_predictions(self, target):
        return 0


class Pairwise(Squares):
    def forward(self, predictions, targets):
        return (predictions[:, None] - targets).square()


class NotFinite(Squares):
    def forward(self, predictions, targets):
        return (predictions - targets).log().abs()


class Negative(Squares):
    def forward(self, predictions, targets):
        return -super().forward(predictions, targets)


class CutsOff(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions.detach(), targets)


class BadSlope(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets) + (predictions * 0).abs().sqrt()


class InPlace(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets.mul_(0.5))


class CountsEntries(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets) * torch.arange(len(targets))


class NeedsTwo(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets) / (len(targets) - 1)


class PlainMean(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets).mean()


class NoHalf(Squares):
    def forward(self, predictions, targets):
        return super().forward(predictions, targets) / (predictions.dtype == torch.float32)


class Logits(Entropy):
    def probabilities(self, predictions):
        return predictions


class FlatMoments(Squares):
    def moments(self, predictions):
        return predictions, torch.zeros_like(predictions)


@pytest.mark.parametrize(
    ("loss", "clause", "seen"),
    [
        (StrangeKind(), "target_kinds names some of classes, values, flags", "it is ('numbers',)"),
        (TakesAll(), "prepare refuses a target of another kind", "it takes "),
        (NoPrediction(), "tells how many predictions an entry has", "it tells 0"),
        (Pairwise(), "one value per entry, or a scalar", "for 12 entries its shape is (12, 12)"),
        (NotFinite(), "values: it is finite", "values of it are not finite"),
        (Negative(), "values: it is 0 or more", "it is -"),
        (CutsOff(), "values: it has a finite gradient", "it has none"),
        (BadSlope(), "values: it has a finite gradient", "12 of 12 values of the gradient are not finite"),
        (InPlace(), "values: it changes nothing in place", "targets are changed"),
        (CountsEntries(), "the order of entries does not matter", "it differs by up to"),
        (NeedsTwo(), "values: one entry is enough", "1 of 1 values of it are not finite"),
        (PlainMean(), "no entry at all gives no value, or the scalar 0", "it gives nan"),
        (NoHalf(), "predictions of 16 bits give a finite value", "12 of 12 values of it are not finite"),
        (Logits(), "classes: probabilities", "one is -"),
        (FlatMoments(), "values: moments are means and standard deviations", "a standard deviation is 0"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Loss) else "",
)
def test_a_broken_clause_is_told(loss, clause, seen, broken):
    clauses = broken(lambda: check_loss(loss))
    assert any(clause in told and seen in told for told in clauses), clauses


@pytest.mark.parametrize("loss", [Entropy(), Squares()])
def test_a_right_one_passes(loss):
    check_loss(loss)


def test_a_target_may_be_given(broken):
    class Two(Entropy):
        def num_predictions(self, target):
            assert len(target.class_names) == 2, "told of two alone"
            return 2

    check_loss(Two(), Target("jets/tau", ("tau", "other"), kind="classes"))
    assert "told of two alone" in broken(lambda: check_loss(Two()))[0]
