"""The contracts of encoder and task carry others than GN2: a trivial encoder and task, trained and evaluated."""

from __future__ import annotations

import h5py
import numpy as np

TRIVIAL = '''
"""An encoder that sums each jet's constituents, and a head that predicts how many there are."""

import torch
from torch import nn

from salt_core import Encoded, Encoder, Task, hookimpl


class Sums(Encoder):
    """Sums of the constituents' variables.

    Parameters
    ----------
    scale : float
        Factor of the sums.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def columns(self):
        return {"tracks": ["z0"]}

    def build(self, data):
        self.size = data.size("tracks")
        return Encoded(pooled=self.size + 2, streams={"tracks": self.size})

    def encode(self, batch):
        return {"tracks": batch.streams["tracks"]}

    def pool(self, streams, batch):
        packed = streams["tracks"]
        index, jets = packed.layout.jet_index, batch.num_jets
        sums = torch.zeros(jets, self.size).index_add(0, index, packed.x)
        raw = torch.zeros(jets).index_add(0, index, batch.raw("tracks")["z0"])
        return self.scale * torch.cat([sums, raw[:, None], packed.layout.lengths[:, None].float()], 1)


class Count(Task):
    """The number of constituents of a jet, and its index in the batch, to be written."""

    def columns(self):
        return {"jets": ["event"]}

    def build(self, encoded, data):
        self.net = nn.Linear(encoded.pooled, 1)

    def forward(self, pooled, streams, batch):
        return self.net(pooled).squeeze(-1)

    def loss(self, predictions, batch):
        return ((predictions - batch.streams["tracks"].layout.lengths) ** 2).mean()

    def outputs(self, predictions, batch):
        streams = batch.streams["tracks"]
        return {
            "jets": {"count": predictions, "seen": batch.raw("jets")["event"]},
            "tracks": {"z0": batch.raw("tracks")["z0"]},
        }


@hookimpl
def salt_encoders():
    return {"sums": Sums}


@hookimpl
def salt_tasks():
    return {"count": Count}
'''

CONFIG = """
plugins: [trivial.py]
model:
  encoder: {plugin: sums, scale: 0.5}
  tasks: {flavour: null, origin: null, vertexing: null, count: count}
"""


def test_a_trivial_encoder_and_task_train_and_are_evaluated(sample, salt, the_run):
    (sample.folder / "trivial.py").write_text(TRIVIAL)
    (sample.folder / "trivial.yaml").write_text(CONFIG)
    files = ("--config", sample.config, "--config", "trivial.yaml")
    done = salt("fit", *files, "-f", "--trainer.max_epochs", "30", "--model.lrs_config.max", "0.1")
    assert done.code == 0, done.err
    words = ("--data.write_constituents", "--data.extra_vars.tracks", "[z0]")
    done = salt("test", "--config", the_run(sample.folder) / "config.yaml", *words)
    assert done.code == 0, done.err
    (written,) = sample.folder.glob("logs/*/ckpts/*.h5")
    with h5py.File(written) as file, h5py.File(sample.file("test")) as source:
        jets, tracks, valid = file["jets"][:], file["tracks"][:], source["tracks"]["valid"]
    assert np.array_equal(jets["tiny_seen"], jets["event"])
    assert np.corrcoef(jets["tiny_count"], valid.sum(1))[0, 1] > 0.9
    assert np.allclose(tracks["tiny_z0"][valid], tracks["z0"][valid])


JETS_ONLY = '''
"""An encoder that passes the jet variables on."""

from salt_core import Encoded, Encoder, hookimpl


class JetsOnly(Encoder):
    """Jet variables alone, as in DL1."""

    def build(self, data):
        return Encoded(pooled=data.size("jets"), streams={})

    def encode(self, batch):
        return {}

    def pool(self, streams, batch):
        return batch.x


@hookimpl
def salt_encoders():
    return {"jets_only": JetsOnly}
'''


def test_an_encoder_without_any_stream_is_legal(sample, salt):
    """A head on constituents is refused with a reason."""
    (sample.folder / "jets_only.py").write_text(JETS_ONLY)
    words = ["--plugins", "[jets_only.py]", "--model.encoder", "jets_only", "--trainer.fast_dev_run", "2"]
    only = ["--model.tasks.origin", "null", "--model.tasks.vertexing", "null"]
    done = salt("fit", "--config", sample.config, *words, *only, "--data.variables.tracks", "null")
    assert done.code == 0, done.err
    done = salt("fit", "--config", sample.config, *words)
    assert done.code == 2
    assert "model.tasks.origin, input_name: the encoder gives no 'tracks'" in done.err


def test_output_for_an_object_that_is_not_there_is_not_dropped_in_silence(sample, salt, the_run):
    (sample.folder / "trivial.py").write_text(TRIVIAL.replace('"tracks": {"z0"', '"vertices": {"z0"'))
    (sample.folder / "trivial.yaml").write_text(CONFIG)
    assert salt("fit", "--config", sample.config, "--config", "trivial.yaml", "-f").code == 0
    done = salt("test", "--config", the_run(sample.folder) / "config.yaml")
    assert done.code == 2
    assert "a task writes to 'vertices'" in done.err
    assert not list(sample.folder.glob("logs/*/ckpts/*.h5"))
