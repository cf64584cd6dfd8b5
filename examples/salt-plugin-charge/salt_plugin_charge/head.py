"""A head on the jets that predicts their charge."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Loss, Packed, Target, Task
from salt_core.distributed import mean_over_ranks
from torch import Tensor, nn

from salt_plugin_charge.charge import jet_charge


class ChargeHead(Task):
    """Predicts the charge of jets, whose true value is summed over the tracks as they stand in the file.

    `salt test` writes the column ``jet_charge`` of the jets.

    Parameters
    ----------
    loss : Loss
        Compares predicted charges with true ones.
    kappa : float, optional
        Power of the momenta by which charges are weighted, 0 or more.
    hidden_size : int, optional
        Size of the hidden layer.
    stream : str, optional
        The stream of tracks.
    charge : str, optional
        Column of the tracks that has the sign of the charge.
    track_pt : str, optional
        Column of the tracks with their transverse momentum.
    jet_pt : str, optional
        Column of the jets with theirs, in the same unit.
    weight : float, optional
        Factor of this task's loss in the total.
    """

    #: Options by which `salt plugins check` tries it.
    example: ClassVar[Mapping[str, object]] = {"loss": "log_cosh"}

    def __init__(
        self,
        loss: Loss,
        kappa: float = 0.5,
        hidden_size: int = 64,
        stream: str = "tracks",
        charge: str = "qOverP",
        track_pt: str = "pt",
        jet_pt: str = "pt_btagJes",
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        if not kappa >= 0:
            raise ConfigError(f"{kappa:g} is no power that weights hard tracks more; give 0 or more", "kappa")
        self.loss_function = loss
        self.kappa = kappa
        self.hidden_size = hidden_size
        self.stream = stream
        self.charge = charge
        self.track_pt = track_pt
        self.jet_pt = jet_pt

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name what the true charge is made of."""
        return {"jets": [self.jet_pt], self.stream: [self.charge, self.track_pt]}

    def output_objects(self) -> Sequence[str]:
        """Write to the jets alone, so that the head is left out where nobody wants them."""
        return ["jets"]

    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the net."""
        if self.stream not in data.streams:
            raise ConfigError(f"there is no stream {self.stream!r}, but {', '.join(data.streams)}", "stream")
        self.loss_function.prepare(Target("jets/jet_charge", kind="values"))
        self.net = nn.Sequential(
            nn.Linear(encoded.pooled, self.hidden_size), nn.ReLU(), nn.Linear(self.hidden_size, 1)
        )

    def forward(self, pooled: Tensor, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Predict the charge (B,)."""
        predictions: Tensor = self.net(pooled).squeeze(1)
        return predictions

    def true_charge(self, batch: JetBatch) -> Tensor:
        """Return the true charge (B,)."""
        tracks, jets = batch.raw(self.stream), batch.raw("jets")
        layout = batch.streams[self.stream].layout
        return jet_charge(tracks[self.charge], tracks[self.track_pt], jets[self.jet_pt], layout, self.kappa)

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the mean loss of the jets, over all processes that train together."""
        return mean_over_ranks(self.loss_function(predictions, self.true_charge(batch)))

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the predicted charge."""
        return {"jets": {"jet_charge": predictions}}

    def check(self, batch: JetBatch) -> None:
        """Refuse momenta that are none, before the batch leaves the CPU."""
        for name, column in (("jets", self.jet_pt), (self.stream, self.track_pt)):
            bad = ~(batch.raw(name)[column] > 0)
            if bad.any():
                raise DataError(f"{name}/{column} is not above 0 for {int(bad.sum())} of {len(bad)}")
