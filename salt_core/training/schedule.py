"""The learning rate over a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import cos, inf, pi
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from salt_core.errors import ConfigError

Schedule = Literal["one_cycle", "cosine"]

#: A part of a step that changes no rate that anyone could see.
SHIFT = 1e-6

#: The schedule of checkpoints that name none.
ONLY_SCHEDULE_ONCE: Schedule = "one_cycle"

#: In a group of an optimiser's parameters: what the schedule's rate is multiplied with there.
FACTOR_KEY = "lr_factor"


@dataclass(frozen=True)
class LearningRate:
    """One cycle of the learning rate over all steps of a training, and the weight decay.

    Parameters
    ----------
    initial : float
        Rate at the first step.
    max : float
        Highest rate.
    end : float
        Rate at the last step.
    pct_start : float
        Share of the steps in which the rate rises.
    weight_decay : float
        Weight decay of the optimiser.
    last_epoch : int, optional
        0 starts a new cycle over the steps that are left where a training goes on from a checkpoint, unless
        that already is in such a cycle with these rates that lasts to the end; by default the checkpoint's
        cycle goes on.
    schedule : "one_cycle" or "cosine", optional
        The rate falls along half a cosine from max to end; before, it rises along half a cosine from initial
        to max (one_cycle) or on a straight line (cosine).
    """

    initial: float = 1e-7
    max: float = 5e-4
    end: float = 1e-5
    pct_start: float = 0.01
    weight_decay: float = 1e-5
    last_epoch: int | None = None
    schedule: Schedule = "one_cycle"

    def check(self) -> None:
        """Raise a `ConfigError` where the rates make no cycle."""
        if not 0 < self.initial <= self.max or not 0 < self.end <= self.max:
            raise ConfigError(
                f"initial {self.initial}, max {self.max}, end {self.end}: "
                "initial and end must lie above 0 and not above max",
                "model.lrs_config",
            )
        if self.last_epoch not in (None, 0):
            message = f"{self.last_epoch} is not a step to begin at; give 0 for a new cycle, or leave it out"
            raise ConfigError(message, "model.lrs_config.last_epoch")
        if not 0 <= self.pct_start <= 1:
            raise ConfigError(f"{self.pct_start} is no share between 0 and 1", "model.lrs_config.pct_start")
        if not 0 <= self.weight_decay < inf:
            message = f"{self.weight_decay} must be finite, and not below 0"
            raise ConfigError(message, "model.lrs_config.weight_decay")

    def scheduler(self, optimizer: Optimizer, total_steps: int, cycles_momentum: bool = False) -> LRScheduler:
        """Return the schedule of an optimiser's rates.

        Parameters
        ----------
        optimizer : Optimizer
            The optimiser; ``lr_factor`` of a group multiplies the rates there.
        total_steps : int
            Steps until the end.
        cycles_momentum : bool, optional
            Whether ``one_cycle`` takes the momentum from 0.95 to 0.85 and back meanwhile.
        """
        factors = [float(group.get(FACTOR_KEY, 1.0)) for group in optimizer.param_groups]
        share = self._share(total_steps)
        if self.schedule == "cosine":
            return WarmUpCosine(optimizer, self, factors, share * total_steps - 1, total_steps - 1)
        return OneCycleLR(
            optimizer,
            max_lr=[self.max * factor for factor in factors],
            total_steps=total_steps,
            pct_start=share,
            cycle_momentum=cycles_momentum,
            div_factor=self.max / self.initial,
            final_div_factor=self.initial / self.end,
        )

    def _share(self, total_steps: int) -> float:
        """Return the share of rising steps such that neither part has length 0, by which torch would divide."""
        rising = self.pct_start * total_steps
        if rising in (1, total_steps):
            rising += SHIFT if rising < total_steps else -SHIFT
        return rising / total_steps


class WarmUpCosine(LRScheduler):
    """A straight rise of the rate, and half a cosine down.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser.
    rates : LearningRate
        First, highest and last rate.
    factors : sequence of float
        What they are multiplied with in each group of parameters.
    top, last : float
        Step of the highest and of the last rate.
    """

    def __init__(
        self, optimizer: Optimizer, rates: LearningRate, factors: Sequence[float], top: float, last: float
    ) -> None:
        # Plain values, which the state of a checkpoint brings back.
        self.initial, self.max, self.end = rates.initial, rates.max, rates.end
        self.factors = list(factors)
        self.top, self.last = top, last
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate of each group."""
        return [self._rate(self.last_epoch) * factor for factor in self.factors]

    def _rate(self, step: int) -> float:
        if step < self.top:
            return self.initial + (self.max - self.initial) * step / self.top
        share = min((step - self.top) / (self.last - self.top), 1.0)
        return self.end + (self.max - self.end) * (1 + cos(pi * share)) / 2


@dataclass(frozen=True)
class Cycle:
    """One cycle of the learning rate in a training.

    Parameters
    ----------
    rates : mapping of str to float
        The `LearningRate` that it follows, plain.
    first_step : int
        The training's step at which it begins.
    num_steps : int
        How many steps it has.
    """

    rates: Mapping[str, float | str | None]
    first_step: int
    num_steps: int

    @classmethod
    def of(cls, config: LearningRate, first_step: int, num_steps: int) -> Cycle:
        """Describe the cycle that begins at a step."""
        return cls(asdict(config), first_step, num_steps)

    @property
    def schedule(self) -> str:
        """The name of its schedule."""
        return str(self.rates.get("schedule", ONLY_SCHEDULE_ONCE))

    @property
    def end(self) -> int:
        """The step before which it is over."""
        return self.first_step + self.num_steps

    def goes_on(self, config: LearningRate, steps: int) -> bool:
        """Tell whether a training of so many steps goes on in this cycle, rather than in a new one.

        A run that was started with ``last_epoch: 0`` has that in its configuration, and goes on in its cycle
        when it is resumed as it was: only another length or other rates ask for a new one.
        """
        same = {**self.rates, "schedule": self.schedule} == asdict(config)
        return config.last_epoch is None or (same and steps <= self.end)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return asdict(self)
