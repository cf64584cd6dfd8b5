from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import binary_cross_entropy_with_logits

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Layout, Packed
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.gaussian_nll.loss import GaussianNLL
from salt_plugins.losses.mean_squared.loss import MeanSquared
from salt_plugins.tasks.flags.head import Flags

FACTS = DataFacts("jets", {"jets": ("pt",), "tracks": ("d0",)}, {}, {}, {}, {})


def make_task(name="jets", labels=("a", "b"), loss=None) -> Flags:
    torch.manual_seed(0)
    task = Flags(name, list(labels), loss or BinaryCrossEntropy(), [5])
    task.build(Encoded(4, {"tracks": 6}), FACTS)
    return task


def make_batch(a=(0, 1, 1), b=(1, -1, 0), c=(True, False, True, True, False)) -> JetBatch:
    packed = Packed(torch.zeros(5, 1), Layout.of(np.array([0, 2, 3])))
    columns = {"jets": {"a": torch.tensor(a), "b": torch.tensor(b)}, "tracks": {"c": torch.tensor(c)}}
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": packed}, columns, torch.tensor([70, 50, 60]))


def test_the_mean_over_all_flags_that_are_known():
    task, batch = make_task(), make_batch()
    logits = torch.randn(3, 2, requires_grad=True)
    known = [(0, 0, 0.0), (1, 0, 1.0), (2, 0, 1.0), (0, 1, 1.0), (2, 1, 0.0)]
    each = [binary_cross_entropy_with_logits(logits[i, j], torch.tensor(t)) for i, j, t in known]
    loss = task.loss(logits, batch)
    torch.testing.assert_close(loss, torch.stack(each).mean())
    loss.backward()
    assert logits.grad[1, 1] == 0


def test_nothing_known_gives_no_loss_and_no_nan():
    logits = torch.randn(3, 2, requires_grad=True)
    loss = make_task().loss(logits, make_batch(a=(-1, -1, -2), b=(-1, -1, -1)))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_constituents_and_what_is_written():
    task, batch = make_task("tracks", ("c",)), make_batch()
    task.check(batch)
    streams = {"tracks": Packed(torch.randn(5, 6), batch.streams["tracks"].layout)}
    logits = task(torch.randn(3, 4), streams, batch)
    written = task.outputs(logits, batch)
    assert list(written) == task.output_objects() == ["tracks"]
    torch.testing.assert_close(written["tracks"]["pc"], logits[:, 0].sigmoid())


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (-3, "-3"), (0.5, "0.5"), (float("nan"), "nan")])
def test_what_is_no_flag_is_named_with_its_row(value, shown):
    batch = make_batch(b=(0, 0, value))
    with pytest.raises(DataError, match=rf"label jets/b holds {shown} \(1 entry .* in row 60 of the file\)"):
        make_task().check(batch)


def test_mistakes():
    for labels in ([], ["a", "a"]):
        with pytest.raises(ConfigError, match=r"labels: .*name one column or more, each once"):
            Flags("jets", labels, BinaryCrossEntropy(), [5])
    for loss in (MeanSquared(), GaussianNLL()):
        with pytest.raises(ConfigError, match=r"loss: .*compares predictions with numbers"):
            make_task(loss=loss)


def test_from_the_command_line(sample, salt, the_run):
    config = yaml.safe_load(sample.config.read_text())
    config["data"]["labeller"] = {"jets": {"hard": {"classes": {"no": "pt <= 40", "yes": "pt > 40"}}}}
    config["model"]["tasks"] = {
        "both": {
            "plugin": "flags",
            "input_name": "jets",
            "labels": ["hard", "forward"],
            "loss": "binary_cross_entropy",
            "hidden_layers": [8],
        }
    }
    config["data"]["labeller"]["jets"]["forward"] = {"classes": {"no": "eta <= 1", "yes": "eta > 1"}}
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    assert salt("fit", "--config", sample.config, "--force").code == 0
    run = the_run(sample.folder)
    assert salt("test", "--config", run / "config.yaml").code == 0
    (written,) = run.glob("ckpts/*__test_*.h5")
    with h5py.File(written) as file:
        assert file["jets"].dtype.names[:2] == ("tiny_phard", "tiny_pforward")
        assert ((file["jets"]["tiny_phard"] > 0) & (file["jets"]["tiny_phard"] < 1)).all()
