"""Runs in MLflow."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_loggers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"mlflow": "salt_plugins.loggers.mlflow.logger:MLflow"}
