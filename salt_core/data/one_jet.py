"""The layout of a model that is exported: all rows are one jet's, and how many is told when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import Tensor

from salt_core.data.batch import Layout, Runs
from salt_core.errors import ConfigError


class OneJet(Layout):
    """A layout whose rows all belong to one jet, their number perhaps a symbol.

    While a model is traced for export, no number of rows is known on the host; everything here is
    made of `total` by operations that a graph can hold.

    Parameters
    ----------
    total : int or torch.SymInt
        Rows N of the jet, such as ``x.shape[0]``.
    like : Tensor
        A tensor on the device of the rows.
    """

    single: ClassVar[bool] = True

    def __init__(self, total: Any, like: Tensor) -> None:
        # The fields of a frozen dataclass; the lengths on the host are a property that refuses.
        object.__setattr__(self, "lengths", torch.full((1,), total, dtype=torch.int64, device=like.device))
        self.__dict__["total"] = total

    @property
    def host_lengths(self) -> NoReturn:
        """Refuse to tell what is not known yet.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(
            "it asks a layout for host_lengths, which are not known while one jet with any number of rows "
            "is exported; where layout.single is True, use layout.total, which may be a symbol"
        )

    @property
    def num_jets(self) -> int:
        """One."""
        return 1

    @property
    def starts(self) -> Tensor:
        """First row of the jet, shape (1,)."""
        return torch.zeros_like(self.lengths)

    @cached_property
    def jet_index(self) -> Tensor:
        """Jet of each row, shape (N,): zeros."""
        return self.lengths.new_zeros((self.total,))

    @cached_property
    def slot(self) -> Tensor:
        """Position of each row, shape (N,)."""
        return torch.arange(self.total, device=self.lengths.device)

    @cached_property
    def runs(self) -> Runs:
        """One run; other than in a batch, it may have no row."""
        return Runs(((1, self.total),), None)

    def spread(self, per_jet: Tensor) -> Tensor:
        """Repeat the one row (1, D), giving (N, D)."""
        return per_jet.expand(self.total, *per_jet.shape[1:])


def side_by_side(layouts: Sequence[Layout]) -> Layout:
    """Return the layout of several streams' rows that stand side by side within each jet."""
    lengths = torch.stack([layout.lengths for layout in layouts]).sum(0)
    if any(layout.single for layout in layouts):
        return OneJet(sum(layout.total for layout in layouts), lengths)
    host: np.ndarray = np.sum([layout.host_lengths for layout in layouts], axis=0)
    return Layout(host, lengths)
