"""The hooks that a plugin may implement.

Most return a mapping from the name that YAML uses to a class, or to a ``"module:Class"`` string;
commands are objects, not classes.
The string keeps ``salt plugins list`` free of heavy imports, so prefer it.
Those of a run are told something, and return nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import click
import pluggy

from salt_core.interfaces.run import Outcome, Run

PROJECT = "salt"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Offers = Mapping[str, "type | click.Command | str"]


@hookspec
def salt_encoders() -> Offers:  # type: ignore[empty-body]
    """Offer encoders, which turn a batch into vectors per constituent and per jet.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_encoders():
    ...     return {"my_encoder": "salt_plugin_mine.encoder:MyEncoder"}
    >>> salt_encoders()
    {'my_encoder': 'salt_plugin_mine.encoder:MyEncoder'}
    """


@hookspec
def salt_tasks() -> Offers:  # type: ignore[empty-body]
    """Offer tasks, the heads that predict something of a jet or its constituents and own its loss.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_tasks():
    ...     return {"charge": "salt_plugin_charge.head:ChargeHead"}
    >>> salt_tasks()
    {'charge': 'salt_plugin_charge.head:ChargeHead'}
    """


@hookspec
def salt_losses() -> Offers:  # type: ignore[empty-body]
    """Offer losses, called with predictions and targets of the valid entries alone.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_losses():
    ...     return {"focal": "salt_plugin_focal.loss:FocalLoss"}
    >>> salt_losses()
    {'focal': 'salt_plugin_focal.loss:FocalLoss'}
    """


@hookspec
def salt_dataloaders() -> Offers:  # type: ignore[empty-body]
    """Offer dataloaders, which read files into batches.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_dataloaders():
    ...     return {"parquet": "salt_plugin_parquet.loader:ParquetLoader"}
    >>> salt_dataloaders()
    {'parquet': 'salt_plugin_parquet.loader:ParquetLoader'}
    """


@hookspec
def salt_staging() -> Offers:  # type: ignore[empty-body]
    """Offer staging methods, which bring input files to fast storage for the time of a run.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_staging():
    ...     return {"burst_buffer": "salt_plugin_site.staging:BurstBuffer"}
    >>> salt_staging()
    {'burst_buffer': 'salt_plugin_site.staging:BurstBuffer'}
    """


@hookspec
def salt_batch_backends() -> Offers:  # type: ignore[empty-body]
    """Offer batch backends, which hand a training to a cluster's scheduler.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_batch_backends():
    ...     return {"pbs": "salt_plugin_pbs.backend:PbsBackend"}
    >>> salt_batch_backends()
    {'pbs': 'salt_plugin_pbs.backend:PbsBackend'}
    """


@hookspec
def salt_callbacks() -> Offers:  # type: ignore[empty-body]
    """Offer Lightning callbacks by name, for ``trainer.callbacks``.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_callbacks():
    ...     return {"learning_curve": "salt_plugin_watch.curve:LearningCurve"}
    >>> salt_callbacks()
    {'learning_curve': 'salt_plugin_watch.curve:LearningCurve'}
    """


@hookspec
def salt_optimizers() -> Offers:  # type: ignore[empty-body]
    """Offer optimisers by name, for ``model.optimizer``.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_optimizers():
    ...     return {"lamb": "salt_plugin_lamb.optimizer:Lamb"}
    >>> salt_optimizers()
    {'lamb': 'salt_plugin_lamb.optimizer:Lamb'}
    """


@hookspec
def salt_augmentations() -> Offers:  # type: ignore[empty-body]
    """Offer augmentations, which change the batches that are trained on, for ``model.augmentations``.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_augmentations():
    ...     return {"smear": "salt_plugin_smear.augmentation:Smear"}
    >>> salt_augmentations()
    {'smear': 'salt_plugin_smear.augmentation:Smear'}
    """


@hookspec
def salt_loggers() -> Offers:  # type: ignore[empty-body]
    """Offer loggers, which tell a tracker of a training's metrics.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_loggers():
    ...     return {"aim": "salt_plugin_aim.logger:Aim"}
    >>> salt_loggers()
    {'aim': 'salt_plugin_aim.logger:Aim'}
    """


@hookspec
def salt_commands() -> Offers:  # type: ignore[empty-body]
    """Offer click commands, which stand beside those of ``salt`` itself.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> @hookimpl
    ... def salt_commands():
    ...     return {"count": "salt_plugin_count.command:count"}
    >>> salt_commands()
    {'count': 'salt_plugin_count.command:count'}
    """


@hookspec
def salt_run_started(run: Run) -> None:
    """Be told that a training has begun, once its directory is there; on rank 0 alone.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> from salt_core.interfaces.run import Run
    >>> @hookimpl
    ... def salt_run_started(run):
    ...     print(f"{run.name} begins")
    >>> salt_run_started(Run("logs/GN2_1", "GN2", "salt fit"))
    GN2 begins
    """


@hookspec
def salt_run_ended(run: Run, outcome: Outcome) -> None:
    """Be told how a training has ended; on rank 0 alone.

    Examples
    --------
    >>> from salt_core import hookimpl
    >>> from salt_core.interfaces.run import Outcome, Run
    >>> @hookimpl
    ... def salt_run_ended(run, outcome):
    ...     print(f"{run.name}: {outcome.ending}")
    >>> salt_run_ended(Run("logs/GN2_1", "GN2", "salt fit"), Outcome("resumable", 85))
    GN2: resumable
    """
