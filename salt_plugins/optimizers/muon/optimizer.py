"""Several optimisers as one, with one state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class Together(Optimizer):
    """Optimisers of different parameters that step together.

    Their groups of parameters are this one's, in their order, and so is what they remember: whoever changes a
    rate, saves a state or loads one sees a single optimiser.

    Parameters
    ----------
    parts : sequence of Optimizer
        The optimisers, none of which has stepped yet.
    """

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self._parts = tuple(parts)
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state, such as one that is loaded, for the parts too."""
        super().__setstate__(state)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Let every part take its step; return what `closure` gives."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for part in self._parts:
            part.step()
        return result

    def _share(self) -> None:
        """Have the parts work on the groups and on the state of the whole."""
        first = 0
        for part in self._parts:
            number = len(part.param_groups)
            part.param_groups = self.param_groups[first : first + number]
            part.state = self.state
            first += number
