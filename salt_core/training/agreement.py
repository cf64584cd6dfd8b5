"""Decisions that all ranks of a training take at the same step."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import distributed


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
