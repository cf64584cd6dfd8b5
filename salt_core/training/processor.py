"""What a run on a processor is told and given."""

from __future__ import annotations

import logging

import torch
from lightning.pytorch import Trainer

from salt_core.heap import keep_freed_memory

log = logging.getLogger("salt.processor")

#: Names of units that multiply bfloat16, as PyTorch calls them.
UNITS = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")


def prepare_processor(trainer: Trainer) -> None:
    """Make ready for a run on a processor, where `trainer` has one; a GPU is left as it is."""
    if trainer.strategy.root_device.type != "cpu":
        return
    keep_freed_memory()
    half = str(trainer.precision).startswith("bf16")
    if half and multiplies_bf16() is False and trainer.is_global_zero:
        log.warning(
            "trainer.precision: %s is many times slower than 32-true here, for this processor has no units that "
            "multiply bfloat16. Give --trainer.precision 32-true",
            trainer.precision,
        )


def multiplies_bf16() -> bool | None:
    """Return whether the processor multiplies bfloat16 by itself; None where PyTorch does not tell."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is None:
        return None
    return any(capabilities().get(unit, False) for unit in UNITS)
