"""How well classes are told apart while a model is trained."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the names that YAML uses."""
    return {
        "metrics": "salt_plugins.callbacks.classes.metrics:Metrics",
        "confusion_matrix": "salt_plugins.callbacks.classes.confusion:ConfusionMatrix",
    }
