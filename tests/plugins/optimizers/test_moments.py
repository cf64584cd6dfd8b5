from __future__ import annotations

import pytest

from salt_core import ConfigError
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.optimizers.lion.factory import Lion
from salt_plugins.optimizers.muon.factory import Muon


@pytest.mark.parametrize("factory", [AdamW, Lion, Muon])
@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, -0.1), (float("nan"), 0.9)])
def test_shares_of_running_means_are_below_one(factory, betas):
    with pytest.raises(ConfigError, match=r"\]: each must be at least 0, and below 1") as caught:
        factory(betas=betas)
    assert caught.value.where == "betas"


@pytest.mark.parametrize("factory", [AdamW, Muon])
@pytest.mark.parametrize("eps", [0.0, -1e-8, float("inf"), float("nan")])
def test_a_denominator_is_never_zero(factory, eps):
    with pytest.raises(ConfigError, match="must be above 0, and finite") as caught:
        factory(eps=eps)
    assert caught.value.where == "eps"
