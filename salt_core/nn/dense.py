"""Dense nets on packed rows, with a context per jet that is never repeated for each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from salt_core.data.batch import Layout
from salt_core.errors import ConfigError
from salt_core.nn.activations import Activation, activation_of


class Dense(nn.Module):
    """Linear, activation, ..., Linear; no activation after the last.

    A context of the jet counts as the first columns of the input, as if ``[context, x]`` were
    concatenated. The first layer is split instead, ``W_c c + W_x x``, so that the context is
    multiplied once per jet rather than once per row.

    Parameters
    ----------
    input_size : int
        Columns F of the rows.
    output_size : int
        Columns of the result.
    hidden_layers : sequence of int
        Sizes of the hidden layers.
    activation : str, optional
        Activation between the layers.
    context_size : int, optional
        Columns C of the context.
    dropout : float, optional
        Share of hidden values dropped while training.

    Raises
    ------
    ConfigError
        Where a hidden layer has no size.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hidden_layers: Sequence[int],
        activation: Activation = "ReLU",
        context_size: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if any(size < 1 for size in hidden_layers):
            raise ConfigError(f"{list(hidden_layers)}: a layer has 1 value or more", "hidden_layers")
        sizes = [context_size + input_size, *hidden_layers, output_size]
        self.context_size = context_size
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation = activation_of(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor | None = None, layout: Layout | None = None) -> Tensor:
        """Map rows (N, F), each with the context (B, C) of its jet, to (N, output_size)."""
        return self.after_first(self.first(x, context, layout))

    @property
    def first_layer(self) -> nn.Linear:
        """The first Linear, whose input columns are context and row."""
        layer = self.layers[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def first(self, x: Tensor, context: Tensor | None = None, layout: Layout | None = None) -> Tensor:
        """Apply the first layer only."""
        first = self.first_layer
        if context is None or layout is None:
            assert self.context_size == 0, "a net with a context needs one"
            result: Tensor = first(x)
            return result
        weight_context, weight_rows = first.weight.split([self.context_size, x.shape[-1]], dim=1)
        return F.linear(x, weight_rows, first.bias) + layout.spread(F.linear(context, weight_context))

    def after_first(self, hidden: Tensor) -> Tensor:
        """Apply everything that follows the first layer to its result (..., hidden)."""
        for layer in list(self.layers)[1:]:
            hidden = layer(self.dropout(self.activation(hidden)))
        return hidden
