"""Checks of what optimisers are told of their running means."""

from __future__ import annotations

from collections.abc import Sequence

from salt_core import ConfigError


def check_betas(betas: Sequence[float]) -> None:
    """Refuse shares of running means that are not at least 0 and below 1."""
    if not all(0 <= beta < 1 for beta in betas):
        raise ConfigError(f"{list(betas)}: each must be at least 0, and below 1", "betas")


def check_eps(eps: float) -> None:
    """Refuse what a denominator cannot take, so that it is never 0."""
    if not 0 < eps < float("inf"):
        raise ConfigError(f"{eps} must be above 0, and finite", "eps")
