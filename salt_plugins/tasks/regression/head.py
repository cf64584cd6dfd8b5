"""Numbers of jets or of constituents, such as a momentum."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from salt_core import JetBatch
from salt_core.nn.precision import at_least_float32
from salt_core.nn.regression import NumbersHead


class Regression(NumbersHead):
    """Predicts one or several numbers of jets, or of the constituents of one stream.

    Writes a column for each target, in the target's own units.
    """

    fitting_losses = "gaussian_regression is for a loss that takes mean and variance"

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the prediction of each target in its own units."""
        found = self.targets.restored(at_least_float32(predictions.squeeze(-1)), batch)
        return {self.input_name: dict(zip(self.output_names, found, strict=True))}
