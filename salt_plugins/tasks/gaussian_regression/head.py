"""Numbers of jets or of constituents, each with an uncertainty of its own."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from salt_core import JetBatch
from salt_core.nn.regression import NumbersHead


class GaussianRegression(NumbersHead):
    """Predicts mean and standard deviation of one or several numbers of jets or of constituents.

    Writes ``<target>`` and ``<target>_stddev`` in the target's own units: the mean is scaled back, and the
    standard deviation by the factor of the scaling, which for log, log1p, exp and sqrt is the slope of the
    inverse at the mean.
    """

    predictions_per_target = 2
    fitting_losses = "gaussian_nll is one that takes mean and variance, regression is for the others"

    def written(self) -> list[str]:
        """Name a column of means and one of standard deviations for each target."""
        return [column for name in self.output_names for column in (name, f"{name}_stddev")]

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give mean and standard deviation of each target in its own units."""
        means, widths = self.loss_function.moments(predictions)
        restored = zip(
            self.targets.restored(means, batch),
            self.targets.restored_widths(widths, means, batch),
            strict=True,
        )
        values = [value for both in restored for value in both]
        return {self.input_name: dict(zip(self.written(), values, strict=True))}
