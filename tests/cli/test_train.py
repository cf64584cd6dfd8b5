"""``salt fit`` and ``salt test`` from files and flags to what they leave behind."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml


def test_a_run_leaves_its_files(sample, salt, the_run):
    drawn = ("--trainer.callbacks.loss_curves", "loss_curves")
    done = salt("fit", "--config", sample.config, "--force", *drawn)
    assert done.code == 0, done.err
    run = the_run(sample.folder)
    assert run.name.startswith("tiny_")
    names = {path.name for path in run.iterdir()}
    # The repository of this checkout may hold changes, which are saved then.
    assert names - {"uncommitted.diff"} == {
        "config.yaml", "metadata.yaml", "norm_dict.yaml", "class_dict.yaml", "metrics.csv", "loss_curves.png",
        "ckpts",
    }  # fmt: skip
    checkpoints = sorted(path.name for path in (run / "ckpts").iterdir())
    assert checkpoints[1] == "last.ckpt"
    assert checkpoints[0].startswith("epoch=000-val_loss=")
    assert str(run.relative_to(sample.folder)) in done.out
    assert (run / "norm_dict.yaml").read_text() == (sample.folder / "norm_dict.yaml").read_text()


def test_metrics_hold_every_loss_of_train_and_val(sample, salt, the_run):
    assert salt("fit", "--config", sample.config, "--force").code == 0
    with (the_run(sample.folder) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for stage in ("train", "val"):
        tasks = [f"{stage}/{task}_loss" for task in ("flavour", "origin", "vertexing")]
        told = [row for row in rows if row[f"{stage}/loss"]]
        assert len(told) == (5 if stage == "train" else 1)
        for row in told:
            total = sum(float(row[task]) for task in tasks)
            assert np.isclose(total, float(row[f"{stage}/loss"]), rtol=1e-4)


def test_fast_dev_run_writes_nothing(sample, salt):
    before = set(sample.folder.rglob("*"))
    assert salt("fit", "--config", sample.config, "--trainer.fast_dev_run", "2").code == 0
    assert set(sample.folder.rglob("*")) == before


def test_saved_configuration_is_complete_and_gives_the_same_run(sample, salt, the_run):
    assert salt("fit", "--config", sample.config, "--force", "--log_suffix", "a").code == 0
    first = sample.folder / "logs" / "tiny_a"
    saved = yaml.safe_load((first / "config.yaml").read_text())
    assert saved["model"]["encoder"]["plugin"] == "gn2"
    loss = saved["model"]["tasks"]["origin"]["loss"]
    assert loss["plugin"] == "cross_entropy"
    assert loss["weight"] is None
    assert saved["model"]["encoder"]["dropout"] == 0.0
    assert saved["data"]["norm_dict"] == str(first / "norm_dict.yaml")
    assert Path(saved["data"]["train_file"]).is_absolute()
    for path in sample.folder.glob("*.yaml"):
        path.unlink()
    done = salt("fit", "--config", first / "config.yaml", "--force", "--log_suffix", "b")
    assert done.code == 0, done.err
    second = sample.folder / "logs" / "tiny_b"
    text = (second / "config.yaml").read_text()
    assert text.replace("tiny_b", "tiny_a") == (first / "config.yaml").read_text()
    weights = [torch.load(run / "ckpts" / "last.ckpt")["state_dict"] for run in (first, second)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_another_seed_gives_other_weights(sample, salt):
    for seed in ("1", "2"):
        words = ("--seed_everything", seed, "--log_suffix", seed, "--force")
        assert salt("fit", "--config", sample.config, *words).code == 0
    files = [sample.folder / "logs" / f"tiny_{seed}" / "ckpts" / "last.ckpt" for seed in ("1", "2")]
    one, two = (torch.load(file)["state_dict"]["encoder.out_proj.weight"] for file in files)
    assert not torch.equal(one, two)


def test_log_suffix_names_the_run_and_is_not_taken_twice(sample, salt):
    words = ("fit", "--config", sample.config, "--force", "--log_suffix", "study")
    assert salt(*words).code == 0
    assert (sample.folder / "logs" / "tiny_study" / "config.yaml").exists()
    again = salt(*words)
    assert again.code == 2
    assert "tiny_study holds a run already" in again.err


def test_name_by_its_short_flag(sample, salt, the_run):
    assert salt("fit", "--config", sample.config, "-n", "other", "-f").code == 0
    assert the_run(sample.folder).name.startswith("other_")


def test_one_flag_removes_a_task_limits_jets_and_picks_attention(sample, salt, the_run):
    words = ["--model.tasks.vertexing", "null", "--data.num_train", "40", "--model.encoder.attention=padded"]
    assert salt("fit", "--config", sample.config, "-f", *words).code == 0
    with (the_run(sample.folder) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert "train/vertexing_loss" not in rows[0]
    assert sum(1 for row in rows if row["train/loss"]) == 2


@pytest.mark.full
def test_compile_trains_and_matrices_are_multiplied_as_precisely_as_asked(sample, salt, monkeypatch):
    asked = []
    monkeypatch.setattr("torch.set_float32_matmul_precision", asked.append)
    words = ("--compile", "--trainer.fast_dev_run", "1", "--model.encoder.attention", "padded")
    words += ("--model.tasks.vertexing", "null")  # its compilation takes as long again
    done = salt("fit", "--config", sample.config, *words, "--matmul_precision", "high")
    assert done.code == 0, done.err
    assert asked == ["high"]


def test_workers_and_accumulation_give_the_same_losses(sample, salt):
    for suffix, words in (("none", []), ("two", ["--data.num_workers", "2"])):
        assert salt("fit", "--config", sample.config, "-f", "--log_suffix", suffix, *words).code == 0
    texts = []
    for suffix in ("none", "two"):
        with (sample.folder / "logs" / f"tiny_{suffix}" / "metrics.csv").open() as file:
            texts.append([row["train/loss"] for row in csv.DictReader(file)])
    assert texts[0] == texts[1]


def test_two_devices_share_one_run_and_every_jet(sample, salt_process, the_run):
    words = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "10")
    done = salt_process("fit", "--config", sample.config, "-f", *words, cwd=sample.folder, timeout=120)
    assert done.code == 0, done.err
    run = the_run(sample.folder)
    with (run / "metrics.csv").open() as file:
        assert sum(1 for row in csv.DictReader(file) if row["train/loss"]) == 5
    assert done.out.count("The run is in") == 1


def test_goes_on_from_a_checkpoint(trained, salt):
    words = (
        "--ckpt_path",
        trained.run / "ckpts" / "last.ckpt",
        "--trainer.max_epochs",
        "1",
        "--log_suffix",
        "b",
        "-f",
    )
    done = salt("fit", "--config", trained.run / "config.yaml", *words)
    assert done.code == 0, done.err


def predictions(folder: Path, name: str = "*__test_test.h5") -> Path:
    (found,) = folder.glob(f"logs/*/ckpts/{name}")
    return found


def test_evaluation_keeps_the_order_of_the_file(trained, salt):
    done = salt("test", "--config", trained.run / "config.yaml", "--data.test_file", trained.file("test"))
    assert done.code == 0, done.err
    with h5py.File(predictions(trained.folder)) as file, h5py.File(trained.file("test")) as source:
        jets = file["jets"][:]
        assert list(file) == ["jets"]
        assert jets.dtype.names == ("tiny_pb", "tiny_pc", "tiny_pu", "tiny_ptau", "event", "flavour_label")
        assert np.array_equal(jets["event"], source["jets"]["event"])
        assert list(file["jets"].attrs["flavour_label"]) == ["bjets", "cjets", "ujets", "taus"]
    shares = np.stack([jets[name] for name in jets.dtype.names[:4]])
    assert np.allclose(shares.sum(0), 1, atol=1e-5)
    assert shares.dtype == np.float32


def test_batch_size_and_order_do_not_change_predictions(trained, salt):
    """Predictions of sorted batches come back jet by jet: batches of one jet cannot be mixed up."""
    config = trained.run / "config.yaml"
    for size in ("1", "45"):
        words = ("--data.batch_size", size, "--data.test_suff", size, "--data.write_constituents")
        assert salt("test", "--config", config, *words).code == 0
    found = []
    for size in ("1", "45"):
        with h5py.File(predictions(trained.folder, f"*__test_test_{size}.h5")) as file:
            found.append({name: file[name][:] for name in file})
    for name, rows in found[0].items():
        for field in rows.dtype.names:
            assert np.allclose(rows[field], found[1][name][field], rtol=1e-4, atol=1e-5, equal_nan=True), (
                field
            )


def test_constituents_stand_where_the_file_has_them(trained, salt):
    words = (
        "--data.write_constituents",
        "--data.extra_vars.tracks",
        "[origin]",
        "--data.num_inputs.tracks",
        "4",
    )
    done = salt("test", "--config", trained.run / "config.yaml", *words)
    assert done.code == 0, done.err
    with h5py.File(predictions(trained.folder)) as file, h5py.File(trained.file("test")) as source:
        tracks, truth = file["tracks"][:], source["tracks"][:]
    valid = truth["valid"].copy()
    valid[:, 4:] = False
    assert np.array_equal(tracks["valid"], valid)
    assert np.array_equal(tracks["origin"], truth["origin"])
    assert np.array_equal(np.isfinite(tracks["tiny_po0"]), valid)
    assert np.array_equal(tracks["tiny_VertexIndex"] >= 0, valid)


def test_checkpoint_alone_is_enough_and_the_model_file_may_be_gone(trained, salt):
    (best,) = (trained.run / "ckpts").glob("epoch*.ckpt")
    for name in ("train", "val"):
        trained.file(name).unlink()
    for path in (*trained.folder.glob("*.yaml"), *trained.run.glob("*.yaml")):
        path.unlink()
    done = salt("test", "--ckpt_path", best, "--data.test_file", trained.file("test"))
    assert done.code == 0, done.err
    assert predictions(trained.folder).name == f"{best.stem}__test_test.h5"


def test_the_lowest_validation_loss_is_evaluated(sample, salt, the_run):
    words = ("--trainer.max_epochs", "3", "--trainer.callbacks.checkpoint.save_top_k", "-1", "-f")
    assert salt("fit", "--config", sample.config, *words).code == 0
    run = the_run(sample.folder)
    losses = {path: float(path.stem.split("val_loss=")[1]) for path in (run / "ckpts").glob("epoch*.ckpt")}
    assert len(losses) == 3
    with (run / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file) if row["val/loss"]] == ["0", "1", "2"]
    done = salt("test", "--config", run / "config.yaml")
    assert done.code == 0, done.err
    assert predictions(sample.folder).name.startswith(min(losses, key=losses.get).stem)


def test_a_file_without_labels_is_evaluated(trained, salt):
    with h5py.File(trained.file("test")) as source, h5py.File(trained.folder / "data.h5", "w") as bare:
        bare["jets"] = source["jets"].fields(["pt", "eta"])[:]
        bare["tracks"] = source["tracks"].fields(["d0", "z0", "hits", "valid"])[:]
    words = ("--data.test_file", "data.h5", "--data.extra_vars", "null")
    done = salt("test", "--config", trained.run / "config.yaml", *words)
    assert done.code == 0, done.err
    with h5py.File(predictions(trained.folder, "*__test_data.h5")) as file:
        assert file["jets"].shape == (45,)


def test_validate_tells_the_losses_of_the_training(trained, salt):
    done = salt("validate", "--config", trained.run / "config.yaml")
    assert done.code == 0, done.err
    told = dict(line.split() for line in done.out.splitlines() if line.startswith("  val/"))
    (best,) = (trained.run / "ckpts").glob("epoch*.ckpt")
    assert np.isclose(float(told["val/loss"]), float(best.stem.split("val_loss=")[1]), atol=2e-4)
