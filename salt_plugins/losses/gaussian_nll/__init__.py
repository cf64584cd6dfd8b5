"""Negative log-likelihood of a Gaussian."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"gaussian_nll": "salt_plugins.losses.gaussian_nll.loss:GaussianNLL"}
