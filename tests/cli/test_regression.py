"""Regression from the command line: fit, check and test, with one configuration for each kind of head."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import yaml
from numpy.lib.recfunctions import append_fields, drop_fields


def add_targets(path, seed: int) -> None:
    """Give the jets of a file a true momentum, some of them NaN, and weights; the tracks a number."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "r+") as file:
        jets, tracks = file["jets"][:], file["tracks"][:]
        true = (jets["pt"] + 1) * rng.uniform(0.8, 1.2, len(jets))
        true[::7] = np.nan
        new = {"true_pt": true, "reco_pt": jets["pt"] + 1, "w": rng.uniform(0, 2, len(jets))}
        for name, values in new.items():
            jets = append_fields(jets, name, values.astype("f4"), usemask=False)
        flat = append_fields(tracks.ravel(), "size", tracks["z0"].ravel() ** 2, usemask=False)
        attributes = dict(file["jets"].attrs)
        del file["jets"], file["tracks"]
        file["jets"], file["tracks"] = jets, flat.reshape(tracks.shape)
        file["jets"].attrs.update(attributes)


@pytest.fixture
def configured(sample):
    """Write a configuration with one task."""
    for seed, name in enumerate(("train", "val", "test")):
        add_targets(sample.file(name), seed)
    config = yaml.safe_load(sample.config.read_text())

    def write(*tasks: dict[str, object]) -> None:
        common = {"input_name": "jets", "hidden_layers": [8]}
        config["model"]["tasks"] = {f"number{i}": common | task for i, task in enumerate(tasks)}
        config["data"]["write_constituents"] = True
        sample.config.write_text(yaml.safe_dump(config, sort_keys=False))

    return write


def trained_and_tested(sample, salt, the_run, test_file="test") -> dict[str, np.ndarray]:
    """Return the predictions of a training's test, by object."""
    done = salt("fit", "--config", sample.config, "--force")
    assert done.code == 0, done.err
    run = the_run(sample.folder)
    done = salt("test", "--config", run / "config.yaml", "--data.test_file", sample.file(test_file))
    assert done.code == 0, done.err
    (written,) = run.rglob("*.h5")
    with h5py.File(written) as file:
        return {name: file[name][:] for name in file}


PLAIN = {"plugin": "regression", "targets": "true_pt", "loss": "mean_squared"}


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        (PLAIN | {"norm_params": {"mean": 51.0, "std": 50}}, ["tiny_true_pt"]),
        (
            PLAIN
            | {
                "targets": ["true_pt", "reco_pt"],
                "loss": {"plugin": "huber", "delta": 2},
                "scaler": {"true_pt": "log", "reco_pt": {"op": "log1p", "scale": 2, "offset": 1}},
                "custom_output_names": ["p", "q"],
                "sample_weight": "w",
            },
            ["tiny_p", "tiny_q"],
        ),
        (
            PLAIN
            | {"plugin": "gaussian_regression", "loss": "gaussian_nll", "target_denominators": ["reco_pt"]},
            ["tiny_true_pt", "tiny_true_pt_stddev"],
        ),
    ],
    ids=["norms", "functions, weights, several", "gaussian, ratio"],
)
def test_jets(configured, sample, salt, the_run, task, columns):
    configured(task)
    checked = salt("check", "--config", sample.config, "--force")
    assert checked.code == 0, checked.err
    jets = trained_and_tested(sample, salt, the_run)["jets"]
    assert list(jets.dtype.names) == [*columns, "event", "flavour_label"]
    assert all(jets.dtype[column] == np.float32 and np.isfinite(jets[column]).all() for column in columns)
    assert len(np.unique(jets[columns[0]])) > 10
    assert all((jets[column] > 0).all() for column in columns if column.endswith("_stddev"))


def test_constituents(configured, sample, salt, the_run):
    configured(PLAIN | {"input_name": "tracks", "targets": "size", "loss": "l1", "scaler": {"size": "sqrt"}})
    tracks = trained_and_tested(sample, salt, the_run)["tracks"]
    assert np.array_equal(np.isfinite(tracks["tiny_size"]), tracks["valid"])
    assert (tracks["tiny_size"][tracks["valid"]] >= 0).all()


def test_a_file_without_targets_is_evaluated_and_one_without_denominators_is_not(
    configured, sample, salt, the_run
):
    configured(PLAIN | {"target_denominators": "reco_pt"})
    with h5py.File(sample.file("test"), "r+") as file:
        jets, attributes = file["jets"][:], dict(file["jets"].attrs)
        for name, column in (("unlabelled", ["true_pt"]), ("bare", ["true_pt", "reco_pt"])):
            with h5py.File(sample.file(name), "w") as other:
                other["jets"] = drop_fields(jets, column, usemask=False)
                other["jets"].attrs.update(attributes)
                file.copy("tracks", other)
    written = trained_and_tested(sample, salt, the_run, "unlabelled")["jets"]
    assert np.isfinite(written["tiny_true_pt"]).all()
    run = the_run(sample.folder)
    refused = salt("test", "--config", run / "config.yaml", "--data.test_file", sample.file("bare"))
    assert refused.code == 2, refused.err
    assert "reco_pt" in refused.err


def test_check_and_fit_name_the_row_that_cannot_be_used(configured, sample, salt):
    configured(PLAIN | {"target_denominators": "reco_pt"}, PLAIN | {"targets": "w", "scaler": {"w": "log"}})
    with h5py.File(sample.file("train"), "r+") as file:
        jets = file["jets"][:]
        jets["reco_pt"][33], jets["w"][[35, 55]] = 0, -2
        file["jets"][:] = jets
    denominator = "jets/reco_pt, by which target true_pt is divided, holds 0 (1 entry in this batch, in "
    logarithm = "target jets/w holds -2 (2 entries in this batch, the first in row"
    checked = salt("check", "--config", sample.config, "--force")
    assert checked.code == 2
    assert f"model.tasks.number0 (data.train_file): {denominator}row 33 of the file)" in checked.err
    assert f"model.tasks.number1 (data.train_file): {logarithm}" in checked.err
    trained = salt("fit", "--config", sample.config, "--force")
    assert trained.code == 1
    assert denominator in trained.err or "target jets/w holds -2 (" in trained.err, trained.err
    assert "Traceback" not in trained.err


@pytest.mark.parametrize("command", ["check", "fit"])
def test_options_that_do_not_fit_are_told_together(configured, sample, salt, command):
    configured(
        PLAIN | {"scaler": {"true_pt": "lg"}},
        PLAIN | {"norm_params": {"mean": 1.0, "std": 1.0}, "target_denominators": "reco_pt"},
        PLAIN | {"loss": "gaussian_nll"},
        PLAIN | {"loss": "cross_entropy"},
    )
    refused = salt(command, "--config", sample.config)
    assert refused.code == 2
    for message in (
        "model.tasks.number0, scaler.true_pt: there is no operation 'lg'; did you mean 'log'",
        "model.tasks.number1, norm_params: targets are scaled in one way, and target_denominators and",
        "model.tasks.number2, loss: it asks for 2 predictions per target",
        "model.tasks.number3, loss: CrossEntropy compares predictions with classes, and jets/true_pt is given",
    ):
        assert message in refused.err, refused.err
