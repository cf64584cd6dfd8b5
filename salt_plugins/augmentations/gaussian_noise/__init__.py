"""Noise on the input variables."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_augmentations() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"gaussian_noise": "salt_plugins.augmentations.gaussian_noise.noise:GaussianNoise"}
