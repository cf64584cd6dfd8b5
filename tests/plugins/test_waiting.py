"""A training step asks its device for nothing, so that a GPU never stands still until the host has heard.

The device ``meta`` holds no numbers: whoever asks it for one gets an error, and so does a mask that has to
tell how many entries it picks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from salt_core import DataFacts, Encoder, JetBatch, Layout, Packed, Task
from salt_core.nn.edges import EdgeColumns, Edges
from salt_core.training.module import SaltModule
from salt_plugins.encoders.deepsets.encoder import DeepSets
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.encoders.part.encoder import ParticleTransformer
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.losses.mean_squared.loss import MeanSquared
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.tasks.classification.head import Classification
from salt_plugins.tasks.flags.head import Flags
from salt_plugins.tasks.regression.head import Regression
from salt_plugins.tasks.vertexing.head import Vertexing

LENGTHS = np.sort(np.random.default_rng(0).integers(0, 9, 60))
NETS = {"tracks": InitNet([16])}
EDGES = Edges(["dR", "kT"], EdgeColumns("pt", "eta", "phi"), [8])
ENCODERS = {
    "runs": lambda: GN2(NETS, 2, 16, 4, 16, attention="runs"),
    "padded": lambda: GN2(NETS, 2, 16, 4, 16, attention="padded"),
    "edges": lambda: GN2(NETS, 2, 16, 4, 16, edges={"tracks": EDGES}, drop_path=0.1, dropout=0.1),
    "part": lambda: ParticleTransformer({"tracks": EdgeColumns("pt", "eta", "phi")}, [16], 1, 2, 1),
    "deepsets": lambda: DeepSets(NETS, 16, [16], 16),
}


def make_module(encoder: Encoder, **more: Task) -> SaltModule:
    kinds = list("abcdefgh")
    tasks = {
        "flavour": Classification("jets", "flavour", CrossEntropy([1.0, 2.0, 3.0]), [8], ["b", "c", "u"]),
        "mapped": Classification(
            "jets", "pdg", CrossEntropy(), [8], ["b", "c"], {5: 0, 4: 1}, sample_weight="w"
        ),
        "origin": Classification("tracks", "origin", CrossEntropy(), [8], kinds),
        "vertexing": Vertexing("tracks", "vertex", "origin", BinaryCrossEntropy(), [8]),
        "flags": Flags("tracks", ["muon", "electron"], BinaryCrossEntropy(), [8]),
        "mass": Regression("jets", "mass", MeanSquared(), [8], sample_weight="w"),
        **more,
    }
    module = SaltModule(encoder, tasks, AdamW())
    ones = {"jets": (1.0, 1.0), "tracks": (1.0, 1.0, 1.0)}
    module.build(DataFacts("jets", {"jets": ("a", "b"), "tracks": ("d0", "z0", "x")}, ones, ones, {}, {}))
    return module


def make_batch() -> JetBatch:
    generator = torch.Generator().manual_seed(2)
    jets, tracks = len(LENGTHS), int(LENGTHS.sum())

    def integers(low: int, high: int, size: int) -> Tensor:
        return torch.randint(low, high, (size,), generator=generator)

    mass = torch.rand(jets, generator=generator)
    mass[::7] = torch.nan
    columns = {
        "jets": {
            "flavour": integers(-1, 3, jets),
            "pdg": integers(3, 6, jets),
            "mass": mass,
            "w": torch.rand(jets, generator=generator),
        },
        "tracks": {
            "origin": integers(-1, 8, tracks),
            "vertex": integers(-1, 3, tracks),
            "muon": integers(-1, 2, tracks),
            "electron": integers(0, 2, tracks),
            **{name: torch.rand(tracks, generator=generator) for name in ("pt", "eta", "phi")},
        },
    }
    packed = Packed(torch.randn(tracks, 3, generator=generator), Layout.of(LENGTHS))
    x = torch.randn(jets, 2, generator=generator)
    return JetBatch("jets", x, {"tracks": packed}, columns, torch.arange(jets))


def losses_on(device: str, module: SaltModule, batch: JetBatch) -> dict[str, Tensor]:
    losses = module.to(device).training_losses(batch.to(device))
    module.total(losses).backward()
    return losses


@pytest.mark.parametrize("name", ENCODERS)
def test_a_step_waits_for_no_device(name):
    module = make_module(ENCODERS[name]())
    losses = losses_on("meta", module, make_batch())
    assert {loss.device.type for loss in losses.values()} == {"meta"}
    unmoved = [key for key, parameter in module.named_parameters() if parameter.grad is None]
    assert not unmoved


class Curious(Classification):
    """Picks the labelled entries by a mask on the device."""

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the mean loss."""
        labels = batch.raw(self.input_name)[self.label_name]
        return self.loss_function(predictions[labels >= 0], labels[labels >= 0]).mean()


def test_a_step_that_waits_would_be_noticed():
    curious = Curious("jets", "flavour", CrossEntropy(), [8], ["b", "c", "u"])
    with pytest.raises((RuntimeError, NotImplementedError)):
        losses_on("meta", make_module(ENCODERS["runs"](), curious=curious), make_batch())


def test_columns_that_were_changed_on_the_device_are_not_taken_from_the_host():
    batch = make_batch().to("cpu")
    flipped = batch.columns["jets"]["flavour"].flip(0)
    changed = replace(batch, columns={**batch.columns, "jets": {**batch.columns["jets"], "flavour": flipped}})
    assert torch.equal(changed.on_host().raw("jets")["flavour"], flipped)
    assert torch.equal(batch.on_host().raw("jets")["flavour"], batch.raw("jets")["flavour"])
