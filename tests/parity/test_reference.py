"""The numbers of salt-ml 0.13 on the same weights and the same jets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch
from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.data.norms import class_weights, normalisation
from salt_core.interfaces.dataloader import LoadRequest, Selection
from salt_core.training.module import SaltModule
from salt_plugins.dataloaders.hdf5.loader import Hdf5
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.salt_ml.weights import load_weights, our_state
from salt_plugins.tasks.classification.head import Classification
from salt_plugins.tasks.vertexing.head import Vertexing

SHARED = Path(__file__).parents[3] / "shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "parity/gn2_small.npz").is_file(), reason="needs the reference numbers in ../shared/parity"
)

VARIABLES = {
    name: tuple(columns)
    for name, columns in load_yaml(shipped_configs()["GN2.yaml"])["data"]["variables"].items()
}
LABELS = {"jets": ("flavour_label",), "tracks": ("ftagTruthOriginLabel", "ftagTruthVertexIndex")}
DATASETS = {name: name for name in VARIABLES}
TASKS = ("jets_classification", "track_origin", "track_vertexing")
FLAVOURS = ["bjets", "cjets", "ujets", "taus"]
ORIGINS = [f"origin{i}" for i in range(8)]
HEAD = [64, 32]
NUM_JETS = 256


@dataclass
class Result:
    """What one backend computes, in the reference's order."""

    values: dict[str, np.ndarray]
    gradient_norms: dict[str, float]


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return dict(np.load(SHARED / "parity/gn2_small.npz"))


@pytest.fixture(scope="module")
def weights(reference):
    return {k.removeprefix("weights/"): v for k, v in reference.items() if k.startswith("weights/")}


def make_module(attention: str = "auto") -> SaltModule:
    tasks = {
        TASKS[0]: Classification("jets", "flavour_label", CrossEntropy("class_dict"), HEAD, FLAVOURS),
        TASKS[1]: Classification(
            "tracks", "ftagTruthOriginLabel", CrossEntropy("class_dict"), HEAD, ORIGINS, weight=0.5
        ),
        TASKS[2]: Vertexing(
            "tracks",
            "ftagTruthVertexIndex",
            "ftagTruthOriginLabel",
            BinaryCrossEntropy(),
            HEAD,
            weight=1.5,
        ),
    }
    encoder = GN2({"tracks": InitNet([128])}, 2, 128, 4, 64, attention=attention)
    module = SaltModule(encoder, tasks, AdamW())
    means, stds = normalisation(SHARED / "data/norm_dict.yaml", VARIABLES, DATASETS)
    module.build(
        DataFacts("jets", VARIABLES, means, stds, {}, class_weights(SHARED / "data/class_dict.yaml"))
    )
    return module.eval()


def read() -> JetBatch:
    selection = Selection("jets", VARIABLES, LABELS, DATASETS, {})
    request = LoadRequest((SHARED / "data/ttbar_val.h5",), selection, num_jets=NUM_JETS, batch_size=NUM_JETS)
    (batch,) = Hdf5().build(request)
    return batch


def in_file_order(rows: np.ndarray, counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Bring `values`, `counts` of them for each jet, from the batch's order into that of `rows`."""
    parts = np.split(values, np.cumsum(counts)[:-1])
    return np.concatenate([parts[jet] for jet in np.argsort(rows)])


@pytest.fixture(scope="module", params=["auto", "runs", "padded"])
def result(request, weights) -> Result:
    module = make_module(request.param)
    load_weights(module, weights, ["tracks"], TASKS)
    batch = read()
    normalised = module.normalise(batch)
    pooled = module.encoder.pool(module.encoder.encode(normalised), normalised)
    predictions = module(batch)
    losses = module.losses(predictions, batch)
    sum(losses.values()).backward()
    rows, lengths = batch.rows.numpy(), batch.streams["tracks"].layout.host_lengths
    one = np.ones_like(lengths)
    counts = {TASKS[0]: one, TASKS[1]: lengths, TASKS[2]: lengths * (lengths - 1)}
    values = {
        f"logits/{name}": in_file_order(rows, counts[name], predictions[name].detach().numpy())
        for name in TASKS
    }
    values["logits/track_vertexing"] = values["logits/track_vertexing"][:, None]
    values["pooled"] = in_file_order(rows, one, pooled.detach().numpy())
    values["n_tracks"] = in_file_order(rows, one, lengths)
    values |= {f"loss/{name}": loss.detach().numpy() for name, loss in losses.items()}
    norms = {key: p.grad.norm().item() for key, p in module.named_parameters()}
    return Result(values, norms)


@pytest.mark.parametrize(
    "key",
    [*(f"logits/{name}" for name in TASKS), "pooled", *(f"loss/{name}" for name in TASKS)],
)
def test_values(result, reference, key):
    ours, theirs = result.values[key], reference[key]
    assert ours.shape == theirs.shape
    rms = np.sqrt(np.mean(theirs**2))
    assert np.all(np.abs(ours - theirs) <= 1e-4 * np.maximum(np.abs(theirs), rms))


def test_track_counts(result, reference):
    np.testing.assert_array_equal(result.values["n_tracks"], reference["n_tracks"])
    assert reference["n_tracks"].min() == 0, "the sample is to hold a jet without tracks"


def test_gradient_norms(result, reference):
    theirs = {k.removeprefix("gradnorm/"): v for k, v in reference.items() if k.startswith("gradnorm/")}
    theirs = {key: value.item() for key, value in our_state(theirs, ["tracks"], TASKS).items()}
    assert theirs.keys() == result.gradient_norms.keys()
    tiny = 1e-6 * max(theirs.values())
    for key, norm in theirs.items():
        ours = result.gradient_norms[key]
        assert abs(ours - norm) <= 1e-4 * norm or max(ours, norm) <= tiny, key


def test_a_shuffled_model_is_not_the_reference(weights, reference):
    """The test of the tests: two swapped rows of one head are seen."""
    module = make_module()
    weights = dict(weights)
    weights["tasks.0.net.net.4.weight"] = weights["tasks.0.net.net.4.weight"][[1, 0, 2, 3]]
    load_weights(module, weights, ["tracks"], TASKS)
    batch = read()
    with torch.no_grad():
        loss = module.losses(module(batch), batch)["jets_classification"]
    assert abs(loss.item() - reference["loss/jets_classification"]) > 1e-3


def test_weights_of_another_size(weights):
    module = make_module()
    weights = {k: v for k, v in weights.items() if k != "encoder.out_proj.bias"}
    weights["pool_net.gate_nn.weight"] = np.zeros((1, 65), dtype=np.float32)
    with pytest.raises(ConfigError) as caught:
        load_weights(module, weights, ["tracks"], TASKS)
    assert "nothing for encoder.out_proj.bias (64,)" in str(caught.value)
    assert "encoder.pool_net.gate.weight has shape (1, 65) in the salt-ml model, (1, 64) here" in str(
        caught.value
    )
