from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from salt_plugins.commands.export import checking, graph

JET_OUTPUTS = ["tiny_pb", "tiny_pc", "tiny_pu", "tiny_ptau"]


@pytest.fixture
def run(sample, salt) -> Path:
    """A run directory of a trained model."""
    for package in graph.PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "a").code == 0
    return sample.folder / "logs" / "tiny_a"


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
    assert told_by(Path("m.onnx"))[1]["form"] == "padded batch"
    inputs = onnxruntime.InferenceSession("m.onnx").get_inputs()
    assert [(one.name, one.shape) for one in inputs] == [
        ("jet_features", ["batch", 2]),
        ("track_features", ["batch", "max_tracks", 3]),
        ("n_tracks", ["batch"]),
    ]
    again = salt("export", "--check", "m.onnx", "--run", run, "--num_jets", 20)
    assert again.code == 0, again.err
    assert "in 40 jets" in again.out
    tamper(Path("m.onnx"), Path("changed.onnx"))
    assert salt("export", "--check", "changed.onnx", "--run", run, "--num_jets", 20).code == 1


def test_a_file_that_does_not_agree_is_not_left(sample, salt, monkeypatch):
    for package in graph.PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    dense = ("--model.encoder", "{plugin: dense, hidden_layers: [8]}")
    only_jets = ("--model.tasks.origin", "null", "--model.tasks.vertexing", "null")
    assert salt("fit", "--config", sample.config, "-f", *dense, *only_jets).code == 0
    monkeypatch.setattr(checking, "TOLERANCE", 0.0)
    (checkpoint, *_) = sample.folder.rglob("*val_loss*.ckpt")
    before = set(checkpoint.parent.iterdir())
    done = salt("export", checkpoint, "--num_jets", 5)
    assert done.code == 1
    assert "does not predict" in done.err
    assert set(checkpoint.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one run or checkpoint"),
        (["one", "--run", "other"], "name one run or checkpoint"),
        (["one", "--check", "m.onnx", "--rename", "a=b"], "--check: takes neither"),
        (["one", "--check", "m.onnx", "--batched"], "--check: takes neither"),
        (["none"], "none"),
    ],
)
def test_misuse(tmp_path, monkeypatch, salt, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graph, "require_packages", lambda: None)
    done = salt("export", *words)
    assert done.code == 2
    assert message in done.err


def test_mistakes_in_names_and_files(run, salt, sample):
    made = [
        (("--rename", "tiny_px=X"), "--rename: there is no output 'tiny_px'"),
        (("--combine", "X=tiny_pb+tiny_VertexIndex"), "told of jets and of tracks"),
        (("--out", "no/such/m.onnx"), "--out: there is no folder"),
        (("--check", "none.onnx"), "--check: there is no file"),
        (("--check", sample.config), "cannot be opened as an ONNX model"),
    ]
    for words, message in made:
        done = salt("export", run, *words)
        assert (done.code, message in done.err) == (2, True), done.err


@pytest.mark.full
def test_a_thousand_real_jets(tmp_path, salt, monkeypatch):
    """Of the shipped GN2 and jets, beside as many random ones with 0, 1 and 60 tracks."""
    monkeypatch.chdir(tmp_path)
    short = ("--trainer.max_epochs", 1, "--trainer.enable_progress_bar", "false", "-f", "--log_suffix", "a")
    assert salt("fit", "--config", "GN2.yaml", "--config", "demo.yaml", *short).code == 0
    (run,) = Path("logs").iterdir()
    test_file = yaml.safe_load((run / "config.yaml").read_text())["data"]["train_file"]
    for form in ((), ("--batched",)):
        done = salt("export", run, *form, "--num_jets", 1000, "--jets", test_file)
        assert done.code == 0, done.err
        assert "in 2000 jets" in done.out
