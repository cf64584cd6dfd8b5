"""Trainings of salt-ml: the command ``salt import``, their configurations and their weights."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_commands() -> Mapping[str, str]:
    """Offer the name that the command line uses."""
    return {"import": "salt_plugins.salt_ml.command:import_training"}
