"""Columns that heads learn to predict as numbers: how they are scaled for the loss, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salt_core.data.batch import JetBatch
from salt_core.errors import ConfigError, DataError, located, suggest
from salt_core.nn.entries import where_found

#: Least prediction whose logarithm is taken where ``exp`` is undone.
LEAST = 1e-30


@dataclass(frozen=True)
class Operation:
    """A function of targets and its inverse.

    Parameters
    ----------
    forward, inverse : callable
        The function and its inverse, which takes any number.
    slope : callable
        The derivative of the inverse.
    takes : str
        What the function takes, for messages.
    """

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    takes: str


OPERATIONS = {
    "linear": Operation(lambda x: x, lambda y: y, torch.ones_like, "finite values"),
    "log": Operation(torch.log, torch.exp, torch.exp, "finite values above 0"),
    "log1p": Operation(torch.log1p, torch.expm1, torch.exp, "finite values above -1"),
    "exp": Operation(
        torch.exp,
        lambda y: y.clamp(min=LEAST).log(),
        lambda y: y.clamp(min=LEAST).reciprocal(),
        "values up to 88",
    ),
    "sqrt": Operation(
        torch.sqrt,
        lambda y: y.clamp(min=0).square(),
        lambda y: 2 * y.clamp(min=0),
        "finite values of 0 or more",
    ),
}


@dataclass(frozen=True)
class Scaling:
    """How one target is scaled: ``(op(target / denominator) - offset) / scale``.

    Parameters
    ----------
    op : str, optional
        One of `OPERATIONS`.
    scale, offset : float, optional
        Such as standard deviation and mean of ``op(target)``.
    denominator : str, optional
        Column that the target is divided by.
    """

    op: str = "linear"
    scale: float = 1.0
    offset: float = 0.0
    denominator: str | None = None

    def __post_init__(self) -> None:
        if self.op not in OPERATIONS:
            raise ConfigError(f"there is no operation {self.op!r}; {suggest(self.op, OPERATIONS)}")
        if not (0 < self.scale < float("inf") and math.isfinite(self.offset)):
            raise ConfigError(
                f"scale {self.scale}, offset {self.offset}: both must be finite, and the scale above 0"
            )

    def scaled(self, target: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return the scaled target (N,)."""
        ratio = target if self.denominator is None else target / columns[self.denominator]
        return (OPERATIONS[self.op].forward(ratio) - self.offset) / self.scale

    def restored(self, prediction: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return a prediction of the scaled target (N,) in the target's own units."""
        ratio = OPERATIONS[self.op].inverse(prediction * self.scale + self.offset)
        return ratio if self.denominator is None else ratio * columns[self.denominator]

    def restored_width(self, width: Tensor, prediction: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return a width around a prediction (N,), such as a standard deviation, in the target's own units.

        To first order where the scaling is no straight line: by the slope at the prediction.
        """
        slope = OPERATIONS[self.op].slope(prediction * self.scale + self.offset) * self.scale
        width = width * slope.abs()
        return width if self.denominator is None else width * columns[self.denominator].abs()


@dataclass(frozen=True)
class TargetNorms:
    """Mean and standard deviation of each target.

    Parameters
    ----------
    mean : list of float or float
        What is subtracted, one for each target.
    std : list of float or float
        What is divided by then, one for each target.
    """

    mean: list[float] | float
    std: list[float] | float


Functions = Mapping[str, str | Mapping[str, float | str]]


def scalings_of(
    targets: Sequence[str],
    denominators: Sequence[str] | str | None,
    norms: TargetNorms | None,
    functions: Functions | None,
) -> tuple[Scaling, ...]:
    """Return the scaling of each target, by the one way that is given; as they are where none is.

    Parameters
    ----------
    targets : sequence of str
        The targets.
    denominators : sequence of str or str, optional
        A column for each target, or one for all.
    norms : TargetNorms, optional
        Mean and standard deviation of each target.
    functions : mapping of str to str or mapping, optional
        By target, the name of an operation, or ``{op, scale, offset}``.

    Raises
    ------
    ConfigError
        Where more than one way is given, or one that does not fit the targets.
    """
    ways = {"target_denominators": denominators, "norm_params": norms, "scaler": functions}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"targets are scaled in one way, and {' and '.join(given)} are given", given[-1])
    if denominators is not None:
        return tuple(Scaling(denominator=name) for name in _denominators(targets, denominators))
    if norms is not None:
        return _by_norms(targets, norms)
    return _by_functions(targets, functions or {})


def _denominators(targets: Sequence[str], denominators: Sequence[str] | str) -> Sequence[str]:
    if isinstance(denominators, str):
        return [denominators] * len(targets)
    _one_for_each(targets, denominators, "target_denominators")
    return denominators


def _by_norms(targets: Sequence[str], norms: TargetNorms) -> tuple[Scaling, ...]:
    means, stds = (value if isinstance(value, list) else [value] for value in (norms.mean, norms.std))
    _one_for_each(targets, means, "norm_params.mean")
    _one_for_each(targets, stds, "norm_params.std")
    with located("norm_params"):
        return tuple(Scaling(scale=std, offset=mean) for mean, std in zip(means, stds, strict=True))


def _by_functions(targets: Sequence[str], functions: Functions) -> tuple[Scaling, ...]:
    for name in functions:
        if name not in targets:
            raise ConfigError(f"there is no target {name!r}; {suggest(name, targets)}", "scaler")
    return tuple(_function(name, functions.get(name, "linear")) for name in targets)


def _function(target: str, given: str | Mapping[str, float | str]) -> Scaling:
    options = {"op": given} if isinstance(given, str) else dict(given)
    op, factor, offset = options.pop("op", "linear"), options.pop("scale", 1.0), options.pop("offset", 0.0)
    with located(f"scaler.{target}"):
        for key in options:
            raise ConfigError(f"there is no {key!r}; {suggest(key, ['op', 'scale', 'offset'])}")
        if isinstance(factor, str) or isinstance(offset, str):
            raise ConfigError(f"scale and offset are numbers, got {factor!r} and {offset!r}")
        return Scaling(str(op), factor, offset)


def _one_for_each(targets: Sequence[str], given: Sequence[object], where: str) -> None:
    if len(given) != len(targets):
        raise ConfigError(f"{len(given)} given for {len(targets)} targets: {', '.join(targets)}", where)


class Targets:
    """Target columns of one object, with their scalings.

    Parameters
    ----------
    input_name : str
        The object.
    names : sequence of str
        The columns.
    scalings : sequence of Scaling
        One for each.
    """

    def __init__(self, input_name: str, names: Sequence[str], scalings: Sequence[Scaling]) -> None:
        self.input_name = input_name
        self.names = tuple(names)
        self.scalings = tuple(scalings)

    def scaled(self, batch: JetBatch) -> Tensor:
        """Return the scaled targets (N, T), NaN where they are in the file."""
        columns = self._columns(batch)
        return torch.stack(
            [one.scaled(columns[name], columns) for name, one in zip(self.names, self.scalings, strict=True)],
            -1,
        )

    def restored(self, predictions: Tensor, batch: JetBatch) -> list[Tensor]:
        """Return predictions (N, T) of scaled targets in the targets' own units, (N,) for each."""
        columns = self._columns(batch)
        return [
            one.restored(prediction, columns)
            for one, prediction in zip(self.scalings, predictions.unbind(-1), strict=True)
        ]

    def restored_widths(self, widths: Tensor, predictions: Tensor, batch: JetBatch) -> list[Tensor]:
        """Return widths (N, T) around predictions (N, T) in the targets' own units, (N,) for each."""
        columns = self._columns(batch)
        return [
            one.restored_width(width, prediction, columns)
            for one, width, prediction in zip(
                self.scalings, widths.unbind(-1), predictions.unbind(-1), strict=True
            )
        ]

    def check(self, batch: JetBatch) -> None:
        """Raise a `DataError` for a target that is no NaN and cannot be scaled, or whose denominator is none."""
        columns = self._columns(batch)
        for name, scaling in zip(self.names, self.scalings, strict=True):
            target, known = columns[name], ~columns[name].isnan()
            if scaling.denominator is not None:
                self._check_denominator(name, scaling.denominator, columns[scaling.denominator], known, batch)
            bad = known & ~(torch.isfinite(target) & torch.isfinite(scaling.scaled(target, columns)))
            if bad.any():
                by = "" if scaling.op == "linear" else f" by {scaling.op}"
                raise DataError(
                    f"target {self.input_name}/{name} holds {target[bad][0].item():g} "
                    f"({where_found(bad, batch, self.input_name)}), which cannot be scaled{by}; allowed: "
                    f"{OPERATIONS[scaling.op].takes}, and NaN for entries without a target"
                )

    def _check_denominator(
        self, name: str, denominator: str, values: Tensor, known: Tensor, batch: JetBatch
    ) -> None:
        bad = known & ((values == 0) | ~torch.isfinite(values))
        if bad.any():
            raise DataError(
                f"{self.input_name}/{denominator}, by which target {name} is divided, holds "
                f"{values[bad][0].item():g} ({where_found(bad, batch, self.input_name)}); a denominator is "
                "finite and not 0 wherever there is a target"
            )

    def _columns(self, batch: JetBatch) -> dict[str, Tensor]:
        """Return the raw columns as numbers with a fraction."""
        columns = batch.raw(self.input_name)
        return {
            name: value if value.is_floating_point() else value.float() for name, value in columns.items()
        }
