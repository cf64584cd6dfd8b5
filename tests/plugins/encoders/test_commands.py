"""Each encoder from the command line: trained, evaluated, its options refused and explained."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import yaml
from numpy.lib.recfunctions import append_fields


def choose(sample, encoder, streams: bool = True, tasks=("flavour", "origin", "vertexing")) -> None:
    """Give the tiny model another encoder, and leave out what it has no vectors for."""
    config = yaml.safe_load(sample.config.read_text())
    config["model"]["encoder"] = encoder
    config["model"]["tasks"] = {name: config["model"]["tasks"][name] for name in tasks}
    if not streams:
        del config["data"]["variables"]["tracks"]
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))


TRACKS = {"tracks": {"hidden_layers": [8]}}
PART = {
    "columns": {"tracks": {"pt": "hits", "eta": "d0", "phi": "z0"}},
    "embed_dims": [8],
    "num_layers": 1,
    "num_heads": 2,
    "pair_embed_dims": [4],
}
SMALL = {"num_layers": 1, "embed_dim": 8, "num_heads": 2, "out_dim": 8}
EVERYTHING = {
    "norm_type": "hybrid",
    "differential": True,
    "drop_path": 0.1,
    "pooling": "mean",
    "init_nets": {
        "tracks": {
            "hidden_layers": [8],
            "attach_global": False,
            "pos_enc": {"variables": ["d0", "z0"], "dim": 4, "max_frequency": 10},
        },
        "global": {"hidden_layers": [4]},
    },
}


@pytest.mark.parametrize(
    ("encoder", "streams", "tasks"),
    [
        ({"plugin": "gn2", **SMALL, **EVERYTHING}, True, ("flavour", "origin", "vertexing")),
        (
            {"plugin": "deepsets", "init_nets": TRACKS, "embed_dim": 8, "out_dim": 8},
            True,
            ("flavour", "origin"),
        ),
        ({"plugin": "dense", "hidden_layers": [16, 8]}, False, ("flavour",)),
        ({"plugin": "dense", "hidden_layers": [8]}, True, ("flavour",)),
        ({"plugin": "part", **PART}, True, ("flavour", "origin", "vertexing")),
    ],
    ids=["gn2", "deepsets", "dense without streams", "dense beside streams", "part"],
)
def test_it_is_trained_and_evaluated(sample, salt, the_run, encoder, streams, tasks):
    choose(sample, encoder, streams, tasks)
    checked = salt("check", "--config", sample.config, "--force")
    assert checked.code == 0, checked.err
    trained = salt("fit", "--config", sample.config, "--force")
    assert trained.code == 0, trained.err
    run = the_run(sample.folder)
    outcome = salt("test", "--config", run / "config.yaml", "--data.test_file", sample.file("test"))
    assert outcome.code == 0, outcome.err
    (path,) = run.glob("**/*.h5")
    with h5py.File(path) as file:
        assert {"tiny_pb", "tiny_pc"} <= set(file["jets"].dtype.names)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (
            {"plugin": "gn2", "init_nets": {"tracks": {"pos_enc": {"variables": ["d1"]}}}},
            "init_nets.tracks, pos_enc, variables: 'd1' is no input variable",
        ),
        ({"plugin": "gn2", "init_nets": TRACKS, "conditioning": "featurewise"}, "data.parameters names none"),
        (
            {"plugin": "dense", "hidden_layers": [8]},
            "model.tasks.origin, input_name: the encoder gives no 'tracks'",
        ),
    ],
    ids=str,
)
def test_mistakes_are_told_before_anything_runs(sample, salt, encoder, message):
    choose(sample, encoder)
    for command in ("check", "fit"):
        outcome = salt(command, "--config", sample.config)
        assert outcome.code == 2
        assert message in outcome.out + outcome.err


def test_several_streams_and_a_head_on_one_of_them(sample, salt, the_run):
    for name in ("train", "val", "test"):
        with h5py.File(sample.file(name), "r+") as file:
            for stream, slots in (("electrons", 2), ("flows", 4)):
                file[stream] = file["tracks"][:, :slots][::-1]
    norms = yaml.safe_load((sample.folder / "norm_dict.yaml").read_text())
    norms |= {"electrons": norms["tracks"], "flows": norms["tracks"]}
    (sample.folder / "norm_dict.yaml").write_text(yaml.safe_dump(norms))
    choose(sample, {"plugin": "gn2", "init_nets": {**TRACKS, "electrons": {}, "flows": {}}, **SMALL})
    config = yaml.safe_load(sample.config.read_text())
    config["data"]["variables"] |= {"electrons": ["d0"], "flows": ["z0", "hits"]}
    config["model"]["tasks"]["electron_origin"] = config["model"]["tasks"]["origin"] | {
        "input_name": "electrons"
    }
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    trained = salt("fit", "--config", sample.config, "--force")
    assert trained.code == 0, trained.err
    config_of_run = the_run(sample.folder) / "config.yaml"
    outcome = salt("test", "--config", config_of_run, "--data.write_constituents", "true")
    assert outcome.code == 0, outcome.err
    (path,) = the_run(sample.folder).glob("**/*.h5")
    with h5py.File(path) as file, h5py.File(sample.file("test")) as source:
        predicted = file["electrons"]["tiny_po0"]
        assert (np.isfinite(predicted) == source["electrons"]["valid"]).all()
        assert predicted.shape == (45, 2)


@pytest.mark.parametrize(
    "encoder",
    [
        {"plugin": "gn2", "init_nets": TRACKS, **SMALL, "conditioning": "featurewise"},
        {"plugin": "dense", "hidden_layers": [8]},
    ],
    ids=["gn2", "dense"],
)
def test_what_is_predicted_depends_on_the_parameters(sample, salt, the_run, encoder):
    for name in ("train", "val", "test"):
        with h5py.File(sample.file(name), "r+") as file:
            jets, attributes = file["jets"][:], dict(file["jets"].attrs)
            masses = np.where(jets["flavour_label"] > 0, 20, np.nan).astype("f4")
            del file["jets"]
            file["jets"] = append_fields(jets, "mass", masses, usemask=False)
            file["jets"].attrs.update(attributes)
    choose(sample, encoder, tasks=("flavour",))
    config = yaml.safe_load(sample.config.read_text())
    config["data"]["parameters"] = {"mass": {"train": [5, 20, 50], "test": 20}}
    # Long enough steps that films, which start as the identity, are none any more.
    config["model"]["lrs_config"] = {"initial": 0.01, "max": 0.05, "end": 0.01}
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    checked = salt("check", "--config", sample.config, "--force")
    assert checked.code == 0, checked.err
    assert salt("fit", "--config", sample.config, "--force").code == 0
    predictions = []
    for mass in (20, 50):
        words = ("--data.parameters.mass.test", mass, "--data.test_suff", mass)
        outcome = salt("test", "--config", the_run(sample.folder) / "config.yaml", *words)
        assert outcome.code == 0, outcome.err
        (path,) = the_run(sample.folder).glob(f"**/*{mass}*.h5")
        with h5py.File(path) as file:
            predictions.append(file["jets"]["tiny_pb"].astype("f4"))
    assert (np.abs(predictions[0] - predictions[1]) > 1e-3).mean() > 0.5
