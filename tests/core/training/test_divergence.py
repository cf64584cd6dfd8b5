"""Which remedies are offered for a loss that is no number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salt_core.training.divergence import Circumstances, remedies

PLAIN = Circumstances(
    precision="32-true",
    max_rate=5e-4,
    clips=True,
    detects=True,
    devices=1,
    weights={"flavour": 1.0, "origin": 0.5},
    inputs={},
    labels=(),
    broken=(),
)


def test_the_rate_can_always_be_lower():
    assert remedies(PLAIN) == ["a lower model.lrs_config.max, now 0.0005"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clips": False}, "--trainer.gradient_clip_val 1"),
        ({"detects": False}, "--trainer.detect_anomaly true, which names the operation and is slow"),
        ({"devices": 4}, "--trainer.devices 1, now 4"),
        ({"precision": "16-mixed"}, "--trainer.precision 32-true or bf16-mixed, now 16-mixed"),
        ({"precision": "bf16-mixed"}, "--trainer.precision 32-true, now bf16-mixed"),
        ({"weights": {"flavour": 1.0, "origin": 50.0}}, "smaller task weights, now origin 50"),
        ({"inputs": {"tracks/d0": 2e6}}, "look at inputs far from their mean or not finite: tracks/d0 2e+06"),
        ({"labels": ("jets/mass",)}, "look at columns that are not finite: jets/mass"),
    ],
    ids=str,
)
def test_a_remedy_is_offered_where_it_applies(change, said):
    told = remedies(replace(PLAIN, **change))
    assert said in told
    assert len(told) == 2
