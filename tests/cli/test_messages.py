"""Every mistake ends in one message that says what, where, the value and what is allowed; never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml


def changed(source: Path, target: Path, dataset: str, change) -> Path:
    """Copy a file with one dataset changed in place."""
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        rows, attributes = file[dataset][:], dict(file[dataset].attrs)
        change(rows)
        del file[dataset]
        file[dataset] = rows
        file[dataset].attrs.update(attributes)
    return target


@pytest.fixture
def fit(sample, salt):
    """Fit two steps of 50 jets, and check that a failure is one message."""

    def run(*words: object):
        first = ("fit", "--config", sample.config, "--trainer.fast_dev_run", "2", "--data.batch_size", "50")
        done = salt(*first, *words)
        assert "Traceback" not in done.err + done.out
        assert done.err.count("error: ") == (done.code != 0), done.err
        return done

    return run


def expect(done, code: int, *texts: str) -> None:
    assert done.code == code, done.err
    for text in texts:
        assert text in done.err, done.err


def test_missing_file(fit):
    expect(fit("--data.train_file", "nope.h5"), 2, "data.train_file", "nope.h5 does not exist")


def test_not_hdf5(fit, sample):
    (sample.folder / "text.h5").write_text("hello")
    expect(fit("--data.val_file", "text.h5"), 2, "data.val_file", "text.h5 is not an HDF5 file")


def test_truncated_file(fit, sample):
    whole = sample.file("train").read_bytes()
    (sample.folder / "cut.h5").write_bytes(whole[: len(whole) // 2])
    expect(fit("--data.train_file", "cut.h5"), 1, "data.train_file", "cut.h5 is truncated")


def test_missing_dataset(fit):
    done = fit("--data.input_map.tracks", "trcks")
    expect(done, 2, "data.train_file", "no dataset 'trcks'", "did you mean 'tracks'?")


def test_all_missing_variables_at_once(fit):
    done = fit("--data.variables.jets", "[pt, etta]", "--data.variables.tracks", "[d0, z00, hits]")
    expect(done, 2, "no variable 'etta'; did you mean 'eta'?", "no variable 'z00'; did you mean 'z0'?")
    expect(done, 2, "data.train_file", "data.val_file", "data.norm_dict, jets/etta")


def test_missing_label_column(fit):
    told = "no variable 'orign', for which model.tasks.origin asks; did you mean 'origin'?"
    expect(fit("--model.tasks.origin.label", "orign"), 2, told)


@pytest.mark.parametrize("workers", [0, 1])
def test_values_that_are_not_finite(fit, sample, workers):
    def spoil(tracks):
        first, second, *_ = np.argwhere(tracks["valid"])
        spoilt.extend([int(first[0]), int(second[0])])
        tracks["d0"][tuple(first)] = np.nan
        tracks["d0"][tuple(second)] = np.inf

    spoilt: list[int] = []
    changed(sample.file("train"), sample.folder / "nan.h5", "tracks", spoil)
    done = fit("--data.train_file", "nan.h5", "--data.num_workers", workers, "--data.batch_size", "100")
    rows = sorted(set(spoilt))
    expect(done, 1, "nan.h5", f"tracks/d0 has 2 in {len(rows)} of", f"rows {', '.join(map(str, rows))}")


def test_label_outside_the_classes(fit, sample):
    def spoil(jets):
        jets["flavour_label"][7] = 9

    changed(sample.file("train"), sample.folder / "label.h5", "jets", spoil)
    done = fit("--data.train_file", "label.h5", "--data.batch_size", "100")
    expect(
        done, 1, "model.tasks.flavour", "label jets/flavour_label holds 9", "row 7", "0 (bjets)", "3 (taus)"
    )


def test_class_weights_of_the_wrong_length(fit, sample):
    (sample.folder / "class_dict.yaml").write_text("jets: {flavour_label: [1.0, 2.0]}\n")
    done = fit()
    expect(done, 2, "model.tasks.flavour", "jets/flavour_label", "2 class weights", "has 4 classes", "bjets")


def test_normalisation_of_no_use(fit, sample):
    norms = yaml.safe_load((sample.folder / "norm_dict.yaml").read_text())
    norms["jets"]["pt"]["std"] = 0.0
    norms["tracks"]["hits"]["mean"] = float("nan")
    (sample.folder / "norm_dict.yaml").write_text(yaml.safe_dump(norms))
    done = fit()
    expect(done, 2, "data.norm_dict, jets/pt: mean 50.0, std 0.0", "data.norm_dict, tracks/hits: mean nan")


def test_nan_loss(fit):
    done = fit("--model.lrs_config.max", "1e30")
    expect(done, 1, "the loss of flavour", "is not finite at step 1", "--trainer.gradient_clip_val")


def test_several_mistakes_are_told_together(fit):
    done = fit("--model.encoder.num_layrs", "3", "--data.batchsize", "2", "--trainer.max_epochs", "many")
    expect(
        done,
        2,
        "3 mistakes",
        "--model.encoder.num_layrs",
        "--data.batchsize",
        "--trainer.max_epochs: must be int",
    )


MISTAKES = {
    "unknown plugin": (
        ["--model.encoder", "gn3"],
        ["--model.encoder: there is no encoder 'gn3'", "did you mean 'gn2'?", "Choices: "],
    ),
    "unknown plugin deep inside": (
        ["--model.tasks.origin.loss", "cross_entrpy"],
        ["--model.tasks.origin.loss: there is no loss 'cross_entrpy'", "did you mean 'cross_entropy'"],
    ),
    "unknown option of a plugin": (
        ["--model.tasks.flavour.loss.wieght", "3"],
        ["--model.tasks.flavour.loss.wieght: there is no such option", "did you mean 'weight'?"],
    ),
    "unknown section": (["--modell.x", "3"], ["modell", "there is no such option", "did you mean 'model'?"]),
    "wrong type": (
        ["--model.encoder.num_layers", "four"],
        ["--model.encoder.num_layers: must be int, got 'four'"],
    ),
    "half a number": (["--data.batch_size", "1.5"], ["--data.batch_size: must be int, got 1.5"]),
    "a switch is no number": (["--data.num_train", "true"], ["--data.num_train: must be int, got True"]),
    "wrong choice": (
        ["--model.encoder.attention", "flash"],
        ["--model.encoder.attention: must be 'auto' | 'varlen' | 'runs' | 'padded', got 'flash'"],
    ),
    "no value": (
        ["--data.train_file"],
        ["--data.train_file: must be Path | list[Path] | None, got no value"],
    ),
    "null where none is taken": (["--model.tasks", "null"], ["--model.tasks: must be", "got null"]),
    "heads that do not divide": (
        ["--model.encoder.num_heads", "3"],
        ["model.encoder", "num_heads", "3 heads"],
    ),
    "too many jets": (["--data.num_train", "1000"], ["data.num_train", "1000 jets are asked for", "has 100"]),
    "impossible rates": (["--model.lrs_config.max", "0"], ["model.lrs_config", "max 0"]),
    "no such object": (
        ["--model.tasks.origin.input_name", "jet"],
        ["model.tasks.origin", "did you mean 'jets'?"],
    ),
    "no flag": (["fit"], ["'fit' is not expected here"]),
    "no such configuration": (["--config", "GN9.yaml"], ["--config", "GN9.yaml does not exist", "GN2.yaml"]),
    "not YAML": (["--model.encoder", "{plugin: gn2"], ["--model.encoder:1:", "not valid YAML"]),
    "no such plugin file": (["--plugins", "[nofile.py]"], ["plugins", "nofile.py cannot be read"]),
    "no such checkpoint": (["--ckpt_path", "no.ckpt"], ["--ckpt_path", "no.ckpt does not exist"]),
    "a class that is not allowed": (
        ["--trainer.callbacks.mine", "{class_path: os.system}"],
        ["trainer.callbacks.mine.class_path", "'os.system' is not allowed"],
    ),
    "wrong option of a Lightning class": (
        [
            "--trainer.callbacks.stop",
            "{class_path: EarlyStopping, init_args: {monitor: val/loss, patince: 3}}",
        ],
        ["trainer.callbacks.stop.init_args.patince", "did you mean 'patience'?"],
    ),
    "a device that is not there": (["--trainer.accelerator", "tpuu"], ["trainer: ", "'tpuu'"]),
    "a name that is no folder": (["--name", "a/b"], ["name", "'a/b' cannot name a folder"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(fit, mistake):
    words, texts = MISTAKES[mistake]
    expect(fit(*words), 2, *texts)


def test_a_key_that_stands_twice(fit, sample):
    (sample.folder / "twice.yaml").write_text("data:\n  batch_size: 5\n  batch_size: 6\n")
    expect(fit("--config", "twice.yaml"), 2, "twice.yaml:3:3", "'batch_size' stands twice")


def test_a_file_is_named_with_the_key_path(fit, sample):
    (sample.folder / "more.yaml").write_text("model: {encoder: {num_layers: few}}\n")
    expect(fit("--config", "more.yaml"), 2, "model.encoder.num_layers (more.yaml): must be int, got 'few'")


def test_no_configuration_at_all(sample, salt):
    done = salt("fit")
    expect(done, 2, "model.encoder", "model.tasks", "data.variables", "is missing")


def test_test_without_a_checkpoint(sample, salt):
    expect(salt("test"), 2, "--config logs/RUN/config.yaml", "--ckpt_path")
    expect(salt("test", "--config", sample.config), 2, "ckpt_path", "holds no checkpoint")


def test_damaged_checkpoint(sample, salt):
    (sample.folder / "bad.ckpt").write_bytes(b"PK\x03\x04 no more")
    expect(salt("test", "--ckpt_path", "bad.ckpt"), 1, "--ckpt_path", "bad.ckpt cannot be read")


def test_weights_of_another_model(trained, salt):
    done = salt("test", "--config", trained.run / "config.yaml", "--model.encoder.embed_dim", "16")
    expect(done, 2, "--ckpt_path", "do not fit the configured model", "size mismatch")
    assert not list(trained.run.rglob("*.h5"))


def test_a_failed_evaluation_leaves_nothing_behind(trained, salt):

    def spoil(jets):
        jets["pt"][40] = np.nan

    changed(trained.file("test"), trained.folder / "nan.h5", "jets", spoil)
    before = set(trained.run.rglob("*"))
    done = salt("test", "--config", trained.run / "config.yaml", "--data.test_file", "nan.h5")
    expect(done, 1, "jets/pt has 1 in 1 of", "rows 40")
    assert set(trained.run.rglob("*")) == before


@pytest.fixture
def train(sample, salt):
    """Train the tiny model to the end, and keep the run."""
    return lambda *words: salt("fit", "--config", sample.config, "-f", *words)


#: Lightning finds this when the run directory is made already.
REFUSED_LATE = ("--trainer.limit_val_batches", "0.001")


def test_a_training_refused_late_leaves_no_run_behind(train, sample):
    expect(train("--log_suffix", "x", *REFUSED_LATE), 2, "trainer: ", "limit_val_batches=0.333")
    assert not list(sample.folder.glob("logs/*"))
    assert train("--log_suffix", "x").code == 0


def test_a_training_refused_late_leaves_what_was_there(train, sample):
    notes = sample.folder / "logs" / "tiny_x" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine\n")
    expect(train("--log_suffix", "x", *REFUSED_LATE), 2, "trainer: ")
    assert list(sample.folder.glob("logs/**/*")) == [notes.parent, notes]


def test_a_continuation_refused_late_leaves_the_run(train, the_run, sample):
    assert train("--log_suffix", "x").code == 0
    run = the_run(sample.folder)
    before = set(run.rglob("*"))
    words = ("--resume", "--trainer.max_epochs", "2", "--model.lrs_config.last_epoch", "0")
    expect(train("--log_suffix", "x", *words, *REFUSED_LATE), 2, "trainer: ")
    assert before <= set(run.rglob("*"))


def test_a_monitor_that_nothing_logs(train, the_run, sample):
    stop = "{class_path: EarlyStopping, init_args: {monitor: nix}}"
    expect(train("--trainer.callbacks.stop", stop), 2, "trainer: Early stopping conditioned on metric `nix`")
    assert (the_run(sample.folder) / "metrics.csv").exists()  # it has trained for an epoch
