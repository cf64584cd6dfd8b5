"""Cuts, labels made of other columns and parameters, from the YAML to the file of predictions."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
import yaml

import salt_core

LABELLER = """
data:
  labeller:
    jets:
      made_label: {classes: {b: flavour_label == 0, c: flavour_label == 1, other: flavour_label > 1}}
  multi_target:
    tracks:
      made_origin: [{source: hits, where: hits > 7}, {source: origin}]
  selections: {jets: [eta > -1], tracks: [hits > 1]}
  extra_vars: {jets: [made_label, event], tracks: [made_origin]}
  write_constituents: true
model:
  tasks:
    flavour: {label: made_label, loss: {weight: null}}
    origin: {label: made_origin, class_names: [a, b, c, d, e, f, g, h, i, j]}
    vertexing: null
"""


@pytest.fixture
def trained(sample, salt, the_run):
    (sample.folder / "more.yaml").write_text(LABELLER)
    done = salt("fit", "--config", sample.config, "--config", "more.yaml", "--force")
    assert done.code == 0, done.err
    return the_run(sample.folder)


@pytest.mark.parametrize("loader", ["hdf5", "packed"])
def test_made_labels_and_cuts(trained, sample, salt, loader):
    done = salt("test", "--config", trained / "config.yaml", "--data.loader", loader)
    assert done.code == 0, done.err
    with h5py.File(sample.file("test")) as file:
        jets, tracks = file["jets"][:], file["tracks"][:]
    passed = np.flatnonzero(jets["eta"] > -1)
    (written,) = trained.glob("ckpts/*__test_*.h5")
    with h5py.File(written) as file:
        assert file["jets"].dtype.names == ("tiny_pb", "tiny_pc", "tiny_pother", "made_label", "event")
        assert file["jets"]["event"].tolist() == passed.tolist()
        label = np.minimum(jets["flavour_label"], 2)[passed]
        assert file["jets"]["made_label"].tolist() == label.tolist()
        used = (tracks["valid"] & (tracks["hits"] > 1))[passed]
        assert np.array_equal(file["tracks"]["valid"], used)
        origin = np.where(tracks["hits"] > 7, tracks["hits"], tracks["origin"])[passed]
        assert np.array_equal(file["tracks"]["made_origin"][used], origin[used])
        predicted = file["jets"]["tiny_pb"]
    model = salt_core.load(trained)
    assert np.allclose(model.predict(sample.file("test"))["jets"]["tiny_pb"][passed], predicted, atol=1e-6)


def test_a_file_without_what_labels_are_made_of(trained, sample, salt):
    with h5py.File(sample.file("test")) as file, h5py.File("bare.h5", "w") as bare:
        names = ["pt", "eta", "event"]
        bare["jets"] = file["jets"].fields(names)[:]
        bare["tracks"] = file["tracks"][:]
    words = ("--config", trained / "config.yaml", "--data.test_file", "bare.h5")
    done = salt("test", *words)
    assert done.code == 2
    assert "has no variable 'made_label'" in done.err
    done = salt("test", *words, "--data.extra_vars.jets", "[event]")
    assert done.code == 0, done.err


def test_jets_without_class_are_refused_where_labels_are_required(sample, salt):
    sample.folder.joinpath("more.yaml").write_text(
        "data: {labeller: {jets: {flavour_label: {classes: {b: flavour_label == 0, c: flavour_label == 1},"
        " require_labels: true}}}}\nmodel: {tasks: {flavour: {loss: {weight: null}}}}\n"
    )
    for command in ("check", "fit"):
        done = salt(command, "--config", sample.config, "--config", "more.yaml", "--force")
        assert done.code in (1, 2)
        assert "data.labeller.jets.flavour_label" in done.err
        assert "fit no class (b, c)" in done.err
    assert not (sample.folder / "logs").exists()


def test_parameters(sample, salt, the_run):
    for name in ("train", "val"):
        with h5py.File(sample.file(name), "r+") as file:
            jets = file["jets"][:]
            jets["pt"][::2] = np.nan
            file["jets"][:] = jets
    config = yaml.safe_load(sample.config.read_text())
    config["data"]["variables"]["jets"] = ["eta"]
    config["data"]["parameters"] = {"pt": {"train": [10, 50, 90], "test": 50}}
    sample.config.write_text(yaml.safe_dump(config))
    done = salt("fit", "--config", sample.config, "--force")
    assert done.code == 0, done.err
    run = the_run(sample.folder)
    done = salt("test", "--config", run / "config.yaml")
    assert done.code == 0, done.err
    model = salt_core.load(run)
    assert model.module.facts.parameters["pt"] == (50.0, pytest.approx(np.sqrt(3200 / 3)))
    first = model.predict(sample.file("test"))["jets"]["tiny_pb"]
    words = ("--data.parameters.pt.test", "200", "--data.test_suff", "far")
    assert salt("test", "--config", run / "config.yaml", *words).code == 0
    (far,) = run.glob("ckpts/*_far.h5")
    with h5py.File(far) as file:
        assert not np.allclose(file["jets"]["tiny_pb"], first)


def test_training_draws_by_seed_and_epoch_and_validation_stays(sample):
    from salt_core.data.batch import JetBatch
    from salt_core.data.derived import Derived
    from salt_core.data.parameters import Parameter

    derived = Derived("jets", {}, {}, {"m": Parameter([1.0, 2.0], 3.0)})
    rows = torch.arange(64)
    batch = JetBatch("jets", torch.zeros(64, 0), {}, {"jets": {"m": torch.full((64,), torch.nan)}}, rows)

    def drawn(sample, epoch):
        return derived.complete(batch, {"jets": ["m"]}, sample, 1, epoch).raw("jets")["m"]

    assert not torch.equal(drawn("train", 0), drawn("train", 1))
    assert torch.equal(drawn("train", 1), drawn("train", 1))
    assert (drawn("test", 0) == 3).all()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--data.selections.jet", "[pt > 1]"),
            "data.selections: no input is called 'jet'; did you mean 'jets'",
        ),
        (("--data.selections.jets", "[pt >> 1]"), "data.selections.jets: 'pt >> 1' is no condition"),
        (("--data.selections.jets", "[pt < 0]"), "has no jets that pass data.selections (pt < 0)"),
        (("--data.selections.tracks", "[hit < 0]"), "has no variable 'hit'; did you mean 'hits'"),
        (("--data.parameters.mass", "{train: [], test: 1}"), "data.parameters.mass: train []"),
        (("--data.parameters.mass", "{train: [1], test: 1}"), "has no variable 'mass'"),
        (
            ("--data.labeller.jets.x", "{classes: {b: pt}}"),
            "data.labeller.jets.x.classes.b: 'pt' is no condition",
        ),
        (("--data.labeller.jetz.x", "{classes: {b: pt > 1}}"), "data.labeller: no input is called 'jetz'"),
        (("--data.multi_target.jets.x", "[]"), "data.multi_target.jets.x: no case is left"),
        (("--data.variables", "{jets: [pt], a.b: [d0]}"), "data.variables: 'a.b' cannot name an object"),
    ],
)
def test_mistakes(sample, salt, flags, message):
    for command in ("fit", "check") if flags[0].startswith("--data.parameters") else ("check",):
        done = salt(command, "--config", sample.config, "--force", *flags)
        assert done.code == 2, done.err
        assert message in done.err
        assert "Traceback" not in done.err
