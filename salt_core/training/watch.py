"""Looks whether losses and gradients are numbers, and ends a training where they are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from salt_core.training.divergence import GradientNorm, Step, diverged, gradient_norm, not_finite_gradients

if TYPE_CHECKING:
    from salt_core.training.module import SaltModule

#: Parameters without a finite gradient that are named.
MOST_NAMES = 3


class Watch:
    """Follows each training step of a module from its losses to its gradients.

    It looks where it costs no wait: at values on the host, and on a device in the steps that wait for it to log.
    """

    def __init__(self) -> None:
        self._step: Step | None = None
        self._norm: GradientNorm | None = None

    def losses(self, module: SaltModule, step: Step) -> None:
        """Note what a step has seen, and look at its losses.

        Raises
        ------
        RunError
            Where their total is not finite.
        """
        self._step = step
        # Where anomalies are looked for, going backward tells more.
        if _looks_now(module, step.total) and not torch.is_anomaly_enabled():
            self._refuse_losses(module, step)

    @contextmanager
    def backward(self, module: SaltModule) -> Iterator[None]:
        """Name the operation that gives no numbers in the context, where anomalies are looked for.

        Raises
        ------
        RunError
            Where there is one, or the total loss is not finite.
        """
        assert self._step is not None
        try:
            yield
        except RuntimeError as error:
            if "returned nan values" not in str(error):
                raise
            raise diverged(module, self._step, f"going backward: {error}", self._norm) from error
        if torch.is_anomaly_enabled():
            self._refuse_losses(module, self._step)

    def gradients(self, module: SaltModule) -> None:
        """Look at the gradients before the optimiser's step, unless a scaler leaves out steps of no numbers.

        Raises
        ------
        RunError
            Where their norm is not finite.
        """
        step, self._step = self._step, None
        scaled = getattr(module.trainer.precision_plugin, "scaler", None) is not None
        if step is None or scaled or not _looks_now(module, step.total):
            return
        norm = gradient_norm(module)
        if torch.isfinite(norm):
            self._norm = GradientNorm(module.global_step, norm)
            return
        names = not_finite_gradients(module)
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        what = f"{', '.join(names[:MOST_NAMES]) or 'all parameters together'}{more}"
        raise diverged(module, step, f"the gradient of {what} is not finite, though the loss is", self._norm)

    def _refuse_losses(self, module: SaltModule, step: Step) -> None:
        if not torch.isfinite(step.total):
            names = " and ".join(step.at_fault or ["all tasks together"])
            raise diverged(module, step, f"the loss of {names} is not finite", self._norm)


def _looks_now(module: SaltModule, value: Tensor) -> bool:
    """Tell whether to look at a value: where it is on the host, or this step waits for the device to log."""
    every: int = module.trainer.log_every_n_steps  # type: ignore[attr-defined]
    return not value.is_cuda or module.global_step % max(every, 1) == 0
