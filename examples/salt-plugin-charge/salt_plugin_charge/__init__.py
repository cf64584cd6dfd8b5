"""Jet charge, a plugin of salt: a head and a loss."""

from collections.abc import Mapping

from salt_core import hookimpl

#: The plugin API that this is written for.
salt_api = "1.0"


@hookimpl
def salt_tasks() -> Mapping[str, str]:
    """Offer the head."""
    return {"jet_charge": "salt_plugin_charge.head:ChargeHead"}


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the loss."""
    return {"log_cosh": "salt_plugin_charge.loss:LogCosh"}
