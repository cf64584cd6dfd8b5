from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

import salt_core
from salt_core.training.record import commits_of
from salt_plugins.commands.export import checking, graph
from salt_plugins.commands.export.inputs import inputs_of
from salt_plugins.commands.export.jets import real_jets

JET_OUTPUTS = ["tiny_pb", "tiny_pc", "tiny_pu", "tiny_ptau"]


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def run(sample) -> Path:
    """A run directory of a trained model."""
    for package in graph.PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    return sample.run


def told_by(path: Path):
    import onnx

    model = onnx.load(str(path))
    (text,) = (one.value for one in model.metadata_props if one.key == graph.METADATA_KEY)
    return model, json.loads(text)


def tamper(path: Path, target: Path) -> None:
    """Change one weight of the jets' head."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    (weight,) = (
        one for one in model.graph.initializer if one.name.endswith("flavour.head.net.layers.1.bias")
    )
    values = numpy_helper.to_array(weight).copy()
    values[0] += 0.001
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save_model(model, str(target))


def test_a_run_is_exported_and_checked_again(run, salt):
    done = salt(
        *("export", run, "--out", "m.onnx", "--num_jets", 40),
        *("--combine", "tiny_pbc=tiny_pb+0.5*tiny_pc", "--rename", "tiny_pb=X"),
    )
    assert done.code == 0, done.err
    # 40 random ones, and as many of the run's own test sample.
    assert "in 80 jets" in done.out
    assert done.out.splitlines()[-1] == "wrote m.onnx"

    model, told = told_by(Path("m.onnx"))
    names = [one.name for one in model.graph.output]
    assert names[:4] == ["X", *JET_OUTPUTS[1:]]
    assert names[-2:] == ["tiny_VertexIndex", "tiny_pbc"]
    assert [one["name"] for one in told["outputs"]] == names
    assert told["outputs"][-1]["terms"] == {"pb": 1.0, "pc": 0.5}
    of_jets, of_tracks = told["inputs"]
    assert of_jets == {
        "name": "jet_features",
        "object": "jets",
        "rows": 1,
        "variables": [
            {"name": "pt", "offset": -50.0, "scale": 0.02},
            {"name": "eta", "offset": -0.5, "scale": 0.5},
        ],
    }
    assert (of_tracks["name"], of_tracks["rows"]) == ("track_features", "n_tracks")
    assert [one["name"] for one in of_tracks["variables"]] == ["d0", "z0", "hits"]
    assert told["classes"]["flavour"] == ["bjets", "cjets", "ujets", "taus"]
    assert (told["model"], told["checkpoint"][-5:]) == ("tiny", ".ckpt")
    assert told["salt_version"] == model.producer_version == salt_core.__version__
    assert told["commits"] == commits_of(run) != ""  # of this very repository, from which the tests run
    assert (told["global_object"], told["form"], told["selections"]) == ("jets", "one jet", None)

    again = salt("export", "--check", "m.onnx", "--run", run, "--num_jets", 20)
    assert again.code == 0, again.err
    assert "in 40 jets" in again.out

    tamper(Path("m.onnx"), Path("changed.onnx"))
    noticed = salt("export", "--check", "changed.onnx", "--run", run, "--num_jets", 20)
    assert noticed.code == 1
    assert "does not predict what the checkpoint predicts: X (" in noticed.err


def test_the_form_for_batches_is_written_and_checked_again(run, salt):
    import onnxruntime

    names = ("--rename", "tiny_pb=X", "--combine", "tiny_po=tiny_po0+0.5*tiny_po1")
    done = salt("export", run, "--batched", "--out", "m.onnx", "--num_jets", 40, *names)
    assert done.code == 0, done.err
    told = told_by(Path("m.onnx"))[1]
    assert (told["form"], told["inputs"][1]["rows"]) == ("padded batch", "n_tracks")
    assert told["outputs"][-1] == {
        "name": "tiny_po",
        "object_name": "tracks",
        "column": "",
        "terms": {"po0": 1.0, "po1": 0.5},
    }
    session = onnxruntime.InferenceSession("m.onnx")
    rng = np.random.default_rng(1)
    feed = {
        "jet_features": rng.normal(size=(3, 2)).astype(np.float32),
        "track_features": rng.normal(size=(3, 4, 3)).astype(np.float32),
        "n_tracks": np.array([4, 0, 2]),
    }
    names = ["tiny_po0", "tiny_po1", "tiny_po", "X"]
    first, second, found, pb = session.run(names, feed)
    assert np.allclose(found, first + 0.5 * second, equal_nan=True)
    assert np.isfinite(found).sum(axis=1).tolist() == [4, 0, 2]
    assert pb.shape == (3,)
    assert [(one.name, one.shape) for one in session.get_inputs()] == [
        ("jet_features", ["batch", 2]),
        ("track_features", ["batch", "max_tracks", 3]),
        ("n_tracks", ["batch"]),
    ]
    again = salt("export", "--check", "m.onnx", "--run", run, "--num_jets", 20)
    assert again.code == 0, again.err
    assert "in 40 jets" in again.out
    tamper(Path("m.onnx"), Path("changed.onnx"))
    assert salt("export", "--check", "changed.onnx", "--run", run, "--num_jets", 20).code == 1


@pytest.fixture
def lone_checkpoint(sample, salt) -> Path:
    """A checkpoint of a model of regressions, without its run."""
    for package in graph.PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    dense = ("--model.encoder", "{plugin: dense, hidden_layers: [8]}")
    tasks = {
        **dict.fromkeys(("flavour", "origin", "vertexing")),
        "pt": {
            "plugin": "regression",
            "input_name": "jets",
            "targets": "pt",
            "loss": "l1",
            "hidden_layers": [8],
        },
    }
    words = [word for name, task in tasks.items() for word in (f"--model.tasks.{name}", json.dumps(task))]
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "b", *dense, *words).code == 0
    (checkpoint,) = sample.folder.glob("logs/tiny_b/ckpts/*val_loss*.ckpt")
    (sample.folder / "alone").mkdir()
    checkpoint.rename(sample.folder / "alone" / "x.ckpt")
    shutil.rmtree(sample.folder / "logs")
    return sample.folder / "alone" / "x.ckpt"


def test_a_checkpoint_alone_of_regressions_is_exported(lone_checkpoint, salt):
    done = salt("export", lone_checkpoint, "--num_jets", 5)
    assert done.code == 0, done.err
    model, told = told_by(lone_checkpoint.with_suffix(".onnx"))
    assert [one.name for one in model.graph.output] == ["tiny_pt"]
    assert told["classes"] == {}
    # A name that the graph has for something else makes no file.
    done = salt("export", lone_checkpoint, "--out", "m.onnx", "--rename", "tiny_pt=jet_features")
    assert (done.code, "--rename: 'jet_features' is the name of an input" in done.err) == (2, True)
    assert not Path("m.onnx").exists()


def test_a_file_that_does_not_agree_is_not_left(lone_checkpoint, salt, monkeypatch):
    monkeypatch.setattr(checking, "TOLERANCE", 0.0)
    done = salt("export", lone_checkpoint, "--num_jets", 5)
    assert done.code == 1
    assert "does not predict" in done.err
    assert list(lone_checkpoint.parent.iterdir()) == [lone_checkpoint]


@pytest.mark.full
def test_names_inside_the_batch_are_not_those_of_outputs(lone_checkpoint, salt):
    assert salt("export", lone_checkpoint, "--num_jets", 5, "--batched").code == 0
    free = [word for name in ("always", "zero", "jet", "go_on") for word in ("--combine", f"{name}=tiny_pt")]
    done = salt("export", lone_checkpoint, "--batched", "--out", "m.onnx", "--num_jets", 5, *free)
    assert done.code == 0, done.err
    Path("m.onnx").unlink()
    one_jet = lone_checkpoint.with_name("one.onnx")
    assert salt("export", lone_checkpoint, "--out", one_jet, "--num_jets", 5).code == 0
    made = told_by(one_jet)[0].graph
    taken = {node.output[0] for node in made.node} | {one.name for one in made.initializer}
    taken = {name for name in taken if re.fullmatch(r"[A-Za-z_][\w.]*", name)} - {"tiny_pt"}
    for name, form in zip(sorted(taken)[:2], ((), ("--batched",)), strict=True):
        done = salt("export", lone_checkpoint, *form, "--out", "m.onnx", "--rename", f"tiny_pt={name}")
        assert (done.code, f"--rename: {name!r} is the name" in done.err) == (2, True), done.err
        assert not Path("m.onnx").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one run or checkpoint"),
        (["one", "--run", "other"], "name one run or checkpoint"),
        (["one", "--check", "m.onnx", "--rename", "a=b"], "--check: takes neither"),
        (["one", "--check", "m.onnx", "--batched"], "--check: takes neither"),
        (["none"], "error: the checkpoint"),
        (
            ["empty"],
            "empty is no run directory: it has no config.yaml; a checkpoint has its configuration in it",
        ),
    ],
)
def test_misuse(tmp_path, monkeypatch, salt, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graph, "require_packages", lambda: None)
    Path("empty").mkdir()
    done = salt("export", *words)
    assert done.code == 2
    assert message in done.err


def test_packages_that_are_missing_are_one_message(tmp_path, monkeypatch, salt):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graph.importlib.util, "find_spec", lambda name: None)
    done = salt("export", "run")
    told = "needs onnx and onnxruntime and onnxscript, which salt does not install by itself"
    assert (done.code, done.err) == (2, f"error: {told}: pip install 'salt-hep[export]'\n")


def test_mistakes_in_names_and_files(run, salt, sample):
    made = [
        (("--rename", "tiny_px=X"), "--rename: there is no output 'tiny_px'"),
        (("--combine", "X=tiny_pb+tiny_VertexIndex"), "told of jets and of tracks"),
        (("--out", "no/such/m.onnx"), "--out: there is no folder"),
        (("--out", "logs"), "is a folder; name a file"),
        (("--check", "none.onnx"), "--check: there is no file"),
        (("--check", sample.config), "cannot be opened as an ONNX model"),
        (("--check", "zero"), "cannot be opened as an ONNX model"),
    ]
    Path("zero").touch()
    for words, message in made:
        done = salt("export", run, *words)
        assert (done.code, message in done.err) == (2, True), done.err
    for path in run.glob("ckpts/*"):
        path.unlink()
    done = salt("export", run)
    assert (done.code, done.err) == (2, f"error: {run} holds no checkpoint: there is none in ckpts/\n")


def write_crowded(path: Path, source: Path, num_jets: int = 1000) -> None:
    """Write the first jets of a file, the first three of them with 0, 1 and 60 of their and others' tracks."""
    with h5py.File(source) as file, h5py.File(path, "w") as made:
        jets, tracks = file["jets"][:num_jets], file["tracks"][:num_jets]
        wide = np.zeros((num_jets, 60), tracks.dtype)
        wide[:, : tracks.shape[1]] = tracks
        wide[2] = tracks[tracks["valid"]][:60]
        wide["valid"][0] = False
        wide["valid"][1] = np.arange(60) == 0
        wide[1, 0] = wide[2, 0]
        made["jets"], made["tracks"] = jets, wide
        made["jets"].attrs.update(file["jets"].attrs)


@pytest.mark.full
def test_a_thousand_real_jets(tmp_path, salt, monkeypatch):
    """Of the shipped GN2 and jets, some with 0, 1 and 60 tracks, beside as many random ones, in both forms."""
    monkeypatch.chdir(tmp_path)
    short = ("--trainer.max_epochs", 1, "--trainer.enable_progress_bar", "false", "-f", "--log_suffix", "a")
    assert salt("fit", "--config", "GN2.yaml", "--config", "demo.yaml", *short).code == 0
    (run,) = Path("logs").iterdir()
    source = yaml.safe_load((run / "config.yaml").read_text())["data"]["train_file"]
    write_crowded(Path("jets.h5"), Path(source))
    trained = salt_core.load(run)
    inputs = inputs_of(trained.module)
    for form in ((), ("--batched",)):
        done = salt("export", run, *form, "--num_jets", 1000, "--jets", "jets.h5", "--out", "m.onnx")
        assert done.code == 0, done.err
        assert "in 2000 jets" in done.out
        session = checking.session_of(Path("m.onnx"))
        assert checking.takes_batches(session, inputs) is bool(form)
        outputs = checking.outputs_told(session, Path("m.onnx"))
        real = checking.compare(
            session, trained.module, inputs, outputs, real_jets(trained, Path("jets.h5"), 1000)
        )
        assert real.num_jets == 1000
        assert {0, 1, 60} <= real.lengths
        for one in real.agreements:
            assert one.whole or one.worst < 1e-5, one.told(1000)
