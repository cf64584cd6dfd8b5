"""A label of classes: its names, its values, and what it may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from salt_core import ConfigError, DataError, JetBatch
from salt_core.nn.entries import where_found

IGNORED = (-1, -2)


class ClassLabel:
    """One label column and the classes that its values stand for.

    Parameters
    ----------
    input_name : str
        The object that the label belongs to.
    column : str
        The label's column.
    class_names : sequence of str
        The classes, in the order of their indices.
    label_map : mapping of int to int, optional
        From the label's values to class indices; the values are the indices where not given.
    """

    def __init__(
        self,
        input_name: str,
        column: str,
        class_names: Sequence[str],
        label_map: Mapping[int, int] | None = None,
    ) -> None:
        self.input_name = input_name
        self.column = column
        self.class_names = tuple(class_names)
        indices = range(len(self.class_names))
        self.label_map = dict(label_map) if label_map is not None else {i: i for i in indices}
        for value, index in self.label_map.items():
            if index not in indices:
                raise ConfigError(
                    f"{value} is mapped to class {index}, but the classes are 0 to {len(self.class_names) - 1} "
                    f"({', '.join(self.class_names)})",
                    "label_map",
                )
        self._mapped = label_map is not None
        self._values = sorted(self.label_map)

    @property
    def name(self) -> str:
        """The label as ``object/column``."""
        return f"{self.input_name}/{self.column}"

    def indices(self, values: Tensor) -> Tensor:
        """Return class indices, -1 where the value is ignored or no class; flags are 0 and 1."""
        values = values.long()
        if not self._mapped:
            return values.clamp(min=-1)
        known = torch.tensor(self._values, device=values.device)
        indices = torch.tensor([self.label_map[value] for value in self._values], device=values.device)
        place = torch.searchsorted(known, values).clamp(max=len(known) - 1)
        return torch.where(known[place] == values, indices[place], -1)

    def check(self, batch: JetBatch) -> None:
        """Raise a `DataError` where a label of `batch` is neither a class nor ignored."""
        values = batch.raw(self.input_name)[self.column]
        if values.is_floating_point():
            raise DataError(
                f"label {self.name} has floating-point values; a class label must be of an integer type"
            )
        values = values.long()
        allowed = torch.tensor([*self._values, *IGNORED], device=values.device)
        bad = ~torch.isin(values, allowed)
        if bad.any():
            raise DataError(self._complaint(values, bad, batch))

    def _complaint(self, values: Tensor, bad: Tensor, batch: JetBatch) -> str:
        classes = ", ".join(f"{v} ({self.class_names[i]})" for v, i in sorted(self.label_map.items()))
        found = sorted(set(values[bad].tolist()))
        return (
            f"label {self.name} holds {', '.join(map(str, found[:5]))} "
            f"({where_found(bad, batch, self.input_name)}); allowed: {classes}, "
            "and -1 or -2 for entries without a class"
        )
