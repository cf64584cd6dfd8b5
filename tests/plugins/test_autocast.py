"""A training step of the whole model in mixed precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import DataFacts, JetBatch, Layout, Packed
from salt_core.training.module import SaltModule
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.tasks.classification.head import Classification
from salt_plugins.tasks.vertexing.head import Vertexing

LENGTHS = np.sort(np.random.default_rng(0).integers(0, 9, 60))


def make_module(attention: str, **options) -> SaltModule:
    tasks = {
        "flavour": Classification("jets", "flavour", CrossEntropy([1.0, 2.0, 3.0]), [16], ["b", "c", "u"]),
        "origin": Classification("tracks", "origin", CrossEntropy(), [16], list("abcdefgh")),
        "vertexing": Vertexing("tracks", "vertex", "origin", BinaryCrossEntropy(), [16]),
    }
    encoder = GN2({"tracks": InitNet([32])}, 2, 32, 4, 16, attention=attention, **options)
    module = SaltModule(encoder, tasks, AdamW())
    ones = {"jets": (1.0, 1.0), "tracks": (1.0, 1.0, 1.0)}
    torch.manual_seed(1)
    module.build(
        DataFacts("jets", {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "phi")}, ones, ones, {}, {})
    )
    return module


def make_batch() -> JetBatch:
    generator = torch.Generator().manual_seed(2)
    jets, tracks = len(LENGTHS), int(LENGTHS.sum())
    columns = {
        "jets": {"flavour": torch.randint(0, 3, (jets,), generator=generator)},
        "tracks": {
            "origin": torch.randint(-1, 8, (tracks,), generator=generator),
            "vertex": torch.randint(-1, 3, (tracks,), generator=generator),
        },
    }
    packed = Packed(torch.randn(tracks, 3, generator=generator), Layout.of(LENGTHS))
    x = torch.randn(jets, 2, generator=generator)
    return JetBatch("jets", x, {"tracks": packed}, columns, torch.arange(jets))


def step(module: SaltModule, mixed: bool) -> dict[str, torch.Tensor]:
    batch = make_batch()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        losses = module.losses(module(batch), batch)
    optimizer = module.optimizer.build(module, 1e-3, 1e-5)
    sum(losses.values()).backward()
    optimizer.step()
    return losses


@pytest.mark.parametrize("attention", ["runs", "padded"])
@pytest.mark.parametrize(
    "options",
    [{}, {"norm": "RMSNorm", "gated": True, "qk_norm": True, "layer_scale": 0.5, "num_registers": 2}],
    ids=["plain", "all options"],
)
def test_bfloat16_gives_close_losses_and_gradients(attention, options):
    exact, mixed = make_module(attention, **options), make_module(attention, **options)
    expected, losses = step(exact, mixed=False), step(mixed, mixed=True)
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(expected[name].item(), rel=5e-3), name
    ours, theirs = (torch.cat([p.grad.flatten() for p in module.parameters()]) for module in (mixed, exact))
    assert ours.dtype == torch.float32
    # bfloat16 has 8 bits, so that each of some twenty products in a row adds up to 0.4%.
    assert (ours - theirs).norm() < 0.1 * theirs.norm()
    assert not torch.equal(ours, theirs), "autocast did something"
