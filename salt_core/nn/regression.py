"""The head that predicts numbers, whatever a task makes of its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError
from salt_core.interfaces.encoder import Encoded
from salt_core.interfaces.loss import Loss, Target
from salt_core.nn.activations import Activation
from salt_core.nn.entries import Entries, check_weights, loss_of_entries
from salt_core.nn.head import HeadTask
from salt_core.nn.targets import TargetNorms, Targets, scalings_of


class NumbersHead(HeadTask):
    """Predicts numbers of jets, or of the constituents of one stream.

    Parameters
    ----------
    input_name : str
        What has the targets: the global object, or a stream such as ``tracks``.
    targets : str or list of str
        The columns that are predicted; NaN stands for an entry without a target.
    loss : Loss
        Compares predictions with scaled targets; the mean is over all targets of all entries that have one.
    hidden_layers : list of int
        Sizes of the hidden layers.
    target_denominators : list of str or str, optional
        Column by which each target is divided, or one for all of them.
    norm_params : TargetNorms, optional
        Mean and standard deviation, ``{mean: [...], std: [...]}``, with one number for each target: it is
        scaled to ``(target - mean) / std``.
    scaler : dict, optional
        Function of each target: ``linear``, ``log``, ``log1p``, ``exp`` or ``sqrt``, or with further
        constants ``{op: log, scale: 1.0, offset: 0.0}`` for ``(op(target) - offset) / scale``; a target that
        is not named stays as it is. Only one of target_denominators, norm_params and scaler can be given.
    custom_output_names : list of str or str, optional
        Names of the written columns, one for each target; those of the targets where not given.
    sample_weight : str, optional
        Column of the entries' weights in the loss, ``sum(w * loss) / sum(w)``; finite, not negative.
    activation : str, optional
        Activation of the hidden layers.
    dropout : float, optional
        Share of hidden values dropped while training.
    weight : float, optional
        Factor of this task's loss in the total.
    """

    #: Predictions that the loss must ask for, for each target.
    predictions_per_target: ClassVar[int] = 1

    #: What a message says of a loss that asks for another number.
    fitting_losses: ClassVar[str] = ""

    def __init__(
        self,
        input_name: str,
        targets: str | list[str],
        loss: Loss,
        hidden_layers: list[int],
        target_denominators: str | list[str] | None = None,
        norm_params: TargetNorms | None = None,
        scaler: dict[str, str | dict[str, float | str]] | None = None,
        custom_output_names: str | list[str] | None = None,
        sample_weight: str | None = None,
        activation: Activation = "ReLU",
        dropout: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__(input_name, loss, hidden_layers, activation, dropout, weight)
        self.target_names = _listed(targets)
        self.target_denominators = target_denominators
        self.norm_params = norm_params
        self.scaler = scaler
        self.output_names = self.target_names if custom_output_names is None else _listed(custom_output_names)
        self.sample_weight = sample_weight

    def written(self) -> list[str]:
        """Name the columns that are written, the targets' own by default."""
        return self.output_names

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name targets, denominators, and the weight where there is one."""
        weight = [] if self.sample_weight is None else [self.sample_weight]
        return {self.input_name: [*self.target_names, *self._denominators(), *weight]}

    def output_columns(self) -> Mapping[str, Sequence[str]]:
        """Name the denominators: predictions are multiplied by them."""
        denominators = self._denominators()
        return {self.input_name: denominators} if denominators else {}

    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the net, and the scaling of the targets."""
        self._check_names()
        scalings = scalings_of(self.target_names, self.target_denominators, self.norm_params, self.scaler)
        self.targets = Targets(self.input_name, self.target_names, scalings)
        label = f"{self.input_name}/{', '.join(self.target_names)}"
        size = self.prepare_loss(
            Target(label, kind="values"), self.predictions_per_target, self.fitting_losses
        )
        self.make_head(encoded, data, size * len(self.target_names))

    def forward(self, pooled: Tensor, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Return predictions of the T scaled targets, (B, T, P) or (N, T, P) with P for each target."""
        rows = super().forward(pooled, streams, batch)
        return rows.view(-1, len(self.target_names), self.predictions_per_target)

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the mean loss over all targets that there are."""
        host, device = batch.on_host(), predictions.device
        targets = self.targets.scaled(host)
        known = Entries.of(~targets.isnan())
        found = known.of_predictions(predictions, targets.ndim)
        if self.predictions_per_target == 1:
            found = found.squeeze(-1)
        values: Tensor = self.loss_function(found, known.of_values(targets, device))
        weights = None
        if self.sample_weight is not None:
            weight = host.raw(self.input_name)[self.sample_weight]
            weights = known.of_values(weight[:, None].expand_as(targets), device)
        return loss_of_entries(values, weights)

    def check(self, batch: JetBatch) -> None:
        """Refuse targets and denominators that the scaling cannot take, and weights that are none."""
        self.targets.check(batch)
        if self.sample_weight is not None:
            check_weights(batch, self.input_name, self.sample_weight)

    def _denominators(self) -> list[str]:
        return list(dict.fromkeys(_listed(self.target_denominators or [])))

    def _check_names(self) -> None:
        names, outputs = self.target_names, self.output_names
        if not names:
            raise ConfigError("none is given", "targets")
        _check_once(names, "targets")
        if len(outputs) != len(names):
            message = f"{len(outputs)} given for {len(names)} targets: {', '.join(names)}"
            raise ConfigError(message, "custom_output_names")
        _check_once(self.written(), "custom_output_names")


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _check_once(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{', '.join(twice)} is given more than once", where)
