"""The kinds of plugin: what each is called, which hook offers it, and which class it extends."""

from __future__ import annotations

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of plugin.

    Parameters
    ----------
    name : str
        The kind as users write it, such as ``encoder``.
    hook : str
        The hook that offers names of this kind, such as ``salt_encoders``.
    base : str
        ``module:Class`` of the base class; a parameter annotated with it takes a plugin of this kind.
    made : bool, optional
        Whether plugins are objects of the base class, not classes that extend it.
    """

    name: str
    hook: str
    base: str
    made: bool = False

    def base_class(self) -> type:
        """Import the base class."""
        module, _, name = self.base.partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, type)
        return found


KINDS = (
    Kind("encoder", "salt_encoders", "salt_core.interfaces.encoder:Encoder"),
    Kind("task", "salt_tasks", "salt_core.interfaces.task:Task"),
    Kind("loss", "salt_losses", "salt_core.interfaces.loss:Loss"),
    Kind("dataloader", "salt_dataloaders", "salt_core.interfaces.dataloader:Dataloader"),
    Kind("staging", "salt_staging", "salt_core.interfaces.staging:Staging"),
    Kind("batch", "salt_batch_backends", "salt_core.interfaces.batch:BatchBackend"),
    Kind("callback", "salt_callbacks", "lightning.pytorch.callbacks:Callback"),
    Kind("optimizer", "salt_optimizers", "salt_core.interfaces.optimizer:OptimizerFactory"),
    Kind("augmentation", "salt_augmentations", "salt_core.interfaces.augmentation:Augmentation"),
    Kind("logger", "salt_loggers", "lightning.pytorch.loggers:Logger"),
    Kind("command", "salt_commands", "click:Command", made=True),
)

#: The kinds that a configuration names.
PARTS = tuple(kind for kind in KINDS if not kind.made)

BY_NAME = {kind.name: kind for kind in KINDS}
#: Hooks that offer nothing: they are told of something.
EVENTS = ("salt_run_started", "salt_run_ended")
BY_HOOK = {kind.hook: kind for kind in KINDS}
