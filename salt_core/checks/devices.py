"""Whether the devices that a training asks for are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from salt_core.errors import ConfigError

GPUS = ("gpu", "cuda")


def check_devices(trainer: Mapping[str, Any]) -> None:
    """Raise where the trainer's options name GPUs that this machine does not have.

    Raises
    ------
    ConfigError
        Which says how many there are.
    """
    if trainer.get("accelerator") not in GPUS:
        return
    there = torch.cuda.device_count() or torch.mps.device_count()
    if not there:
        message = f"{trainer['accelerator']!r} is asked for, but this machine has no GPU that torch can use; "
        raise ConfigError(message + "--trainer.accelerator cpu trains without one", "trainer.accelerator")
    indices = _indices(trainer.get("devices"))
    missing = [index for index in indices if index >= there]
    if missing:
        message = f"{trainer['devices']!r} is asked for, but this machine has {there} GPU{'s' * (there > 1)}"
        raise ConfigError(f"{message}, number 0{f' to {there - 1}' * (there > 1)}", "trainer.devices")


def _indices(devices: Any) -> range | list[int]:
    """Return the numbers of the devices asked for; none where all are taken that are there."""
    if isinstance(devices, int) and devices > 0:
        return range(devices)
    if isinstance(devices, list):
        return [index for index in devices if isinstance(index, int)]
    if isinstance(devices, str) and devices.isdecimal():
        return range(int(devices))
    if isinstance(devices, str) and all(part.strip().isdecimal() for part in devices.split(",") if part):
        return [int(part) for part in devices.split(",") if part]
    return []
