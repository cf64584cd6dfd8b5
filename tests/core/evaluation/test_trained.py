"""The Python door to a trained model: what it predicts is what ``salt test`` writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

import salt_core
from salt_core import ConfigError, DataError, RunError, cores

PLUGIN = """
from pathlib import Path
from torch.optim import SGD
from salt_core import OptimizerFactory, hookimpl

Path("it_ran").touch()

class Plain(OptimizerFactory):
    def build(self, model, learning_rate, weight_decay):
        return SGD(model.parameters(), lr=learning_rate)

@hookimpl
def salt_optimizers():
    return {"plain": Plain}
"""


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def run(sample) -> Path:
    """A run directory of a trained model."""
    return sample.run


@pytest.fixture
def written(sample, salt, run) -> dict[str, np.ndarray]:
    """What ``salt test`` writes of jets and tracks."""
    done = salt("test", "--config", run / "config.yaml", "--data.write_constituents")
    assert done.code == 0, done.err
    (path,) = run.rglob("*__test_test.h5")
    return read(path)


def read(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Every column to the bit; the bits of NaN too."""
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert rows.dtype == other[name].dtype
        assert rows.shape == other[name].shape
        assert rows.tobytes() == other[name].tobytes()


def test_predicts_what_salt_test_writes(sample, run, written):
    model = salt_core.load(run)
    found = model.predict(sample.file("test"), batch_size=20, constituents=True)
    assert found["jets"].dtype.names[-2:] == ("event", "flavour_label")
    assert found["tracks"].shape == (45, 6)
    same(found, written)


def test_predicts_from_arrays_in_any_batches(sample, run, written):
    arrays = read(sample.file("test"))
    model = salt_core.load(str(run))
    same(model.predict(arrays, 20, constituents=True), written)
    one_by_one = model.predict(arrays, batch_size=1)
    assert list(one_by_one) == ["jets"]
    for name in one_by_one["jets"].dtype.names[:4]:
        assert np.allclose(one_by_one["jets"][name], written["jets"][name], atol=1e-6)
    assert np.array_equal(one_by_one["jets"]["event"], arrays["jets"]["event"])


def test_a_batch_is_predicted_in_pieces_of_any_size(sample, run, written, monkeypatch):
    model = salt_core.load(run)
    (batch,) = model.batches(sample.file("test"))
    calls = []
    model.module.register_forward_pre_hook(lambda module, inputs: calls.append(inputs[0].num_jets))
    monkeypatch.setattr(cores, "ROWS_IN_CACHE", 20)
    found = model.predict(sample.file("test"), constituents=True)
    assert len(calls) == cores.num_pieces(batch.num_rows) > 3
    assert sum(calls) == 45
    for name, rows in written.items():
        for column in rows.dtype.names:
            one, other = (rows[column].astype(float) for rows in (rows, found[name]))
            assert np.allclose(one, other, rtol=0, atol=1e-6, equal_nan=True), column


def test_a_checkpoint_carries_all_that_is_needed(sample, run, written):
    (best,) = (run / "ckpts").glob("epoch=000-val_loss*.ckpt")
    moved = shutil.copy(best, sample.folder / "moved.ckpt")
    shutil.rmtree(run)
    for name in ("norm_dict.yaml", "class_dict.yaml", "train.h5", "val.h5"):
        (sample.folder / name).unlink()
    model = salt_core.load(moved)
    assert model.checkpoint == Path(moved)
    same(model.predict("test.h5", 20, constituents=True), written)


def test_several_files_and_wildcards(sample, run):
    model = salt_core.load(run)
    for name in ("one", "two"):
        shutil.copy(sample.file("test"), sample.folder / f"part_{name}.h5")
    single = model.predict("test.h5")["jets"]
    for source in ("part_*.h5", ["part_one.h5", sample.folder / "part_two.h5"]):
        assert model.predict(source)["jets"].tobytes() == single.tobytes() * 2


def test_files_of_other_slots_are_told(sample, run):
    with h5py.File(sample.file("test")) as file, h5py.File("narrow.h5", "w") as narrow:
        narrow["jets"], narrow["tracks"] = file["jets"][:], file["tracks"][:, :4]
    model = salt_core.load(run)
    assert len(model.predict(["test.h5", "narrow.h5"])["jets"]) == 90
    with pytest.raises(
        RunError, match=r"different numbers of slots for tracks, 4, 6: predict them one by one"
    ):
        model.predict(["test.h5", "narrow.h5"], constituents=True)


def test_classes_and_configuration(run):
    model = salt_core.load(run)
    assert model.class_names == {
        "flavour": ("bjets", "cjets", "ujets", "taus"),
        "origin": tuple(f"o{i}" for i in range(8)),
    }
    assert model.config["model"]["encoder"]["embed_dim"] == 8
    assert model.config["name"] == "tiny"


def test_labels_and_extra_variables_need_not_be_there(sample, run, written):
    arrays = read(sample.file("test"))
    jets = arrays["jets"][["pt", "eta", "event"]]
    tracks = arrays["tracks"][["d0", "z0", "hits", "valid"]]
    found = salt_core.load(run).predict({"jets": jets, "tracks": tracks, "muons": object()}, 20)
    assert found["jets"].dtype.names == (*written["jets"].dtype.names[:4], "event")
    for name in found["jets"].dtype.names:
        assert np.array_equal(found["jets"][name], written["jets"][name])


def test_a_model_of_devices_that_are_not_here(run, sample):
    config = run / "config.yaml"
    content = yaml.safe_load(config.read_text())
    content["trainer"] |= {"accelerator": "gpu", "devices": [0, 1, 2, 3], "strategy": "ddp"}
    config.write_text(yaml.safe_dump(content))
    assert len(salt_core.load(run).predict("test.h5")["jets"]) == 45


def without(name: str, column: str):
    def take(arrays: dict) -> dict:
        kept = [field for field in arrays[name].dtype.names if field != column]
        return arrays | {name: arrays[name][kept]}

    return take


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("jets", "pt"), "has no variable 'pt'"),
        (without("tracks", "valid"), "has no variable 'valid'"),
        (lambda arrays: {"jets": arrays["jets"]}, "no dataset 'tracks' for object 'tracks'"),
        (lambda arrays: {}, "no dataset 'jets' for object 'jets'"),
        (lambda arrays: arrays | {"jets": arrays["tracks"]}, "needed: named fields and one row per jet"),
        (lambda arrays: arrays | {"jets": np.zeros((45, 2))}, "needed: named fields"),
        (lambda arrays: arrays | {"jets": arrays["jets"][:5]}, "differ in length"),
        (lambda arrays: {name: rows[:0] for name, rows in arrays.items()}, "has no jets"),
        (lambda arrays: arrays | {"jets": object()}, "the array 'jets' cannot be used"),
        (lambda arrays: "missing.h5", "does not exist"),
        (lambda arrays: "missing_*.h5", "no file fits"),
        (lambda arrays: [], "an empty list of files"),
    ],
)
def test_what_cannot_be_predicted(sample, run, change, said):
    with pytest.raises((ConfigError, DataError), match=said):
        salt_core.load(run).predict(change(read(sample.file("test"))))


def test_values_that_are_not_finite(sample, run):
    arrays = read(sample.file("test"))
    arrays["jets"]["pt"][7] = np.nan
    with pytest.raises(DataError, match=r"jets/pt has 1 in 1 of the jets, rows 7 of arrays-"):
        salt_core.load(run).predict(arrays, batch_size=5)


@pytest.mark.parametrize("device", ["nothing", "cuda:99", "xpu"])
def test_devices_that_are_not_there(sample, run, device):
    with pytest.raises(ConfigError, match=f"device: '{device}' cannot be used"):
        salt_core.load(run).predict("test.h5", device=device)


def test_batches_of_nothing(sample, run):
    with pytest.raises(ConfigError, match="batch_size: 0 is not a number of jets"):
        salt_core.load(run).predict("test.h5", batch_size=0)


def test_what_is_no_model(sample):
    (sample.folder / "empty").mkdir()
    for name, said in (
        ("empty", "is no run directory"),
        ("missing", "does not exist"),
        ("train.h5", "cannot be read"),
    ):
        with pytest.raises((ConfigError, DataError), match=said):
            salt_core.load(name)


def test_a_plugin_file_that_a_checkpoint_names_is_not_run(sample, salt):
    (sample.folder / "plain.py").write_text(PLUGIN)
    words = ("--plugins", "[plain.py]", "--model.optimizer", "plain", "--log_suffix", "b")
    assert salt("fit", "--config", sample.config, "-f", *words).code == 0
    run = sample.folder / "logs" / "tiny_b"
    checkpoint = run / "ckpts" / "last.ckpt"
    (sample.folder / "it_ran").unlink()
    own = run / "plugins" / "plain.py"
    own.write_text(PLUGIN + "\n# another content, so that it is imported anew")
    with pytest.raises(ConfigError, match="names files that would be run"):
        salt_core.load(checkpoint)
    assert not (sample.folder / "it_ran").exists()
    assert salt_core.load(checkpoint, plugins=["plain.py"]).config["model"]["optimizer"] == "plain"
    assert salt_core.load(run).config["model"]["optimizer"] == "plain"
    assert (sample.folder / "it_ran").exists()


def test_the_state_of_torch_is_left_alone(sample, run):
    state = torch.get_rng_state()
    model = salt_core.load(run)
    model.predict("test.h5")
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.equal(torch.get_rng_state(), state)
