"""Which class a jet or each of its constituents belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from salt_core import ConfigError, DataFacts, Encoded, JetBatch, Loss, Target
from salt_core.nn.activations import Activation
from salt_core.nn.classes import probability_names
from salt_core.nn.entries import Entries, check_weights, loss_of_entries
from salt_core.nn.head import HeadTask
from salt_plugins.tasks.classification.labels import ClassLabel


class Classification(HeadTask):
    """Classifies jets, or the constituents of one stream.

    Entries whose label is -1 or -2 take no part in the loss. What is predicted for an entry is the loss's
    choice: a logit for each class, or one for two classes.

    Parameters
    ----------
    input_name : str
        What is classified: the global object, or a stream such as ``tracks``.
    label : str
        Column of class indices.
    loss : Loss
        Compares logits (M, C) with class indices (M,).
    hidden_layers : list of int
        Sizes of the hidden layers.
    class_names : list of str, optional
        Names of the classes in the order of their indices; from the label's attribute in the
        training file where not given.
    label_map : dict of int to int, optional
        From the label's values to class indices.
    sample_weight : str, optional
        Column of the entries' weights in the loss, ``sum(w * loss) / sum(w)``; finite, not negative.
    activation : str, optional
        Activation of the hidden layers.
    dropout : float, optional
        Share of hidden values dropped while training.
    weight : float, optional
        Factor of this task's loss in the total.
    """

    def __init__(
        self,
        input_name: str,
        label: str,
        loss: Loss,
        hidden_layers: list[int],
        class_names: list[str] | None = None,
        label_map: dict[int, int] | None = None,
        sample_weight: str | None = None,
        activation: Activation = "ReLU",
        dropout: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__(input_name, loss, hidden_layers, activation, dropout, weight)
        self.label_name = label
        self.class_name_option = class_names
        self.label_map = label_map
        self.sample_weight = sample_weight

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the label, and the weight where there is one."""
        weight = [] if self.sample_weight is None else [self.sample_weight]
        return {self.input_name: [self.label_name, *weight]}

    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the net for as many predictions as the loss asks for the label's classes."""
        names = self._names_of_classes(data)
        self.class_names = names
        self.label = ClassLabel(self.input_name, self.label_name, names, self.label_map)
        weights = data.class_weights.get(self.input_name, {}).get(self.label_name)
        size = self.prepare_loss(Target(self.label.name, names, weights, "classes"))
        self.make_head(encoded, data, size)

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the mean loss of the labelled entries."""
        columns, device = batch.on_host().raw(self.input_name), predictions.device
        targets = self.label.indices(columns[self.label_name])
        labelled = Entries.of(targets >= 0)
        values: Tensor = self.loss_function(
            labelled.of_predictions(predictions), labelled.of_values(targets, device)
        )
        weights = None
        if self.sample_weight is not None:
            weights = labelled.of_values(columns[self.sample_weight], device)
        return loss_of_entries(values, weights)

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the probability of each class."""
        del batch
        columns = probability_names(self.label.class_names)
        shares = self.loss_function.probabilities(predictions).unbind(-1)
        return {self.input_name: dict(zip(columns, shares, strict=True))}

    def true_classes(self, batch: JetBatch) -> Tensor | None:
        """Give the index of each entry's class, -1 where it is ignored."""
        values = batch.raw(self.input_name).get(self.label_name)
        return None if values is None else self.label.indices(values)

    def check(self, batch: JetBatch) -> None:
        """Refuse labels that are no class, and weights that are none."""
        self.label.check(batch)
        if self.sample_weight is not None:
            check_weights(batch, self.input_name, self.sample_weight)

    def _names_of_classes(self, data: DataFacts) -> tuple[str, ...]:
        if self.class_name_option is not None:
            return tuple(self.class_name_option)
        names = data.class_names.get(self.input_name, {}).get(self.label_name)
        if names is None:
            raise ConfigError(
                f"the training file has no attribute that names the classes of label {self.label_name!r}; "
                f"list them, such as [bjets, cjets, ujets, taus]",
                "class_names",
            )
        return names
