"""``salt test``: several files, what is left out, precision, and what is noted in the file."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

import salt_core
from salt_core.version import __version__
from salt_plugins.tasks.vertexing.head import Vertexing

PROBABILITIES = ["pb", "pc", "pu", "ptau"]


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def run(sample):
    return sample.run


def written(run, stem):
    (found,) = run.glob(f"ckpts/*__test_{stem}.h5")
    return found


def test_several_files_have_predictions_each(run, sample, salt):
    (sample.folder / "more").mkdir()
    shutil.copy(sample.file("val"), sample.folder / "more" / "b.h5")
    shutil.copy(sample.file("test"), sample.folder / "more" / "a.h5")
    done = salt("test", "--config", run / "config.yaml", "--data.test_file", "more/*.h5")
    assert done.code == 0, done.err
    assert done.out.index("a.h5") < done.out.index("b.h5")
    assert done.out.count("jets evaluated") == 2
    for stem, name in (("a", "test"), ("b", "val")):
        with h5py.File(written(run, stem)) as file, h5py.File(sample.file(name)) as source:
            assert file["jets"]["event"].tolist() == source["jets"]["event"].tolist()
    assert salt("test", "--config", run / "config.yaml").code == 0
    with h5py.File(written(run, "a")) as one, h5py.File(written(run, "test")) as other:
        assert np.array_equal(one["jets"][:], other["jets"][:])


def test_no_file_is_evaluated_where_one_cannot_be(run, sample, salt):
    with h5py.File(sample.file("test")) as file, h5py.File("empty.h5", "w") as empty:
        empty["jets"], empty["tracks"] = file["jets"][:0], file["tracks"][:0]
    h5py.File("nothing.h5", "w").close()
    (sample.folder / "zero.h5").touch()
    files = "[test.h5, none.h5, norm_dict.yaml, empty.h5, nothing.h5, zero.h5]"
    done = salt("test", "--config", run / "config.yaml", "--data.test_file", files)
    assert done.code == 2
    for told in (
        "none.h5 does not exist",
        "norm_dict.yaml is not an HDF5 file",
        "zero.h5 is not an HDF5 file",
        "empty.h5 has no jets",
        "nothing.h5 has no dataset 'jets' for object 'jets'; Choices: none",
    ):
        assert told in done.err
    assert "Traceback" not in done.err
    (sample.folder / "more").mkdir()
    shutil.copy(sample.file("test"), sample.folder / "more" / "test.h5")
    done = salt("test", "--config", run / "config.yaml", "--data.test_file", "[test.h5, more/test.h5]")
    assert done.code == 2
    assert "the predictions of 2 files would be called" in done.err
    assert not list(run.glob("ckpts/*.h5"))


def test_heads_are_left_out_whose_columns_are_not_written(run, sample, salt, monkeypatch):
    called = []
    forward = Vertexing.forward
    monkeypatch.setattr(Vertexing, "forward", lambda *words: called.append(1) or forward(*words))
    assert salt("test", "--config", run / "config.yaml").code == 0
    assert called == []
    with h5py.File(written(run, "test")) as file:
        few = file["jets"][:]
    assert salt("test", "--config", run / "config.yaml", "--data.write_constituents", "true").code == 0
    assert len(called) == 3
    with h5py.File(written(run, "test")) as file:
        assert np.array_equal(file["jets"][:], few)
        assert "tiny_VertexIndex" in file["tracks"].dtype.names
    called.clear()
    model = salt_core.load(run)
    assert model.predict(sample.file("test"))["jets"].dtype == few.dtype
    assert called == []


def test_half_precision_on_request(run, salt):
    assert salt("test", "--config", run / "config.yaml").code == 0
    with h5py.File(written(run, "test")) as file:
        single = file["jets"][:]
    assert single.dtype["tiny_pb"] == np.float32
    assert salt("test", "--config", run / "config.yaml", "--data.write_precision", "float16").code == 0
    with h5py.File(written(run, "test")) as file:
        half = file["jets"][:]
    assert half.dtype["tiny_pb"] == np.float16
    assert half.dtype["event"] == single.dtype["event"]
    assert np.array_equal(half["tiny_pb"], single["tiny_pb"].astype(np.float16))


def test_the_file_tells_where_it_comes_from(run, sample, salt):
    with h5py.File(sample.file("test"), "r+") as file:
        file.attrs.update({"generator": "toys", "model": "other"})
    assert salt("test", "--config", run / "config.yaml").code == 0
    with h5py.File(written(run, "test")) as file:
        told = dict(file.attrs)
        jets, shares = file["jets"][:], file["jets"].fields([f"tiny_{one}" for one in PROBABILITIES])[:]
        assert file["jets"].attrs["flavour_label"].tolist() == ["bjets", "cjets", "ujets", "taus"]
    assert told["generator"] == "toys"
    assert told["model"] == "tiny"
    assert told["salt_version"] == __version__
    assert told["checkpoint"] == next(run.glob("ckpts/*.ckpt")).name
    assert "commits" in told  # of this very repository, from which the tests run
    # As plotting tools and data frames take it: a column is a name with one number for each jet.
    assert jets.dtype.names == (*shares.dtype.names, "event", "flavour_label")
    assert all(jets.dtype[name].shape == () and jets[name].shape == (45,) for name in jets.dtype.names)
    assert np.allclose(sum(shares[name] for name in shares.dtype.names), 1)


@pytest.mark.full
def test_puma_and_pandas_read_the_file(sample, salt):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    plots = pytest.importorskip("puma.hlplots", reason="needs puma-hep")
    label, ids = "HadronConeExclTruthLabelID", np.array([5, 4, 0, 15], np.int32)
    for name in ("train", "val", "test"):
        with h5py.File(sample.file(name), "r+") as file:
            jets, told = file["jets"][:], dict(file["jets"].attrs)
            rows = np.zeros(len(jets), [*jets.dtype.descr, (label, "i4")])
            for column in jets.dtype.names:
                rows[column] = jets[column]
            rows[label] = ids[jets["flavour_label"]]
            del file["jets"]
            file["jets"] = rows
            file["jets"].attrs.update(told)
    copied = ("--data.extra_vars.jets", f"[pt, {label}]")
    assert salt("fit", "--config", sample.config, "--force", "--log_suffix", "b", *copied).code == 0
    run = sample.folder / "logs" / "tiny_b"
    assert salt("test", "--config", run / "config.yaml").code == 0
    with h5py.File(written(run, "test")) as file:
        rows = file["jets"][:]
    frame = pandas.DataFrame(rows)
    assert list(frame) == list(rows.dtype.names)
    tagger = plots.Tagger("tiny", reference=True)
    results = plots.Results(signal="bjets", sample="toys", output_dir=sample.folder)
    results.load_taggers_from_file([tagger], written(run, "test"))
    # It reads the jets in an order of its own.
    read = zip(*(tagger.scores[f"tiny_{one}"] for one in PROBABILITIES), tagger.labels[label], strict=True)
    mine = zip(*(rows[f"tiny_{one}"] for one in PROBABILITIES), rows[label], strict=True)
    assert sorted(read) == sorted(mine)


def test_a_file_without_labels_is_evaluated_without_them(run, sample, salt):
    with h5py.File(sample.file("test")) as file, h5py.File("bare.h5", "w") as bare:
        bare["jets"] = file["jets"][:][["pt", "eta"]]
        bare["tracks"] = file["tracks"][:][["d0", "z0", "hits", "valid"]]
    words = ("--config", run / "config.yaml", "--data.test_file")
    done = salt("test", *words, "bare.h5")
    assert done.code == 2
    assert "bare.h5 has no variable 'flavour_label' of 'jets', for which data.extra_vars asks" in done.err
    none = ("--data.extra_vars.jets", "[]", "--data.write_constituents", "true")
    assert salt("test", *words, "bare.h5", *none).code == 0
    assert salt("test", *words, "test.h5", *none).code == 0
    with h5py.File(written(run, "bare")) as file, h5py.File(written(run, "test")) as other:
        assert file["jets"].dtype.names == ("tiny_pb", "tiny_pc", "tiny_pu", "tiny_ptau")
        for name in ("jets", "tracks"):
            mine, theirs = file[name][:], other[name][:]
            assert mine.dtype == theirs.dtype
            assert mine.tobytes() == theirs.tobytes()


def test_a_checkpoint_is_evaluated_without_its_run(run, sample, salt):
    assert salt("test", "--config", run / "config.yaml").code == 0
    with h5py.File(written(run, "test")) as file:
        expected = file["jets"][:]
    (checkpoint,) = run.glob("ckpts/*val_loss*.ckpt")
    (sample.folder / "alone").mkdir()
    checkpoint.rename("alone/x.ckpt")
    (run / "ckpts" / "last.ckpt").unlink()
    done = salt("test", "--config", run / "config.yaml")
    assert (done.code, "holds no checkpoint: there is none in ckpts/" in done.err) == (2, True)
    shutil.rmtree(run)
    for name in ("norm_dict", "class_dict"):
        (sample.folder / f"{name}.yaml").unlink()
    done = salt("test", "--config", run / "config.yaml", "--ckpt_path", "alone/x.ckpt")
    assert done.code == 2
    assert "a checkpoint has its configuration in it, so --ckpt_path X.ckpt alone does too" in done.err
    assert salt("test", "--ckpt_path", "alone/x.ckpt").code == 0
    with h5py.File("alone/x__test_test.h5") as file:
        assert file["jets"][:].tobytes() == expected.tobytes()


@pytest.mark.full
def test_a_model_that_tells_nothing_of_jets(sample, salt):
    alone = ("--model.tasks.flavour", "null", "--data.extra_vars", "null")
    assert salt("fit", "--config", sample.config, "--force", "--log_suffix", "b", *alone).code == 0
    run = sample.folder / "logs" / "tiny_b"
    done = salt("test", "--config", run / "config.yaml")
    assert done.code == 2
    assert "error: data.write_constituents: there is nothing to write: no task of tiny tells" in done.err
    assert not list(run.glob("ckpts/*.h5"))
    assert salt("test", "--config", run / "config.yaml", "--data.write_constituents", "true").code == 0
    with h5py.File(written(run, "test")) as file:
        assert list(file) == ["tracks"]


@pytest.mark.full
def test_a_full_disk_is_one_message_and_leaves_nothing(run, sample):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    command = [sys.executable, "-m", "salt_core", "test", "--config", str(run / "config.yaml")]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(run.glob("ckpts/*__test*"))
