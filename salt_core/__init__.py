"""The core of salt: registry, configuration, data flow and training; every algorithm is a plugin.

Plugin authors import what they need from here. The heavy names are loaded on first use, so that
``from salt_core import hookimpl`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from salt_core.errors import ConfigError, DataError, RunError, SaltError
from salt_core.hookspecs import hookimpl
from salt_core.version import PLUGIN_API, __version__

if TYPE_CHECKING:
    from salt_core.data.batch import JetBatch, Layout, Packed
    from salt_core.data.facts import DataFacts
    from salt_core.evaluation.trained import Trained, load
    from salt_core.interfaces.augmentation import Augmentation
    from salt_core.interfaces.batch import BatchBackend
    from salt_core.interfaces.dataloader import Dataloader
    from salt_core.interfaces.encoder import Encoded, Encoder
    from salt_core.interfaces.loss import Loss, Target
    from salt_core.interfaces.optimizer import OptimizerFactory
    from salt_core.interfaces.staging import Staging
    from salt_core.interfaces.task import Task

_LAZY = {
    "Augmentation": "salt_core.interfaces.augmentation",
    "BatchBackend": "salt_core.interfaces.batch",
    "DataFacts": "salt_core.data.facts",
    "Dataloader": "salt_core.interfaces.dataloader",
    "Encoded": "salt_core.interfaces.encoder",
    "Encoder": "salt_core.interfaces.encoder",
    "JetBatch": "salt_core.data.batch",
    "Layout": "salt_core.data.batch",
    "Loss": "salt_core.interfaces.loss",
    "OptimizerFactory": "salt_core.interfaces.optimizer",
    "Packed": "salt_core.data.batch",
    "Staging": "salt_core.interfaces.staging",
    "Target": "salt_core.interfaces.loss",
    "Task": "salt_core.interfaces.task",
    "Trained": "salt_core.evaluation.trained",
    "load": "salt_core.evaluation.trained",
}

__all__ = [
    "PLUGIN_API",
    "Augmentation",
    "BatchBackend",
    "ConfigError",
    "DataError",
    "DataFacts",
    "Dataloader",
    "Encoded",
    "Encoder",
    "JetBatch",
    "Layout",
    "Loss",
    "OptimizerFactory",
    "Packed",
    "RunError",
    "SaltError",
    "Staging",
    "Target",
    "Task",
    "Trained",
    "__version__",
    "hookimpl",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'salt_core' has no attribute {name!r}")
