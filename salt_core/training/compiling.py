"""What ``--compile`` does to a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler

from salt_core.errors import ConfigError, located
from salt_core.interfaces.encoder import Encoder
from salt_core.interfaces.task import Task

#: Not at all; for any number of rows; or for few numbers of them, each recorded as a CUDA graph.
Compile = bool | Literal["graphs"]


def compile_parts(how: Compile, encoder: Encoder, tasks: Iterable[Task]) -> None:
    """Compile the parts of a built model that gain from it.

    Raises
    ------
    ConfigError
        Where graphs are asked for and the encoder cannot keep to few shapes.
    """
    if not how:
        return
    mode = None
    if how == "graphs":
        mode = "reduce-overhead"
        with located("model.encoder"):
            encoder.pad_to_buckets()
    for part in encoder.compiled_parts():
        part.compile(dynamic=True, mode=mode)
    # Shapes of heads, such as the runs of pairs, are others in each batch: a graph would never be used again.
    for part in (part for task in tasks for part in task.compiled_parts()):
        part.compile(dynamic=True)


def check_graphs(how: Compile, trainer: Trainer) -> None:
    """Refuse to accumulate gradients where graphs are recorded, since each step writes where the last one did.

    Raises
    ------
    ConfigError
        Where the trainer accumulates.
    """
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    scheduled = any(isinstance(callback, GradientAccumulationScheduler) for callback in callbacks)
    if how == "graphs" and (scheduled or trainer.accumulate_grad_batches != 1):
        raise ConfigError(
            "a CUDA graph writes its gradients over those of the batch before; "
            "give --compile without graphs, or accumulate none",
            "trainer.accumulate_grad_batches",
        )
