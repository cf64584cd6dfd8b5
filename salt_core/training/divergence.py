"""Losses and gradients that are no numbers: noticed, told with what may have caused them, and kept for a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from salt_core.config.yaml import dump_yaml
from salt_core.data.batch import JetBatch
from salt_core.errors import RunError
from salt_core.files import shown, write_whole
from salt_core.training.run_directory import run_directory

if TYPE_CHECKING:
    from salt_core.training.module import SaltModule

#: Normalised inputs beyond this many widths are told.
FAR_OUT = 1000.0


@dataclass(frozen=True)
class Step:
    """What a training step has seen.

    Parameters
    ----------
    batch : JetBatch
        The jets.
    losses : mapping of str to Tensor
        The weighted loss of each task, without gradient.
    total : Tensor
        Their sum.
    """

    batch: JetBatch
    losses: Mapping[str, Tensor]
    total: Tensor

    @property
    def at_fault(self) -> list[str]:
        """The tasks whose loss is not finite."""
        return [name for name, loss in self.losses.items() if not torch.isfinite(loss)]


class GradientNorm(NamedTuple):
    """The norm of all gradients at a step."""

    step: int
    value: Tensor


@dataclass(frozen=True)
class Circumstances:
    """What remedies depend on.

    Parameters
    ----------
    precision : str
        Of the trainer, such as ``bf16-mixed``.
    max_rate : float
        ``model.lrs_config.max``.
    clips, detects : bool
        Whether gradients are clipped, and anomalies looked for.
    devices : int
        Ranks of the training.
    weights : mapping of str to float
        Of the tasks.
    inputs : mapping of str to float
        Largest normalised value of the inputs that lie far out or are not finite, by variable.
    labels : tuple of str
        Columns with values that are not finite.
    broken : tuple of str
        Parameters that were not finite before the step.
    """

    precision: str
    max_rate: float
    clips: bool
    detects: bool
    devices: int
    weights: Mapping[str, float]
    inputs: Mapping[str, float]
    labels: tuple[str, ...]
    broken: tuple[str, ...]


def remedies(found: Circumstances) -> list[str]:
    """Say what may help, what is most likely first; nothing that is done already."""
    heavy = {name: weight for name, weight in found.weights.items() if weight > 1}
    half = found.precision.startswith(("16", "bf16"))
    told = [
        (found.inputs, f"look at inputs far from their mean or not finite: {_numbers(found.inputs)}"),
        (found.labels, f"look at columns that are not finite: {', '.join(found.labels)}"),
        (True, f"a lower model.lrs_config.max, now {found.max_rate:g}"),
        (not found.clips, "--trainer.gradient_clip_val 1"),
        (heavy, f"smaller task weights, now {_numbers(heavy)}"),
        (half, f"--trainer.precision 32-true{_or_bf16(found.precision)}, now {found.precision}"),
        (not found.detects, "--trainer.detect_anomaly true, which names the operation and is slow"),
        (found.devices > 1, f"--trainer.devices 1, now {found.devices}"),
    ]
    return [text for applies, text in told if applies]


def diverged(module: SaltModule, step: Step, what: str, norm: GradientNorm | None) -> RunError:
    """Make the error for a step whose loss or gradients are not finite, and save what was seen of it.

    Parameters
    ----------
    module : SaltModule
        The model, attached to its trainer.
    step : Step
        The step.
    what : str
        What is not finite.
    norm : GradientNorm, optional
        That of the last step whose gradients were looked at and finite.
    """
    trainer = module.trainer
    found = circumstances(module, step.batch)
    seen = _seen(module, step, what, norm) | {
        "parameters_not_finite": list(found.broken),
        "inputs_far_out": dict(found.inputs),
        "columns_not_finite": list(found.labels),
        "remedies": remedies(found),
        "files": _files(trainer),
        "rows": sorted(step.batch.rows.tolist()),
    }
    path = _save(trainer, seen)
    kept = f" The rows of its jets are in {shown(path)}." if path else ""
    before = " Weights were not finite before this step: it went wrong earlier." if found.broken else ""
    last = f" The gradient's norm was {norm.value.item():.3g} at step {norm.step}." if norm else ""
    return RunError(
        f"{what} at step {module.global_step} (epoch {module.current_epoch}); learning rate "
        f"{seen['learning_rate']:.3g}.{last}{before}{kept} Things to try: {'; '.join(seen['remedies'])}"
    )


def circumstances(module: SaltModule, batch: JetBatch) -> Circumstances:
    """Gather what remedies depend on."""
    trainer: Any = module.trainer
    return Circumstances(
        precision=str(trainer.precision),
        max_rate=module.lrs_config.max,
        clips=bool(trainer.gradient_clip_val),
        detects=torch.is_anomaly_enabled(),
        devices=trainer.world_size,
        weights={name: task.weight for name, task in module.heads.items()},
        inputs=_far_out(module, batch),
        labels=tuple(_columns_not_finite(batch)),
        broken=tuple(n for n, p in module.named_parameters() if not torch.isfinite(p).all()),
    )


def gradient_norm(module: SaltModule) -> Tensor:
    """Return the norm of all gradients, on the device."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def not_finite_gradients(module: SaltModule) -> list[str]:
    """Name the parameters whose gradient is not finite."""
    named = module.named_parameters()
    return [name for name, p in named if p.grad is not None and not torch.isfinite(p.grad).all()]


def _seen(module: SaltModule, step: Step, what: str, norm: GradientNorm | None) -> dict[str, Any]:
    rate = module.trainer.optimizers[0].param_groups[0]["lr"]
    return {
        "what": what,
        "step": module.global_step,
        "epoch": module.current_epoch,
        "losses": {name: loss.item() for name, loss in step.losses.items()},
        "learning_rate": float(rate),
        "gradient_norm": {"step": norm.step, "value": norm.value.item()} if norm else None,
    }


def _far_out(module: SaltModule, batch: JetBatch) -> dict[str, float]:
    """Return the largest normalised value of each variable where it is far from 0."""
    scaled = module.normalise(batch)
    tables = {batch.global_object: scaled.x} | {name: packed.x for name, packed in scaled.streams.items()}
    largest = {
        f"{name}/{variable}": table[:, column].abs().max().item()
        for name, table in tables.items()
        for column, variable in enumerate(module.facts.variables.get(name, ()))
        if len(table)
    }
    # Written so that NaN counts as far out.
    return {name: value for name, value in largest.items() if not value <= FAR_OUT}


def _columns_not_finite(batch: JetBatch) -> list[str]:
    return [
        f"{name}/{column}"
        for name, columns in batch.columns.items()
        for column, values in columns.items()
        if values.is_floating_point() and not torch.isfinite(values).all()
    ]


def _files(trainer: Trainer) -> list[str]:
    """Name the files whose rows are told, in their order."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    return [str(path) for path in data.files("train")] if data is not None else []


def _save(trainer: Trainer, seen: Mapping[str, Any]) -> Path | None:
    directory = run_directory(trainer)
    if directory is None:
        return None
    rank = f"_rank{trainer.global_rank}" if trainer.global_rank else ""
    path = directory / f"nan_step{seen['step']}{rank}.yaml"
    write_whole(path, dump_yaml(dict(seen)))
    return path


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items())


def _or_bf16(precision: str) -> str:
    return " or bf16-mixed" if precision.startswith("16") else ""
