"""Which annotations take plugins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from torch import nn

from salt_core.interfaces.augmentation import Augmentation
from salt_core.interfaces.batch import BatchBackend
from salt_core.interfaces.dataloader import Dataloader
from salt_core.interfaces.encoder import Encoder
from salt_core.interfaces.loss import Loss
from salt_core.interfaces.optimizer import OptimizerFactory
from salt_core.interfaces.staging import Staging
from salt_core.interfaces.task import Task
from salt_core.kinds import PARTS
from salt_core.registry.options import options_of
from salt_core.registry.slots import Slot, base_kind, kind_of

BASES = {
    "encoder": Encoder,
    "task": Task,
    "loss": Loss,
    "dataloader": Dataloader,
    "staging": Staging,
    "batch": BatchBackend,
    "callback": Callback,
    "optimizer": OptimizerFactory,
    "augmentation": Augmentation,
    "logger": Logger,
}


class SpecialLoss(Loss):
    """A parameter of this type takes no other loss, so it is no slot."""


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.name)
def test_the_base_class_of_each_kind_is_a_slot(kind):
    assert base_kind(BASES[kind.name]) == kind.name
    assert kind_of(BASES[kind.name]) == Slot(kind.name, "one")


@pytest.mark.parametrize(
    ("annotation", "slot"),
    [
        (Loss | None, Slot("loss", "one")),
        (Optional[Loss], Slot("loss", "one")),  # noqa: UP045
        (Union[None, Loss], Slot("loss", "one")),  # noqa: UP007
        (dict[str, Task], Slot("task", "mapping")),
        (Mapping[str, Task], Slot("task", "mapping")),
        (Mapping[str, Task | None], Slot("task", "mapping")),
        (Mapping[str, Task] | None, Slot("task", "mapping")),
        (list[Callback], Slot("callback", "list")),
        (Sequence[Callback] | None, Slot("callback", "list")),
        (tuple[Callback, ...], Slot("callback", "list")),
        (list[Callback] | Callback | None, Slot("callback", "list")),
    ],
)
def test_slots(annotation, slot):
    assert kind_of(annotation) == slot


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        None,
        Any,
        "Loss",
        nn.Module,
        SpecialLoss,
        Literal["loss"],
        type[Loss],
        Loss | str,
        Loss | Encoder,
        dict[int, Loss],
        dict[str, str],
        dict[str, dict[str, Loss]],
        list[int],
        tuple[Loss, Loss],
        list[Loss] | dict[str, Loss],
        None | None.__class__,
    ],
)
def test_no_slots(annotation):
    assert kind_of(annotation) is None


def test_the_callbacks_of_the_trainer_are_a_slot():
    (callbacks,) = [option for option in options_of(Trainer) if option.name == "callbacks"]
    assert kind_of(callbacks.annotation) == Slot("callback", "list")


def test_so_are_its_loggers_which_true_and_false_switch():
    (logger,) = [option for option in options_of(Trainer) if option.name == "logger"]
    assert kind_of(logger.annotation) == Slot("logger", "list")
    assert kind_of(bool | None) is None


def test_a_kind_whose_base_nobody_has_imported_is_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "lightning.pytorch.loggers")
    assert base_kind(Logger) is None
    assert base_kind(Loss) == "loss"


def test_asking_imports_nothing():
    code = (
        "import sys; from salt_core.registry.slots import kind_of; assert kind_of(dict[str, int]) is None; "
        "sys.exit(bool({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
