"""What all ranks of a training decide together, and what one of them does for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import distributed

from salt_core.errors import SaltError


class Agreement:
    """Has all ranks do what one of them wants, one step later than it was wanted.

    Nobody waits for an answer: what was asked at one step is read at the next, by when it is there.
    The exchange goes over the host, so that no device is waited for either.
    """

    def __init__(self) -> None:
        self._group: Any = None
        self._asked: tuple[Any, torch.Tensor] | None = None

    def start(self, trainer: Trainer) -> None:
        """Open the exchange; all ranks call it together."""
        several = trainer.world_size > 1 and distributed.is_available() and distributed.is_initialized()
        self._group = distributed.new_group(backend="gloo") if several else None
        self._asked = None

    def reached(self, wanted: bool) -> bool:
        """Tell whether any rank wanted it, the same on all ranks; all of them call it at each step."""
        if self._group is None:
            return wanted
        before = self._asked
        vote = torch.tensor([int(wanted)])
        self._asked = distributed.all_reduce(vote, group=self._group, async_op=True), vote
        if before is None:
            return False
        work, votes = before
        work.wait()
        return bool(votes.item())


def first_alone(trainer: Trainer, action: Callable[[], None]) -> None:
    """Have rank 0 do something while the others wait, and end all of them where it fails.

    The other ranks end in silence: what went wrong is said once, and the status of rank 0 counts.
    """
    fault: Exception | None = None
    if trainer.is_global_zero:
        try:
            action()
        except (SaltError, OSError) as error:
            fault = error
    failed = trainer.strategy.broadcast(fault is not None)
    if fault is not None:
        raise fault
    if failed:
        raise SystemExit(0)
