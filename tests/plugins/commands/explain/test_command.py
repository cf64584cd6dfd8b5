"""``salt explain`` on a small model, against predictions; and its messages."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

import salt_core

CLASSES = ["bjets", "cjets", "ujets", "taus"]
PROBABILITIES = ["tiny_pb", "tiny_pc", "tiny_pu", "tiny_ptau"]


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def run(sample) -> Path:
    """A run directory of a trained model."""
    return sample.run


def log_odds(model, jets, tracks, place: int) -> np.ndarray:
    """Return the score of each jet, from what the model predicts."""
    found = model.predict({"jets": jets, "tracks": tracks}, constituents=False)["jets"]
    shares = found[PROBABILITIES[place]].astype(float)
    return np.log(shares / (1 - shares))


def at_the_mean(rows: np.ndarray, norms: dict[str, dict[str, float]]) -> np.ndarray:
    rows = rows.copy()
    for name, norm in norms.items():
        rows[name] = norm["mean"]
    return rows


def test_a_run_is_explained(run, sample, salt):
    done = salt("explain", run, "--class", "cjets", "--num_jets", 30)
    assert done.code == 0, done.err
    assert "30 jets" in done.out
    assert "warning" not in done.err
    folder = run / "explain"
    assert sorted(path.name for path in folder.iterdir()) == ["cjets.csv", "cjets.pdf", "cjets.png"]
    assert (folder / "cjets.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "cjets.pdf").read_bytes().startswith(b"%PDF")
    with (folder / "cjets.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["object"], row["variable"]) for row in rows] == [
        *(("jets", name) for name in ("pt", "eta")),
        *(("tracks", name) for name in ("d0", "z0", "hits")),
    ]

    with h5py.File(sample.file("test")) as file:
        jets, tracks = file["jets"][:30], file["tracks"][:30]
    norms = yaml.safe_load((sample.folder / "norm_dict.yaml").read_text())
    model = salt_core.load(run)
    start = log_odds(model, at_the_mean(jets, norms["jets"]), at_the_mean(tracks, norms["tracks"]), 1)
    gained = log_odds(model, jets, tracks, 1) - start
    for index, name in enumerate(CLASSES):
        mine = jets["flavour_label"] == index
        total = sum(float(row[f"mean_{name}"]) for row in rows)
        assert total == pytest.approx(gained[mine].mean(), abs=0.01 * np.abs(gained).mean())


def test_too_few_steps_and_another_baseline_are_told(run, salt):
    # Far from the jets, the score is anything but linear.
    done = salt("explain", run, "--steps", 1, "--num_jets", 20, "--out", "one")
    assert done.code == 0
    assert "1 steps are too few; give more with --steps" in done.err
    other = salt("explain", run, "--num_jets", 20, "--baseline", "sample", "--out", "two")
    assert other.code == 0
    assert Path("one/bjets.csv").read_text() != Path("two/bjets.csv").read_text()


def test_a_checkpoint_alone_explains_a_file_without_labels(run, sample, salt):
    with h5py.File(sample.file("test")) as file, h5py.File("bare.h5", "w") as bare:
        bare["jets"], bare["tracks"] = file["jets"][:][["pt", "eta"]], file["tracks"][:]
    (checkpoint,) = run.glob("ckpts/*val_loss*.ckpt")
    (sample.folder / "alone").mkdir()
    checkpoint.rename("alone/x.ckpt")
    (run / "ckpts" / "last.ckpt").unlink()
    done = salt("explain", run)
    assert (done.code, done.err) == (2, f"error: {run} holds no checkpoint: there is none in ckpts/\n")
    (run / "config.yaml").unlink()
    done = salt("explain", run)
    assert (done.code, "it has no config.yaml; a checkpoint has its configuration" in done.err) == (2, True)
    shutil.rmtree(run)
    done = salt("explain", "alone/x.ckpt", "--jets", "bare.h5", "--num_jets", 5)
    assert done.code == 0, done.err
    assert Path("alone/explain/bjets.csv").read_text().splitlines()[0] == "object,variable,mean_abs"


def test_mistakes_are_told(run, sample, salt):
    with h5py.File(sample.file("test")) as file, h5py.File("empty.h5", "w") as empty:
        empty["jets"], empty["tracks"] = file["jets"][:0], file["tracks"][:0]
    Path("zero.h5").touch()
    Path("text.h5").write_text("no table")
    for words, told in (
        (("--class", "bjet"), "--class: no class 'bjet'; did you mean 'bjets' or"),
        (("--task", "origin"), "--task: no task 'origin' classifies jets"),
        (("--jets", "none.h5"), "--jets: the file"),
        (("--jets", "empty.h5"), "empty.h5 has no jets"),
        (("--out", "zero.h5"), "--out: zero.h5 is no folder"),
        (("--jets", "zero.h5"), "zero.h5 is not an HDF5 file"),
        (("--jets", "text.h5"), "text.h5 is not an HDF5 file"),
    ):
        done = salt("explain", run, *words)
        assert (done.code, told in done.err) == (2, True), done.err
        assert "Traceback" not in done.err
    sample.file("test").unlink()
    sample.file("val").unlink()
    done = salt("explain", run)
    assert done.code == 2
    assert "--jets: the run's own test and validation samples are not there; name a file" in done.err


def test_a_model_without_classes_of_jets_is_told(sample, salt):
    config = yaml.safe_load(sample.config.read_text())
    del config["model"]["tasks"]["flavour"]
    sample.config.write_text(yaml.safe_dump(config))
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "b").code == 0
    done = salt("explain", "logs/tiny_b")
    assert done.code == 2
    assert "no task of this model classifies jets" in done.err
    assert not Path("logs/tiny_b/explain").exists()


@pytest.mark.full
def test_the_demo_model_is_explained_completely(tmp_path, monkeypatch, salt):
    monkeypatch.chdir(tmp_path)
    words = ("--config", "GN2.yaml", "--config", "demo.yaml", "--trainer.max_epochs", 1)
    assert salt("fit", *words, "--name", "demo", "--log_suffix", "a", "-f").code == 0
    done = salt("explain", "logs/demo_a", "--num_jets", 200)
    assert done.code == 0, done.err
    assert "warning" not in done.err
    with Path("logs/demo_a/explain/bjets.csv").open() as file:
        sizes = [float(row["mean_abs"]) for row in csv.DictReader(file)]
    assert len(sizes) > 10
    assert np.isfinite(sizes).all()
    assert max(sizes) > 0
