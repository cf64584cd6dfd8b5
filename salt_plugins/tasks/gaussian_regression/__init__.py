"""Regression of numbers together with their uncertainty."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_tasks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"gaussian_regression": "salt_plugins.tasks.gaussian_regression.head:GaussianRegression"}
