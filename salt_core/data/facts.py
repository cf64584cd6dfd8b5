"""What the data says about a model: streams, variables, classes, weights and normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class DataFacts:
    """Facts of the data that sizes and names of a model follow from.

    They are kept in every checkpoint as plain values, so that a model is rebuilt without its
    training files.

    Parameters
    ----------
    global_object : str
        The object with one row per jet.
    variables : mapping of str to tuple of str
        Input variables per object, in order.
    means, stds : mapping of str to tuple of float
        Normalisation per object, in the order of `variables`.
    class_names : mapping of str to mapping of str to tuple of str
        Names of a label's classes as the training file's attributes give them, by object and label.
    class_weights : mapping of str to mapping of str to tuple of float
        The class dict, by object and label.
    parameters : mapping of str to tuple of (float, float)
        Mean and standard deviation of each parameter that the model is conditioned on. Their values
        arrive un-normalised, none of them NaN, in ``batch.raw(global_object)``.
    """

    global_object: str
    variables: Mapping[str, tuple[str, ...]]
    means: Mapping[str, tuple[float, ...]]
    stds: Mapping[str, tuple[float, ...]]
    class_names: Mapping[str, Mapping[str, tuple[str, ...]]]
    class_weights: Mapping[str, Mapping[str, tuple[float, ...]]]
    parameters: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the constituent streams, in the order of the configuration."""
        return tuple(name for name in self.variables if name != self.global_object)

    def size(self, name: str) -> int:
        """Return the number of input variables of object `name`; 0 where it has none."""
        return len(self.variables.get(name, ()))

    def to_plain(self) -> dict[str, Any]:
        """Return the facts as dicts, lists, strings and numbers."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DataFacts:
        """Rebuild facts from `to_plain`."""
        return cls(**{key: _frozen(value) for key, value in plain.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
