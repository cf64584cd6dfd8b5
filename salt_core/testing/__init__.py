"""What authors of plugins test with: random jets, and a check of the contract for each kind of plugin.

Everything is imported on first use. Fixtures for pytest are in `salt_core.testing.fixtures`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salt_core.testing.augmentation import check_augmentation
    from salt_core.testing.batch_backend import check_batch_backend
    from salt_core.testing.callback import check_callback
    from salt_core.testing.command import check_command
    from salt_core.testing.contract import Breach
    from salt_core.testing.dataloader import check_dataloader
    from salt_core.testing.encoder import check_encoder
    from salt_core.testing.jets import make_facts, pick, random_batch, random_encoded, random_vectors
    from salt_core.testing.logger import check_logger
    from salt_core.testing.loss import check_loss
    from salt_core.testing.optimizer import check_optimizer
    from salt_core.testing.staging import check_staging
    from salt_core.testing.task import check_task

_LAZY = {
    "Breach": "contract",
    "check_augmentation": "augmentation",
    "check_batch_backend": "batch_backend",
    "check_callback": "callback",
    "check_command": "command",
    "check_dataloader": "dataloader",
    "check_encoder": "encoder",
    "check_logger": "logger",
    "check_loss": "loss",
    "check_optimizer": "optimizer",
    "check_staging": "staging",
    "check_task": "task",
    "make_facts": "jets",
    "pick": "jets",
    "random_batch": "jets",
    "random_encoded": "jets",
    "random_vectors": "jets",
}

__all__ = [
    "Breach",
    "check_augmentation",
    "check_batch_backend",
    "check_callback",
    "check_command",
    "check_dataloader",
    "check_encoder",
    "check_logger",
    "check_loss",
    "check_optimizer",
    "check_staging",
    "check_task",
    "make_facts",
    "pick",
    "random_batch",
    "random_encoded",
    "random_vectors",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
