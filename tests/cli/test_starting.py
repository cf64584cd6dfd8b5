"""``model.init_from`` and ``model.freeze``: what a training starts with, and what it leaves as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

ENCODER, ORIGIN = "encoder.", "tasks.origin."


@pytest.fixture
def sample(trained):
    """Small samples, and a model trained on them."""
    return trained


@pytest.fixture
def first(sample) -> Path:
    """The last checkpoint of a trained model."""
    return sample.run / "ckpts" / "last.ckpt"


def content(sample, suffix: str) -> dict:
    return torch.load(sample.folder / "logs" / f"tiny_{suffix}" / "ckpts" / "last.ckpt", weights_only=True)


def initial(sample, salt, *words: object) -> dict:
    """Weights before the first step that matters: a rate that changes nothing."""
    rates = "{initial: 1e-30, max: 1e-30, end: 1e-30, weight_decay: 0.0}"
    done = salt(
        "fit", "--config", sample.config, "-f", "--log_suffix", "still", "--model.lrs_config", rates, *words
    )
    assert done.code == 0, done.err
    return content(sample, "still")["state_dict"] | {"said": done.err}


def equal(one: dict, other: dict, prefix: str) -> set[bool]:
    return {torch.equal(one[key], other[key]) for key in one if key.startswith(prefix)}


def test_weights_are_those_of_the_checkpoint(sample, salt, first):
    weights = content(sample, "a")["state_dict"]
    found = initial(sample, salt, "--model.init_from", first)
    assert equal(weights, found, "") == {True}
    assert "weights are those of logs/tiny_a/ckpts/last.ckpt" in found["said"]
    assert "new here" not in found["said"]
    assert "only there" not in found["said"]


def test_what_differs_is_told_and_left_as_it_is(sample, salt, first):
    words = ["--model.tasks.flavour.hidden_layers", "[4]", "--model.tasks.vertexing", "null"]
    anew = initial(sample, salt, *words)
    (sample.folder / "logs" / "tiny_still").rename(sample.folder / "logs" / "tiny_anew")
    weights = content(sample, "a")["state_dict"]
    found = initial(sample, salt, "--model.init_from", first, *words)
    assert False in equal(weights, anew, ENCODER)
    assert equal(weights, found, ENCODER) == equal(weights, found, ORIGIN) == {True}
    heads = [key for key in weights if key.startswith("tasks.flavour.head")]
    reshaped = [key for key in heads if weights[key].shape != anew[key].shape]
    assert len(reshaped) == 3
    assert all(torch.equal(found[key], anew[key]) for key in reshaped)
    assert all(torch.equal(found[key], weights[key]) for key in heads if key not in reshaped)
    assert "3 of another shape there, as they are initialised: tasks.flavour.head." in found["said"]
    assert "(4, 8), there (8, 8)" in found["said"]
    assert "only there, and left out: tasks.vertexing.head." in found["said"]


def test_class_weights_and_normalisation_are_those_of_the_dicts(sample, salt, first):
    (sample.folder / "class_dict.yaml").write_text("jets: {flavour_label: [5.0, 5.0, 5.0, 5.0]}\n")
    norms = sample.folder / "norm_dict.yaml"
    norms.write_text(norms.read_text().replace("50.0", "40.0"))
    found = initial(sample, salt, "--model.init_from", first)
    assert found["tasks.flavour.loss_function.weight"].tolist() == [5.0] * 4
    assert found["normalise.jets_mean"][0] == 40.0
    assert "model.init_from: the weights know jets by another normalisation" in found["said"]


def test_strict_allows_no_difference(sample, salt, first):
    words = ("--model.init_from", first, "--model.init_strict", "--model.tasks.vertexing", "null")
    done = salt("fit", "--config", sample.config, "-f", *words)
    assert done.code == 2
    assert "model.init_strict allows no difference" in done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing.ckpt", "does not exist"), ("tiny.yaml", "cannot be read"), ("train.h5", "cannot be read")],
)
def test_no_checkpoint(sample, salt, name, said):
    done = salt("fit", "--config", sample.config, "-f", "--model.init_from", name)
    assert done.code in (1, 2)
    assert "model.init_from: the checkpoint" in done.err
    assert said in done.err


def test_a_resumed_training_keeps_its_own_weights(sample, salt, first):
    config = first.parents[1] / "config.yaml"
    words = ("--model.init_from", "gone.ckpt", "--trainer.max_epochs", "1", "--log_suffix", "again")
    done = salt("fit", "--config", config, "-f", "--ckpt_path", first, *words)
    assert done.code == 0, done.err
    assert "model.init_from is not read: the training goes on from a checkpoint" in done.err


def test_evaluation_does_not_read_it(sample, salt):
    words = ("--model.init_from", "gone.ckpt")
    assert salt("validate", "--config", sample.run / "config.yaml", *words).code == 0


def test_frozen_parts_stay_and_the_rest_is_trained(sample, salt, first):
    words = ("--model.init_from", first, "--model.freeze", "[encoder, tasks.origin.head]")
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "b", *words)
    assert done.code == 0, done.err
    before, after = content(sample, "a"), content(sample, "b")
    assert equal(before["state_dict"], after["state_dict"], ENCODER) == {True}
    assert equal(before["state_dict"], after["state_dict"], ORIGIN) == {True}
    assert equal(before["state_dict"], after["state_dict"], "tasks.flavour.head") == {False}
    trained = sum(
        value.numel()
        for key, value in after["state_dict"].items()
        if key.startswith("tasks.") and ".head." in key
    ) - sum(value.numel() for key, value in after["state_dict"].items() if key.startswith(ORIGIN))
    assert f"{trained:,} of " in done.err
    assert "parameters are trained; frozen: encoder, tasks.origin.head" in done.err
    (state,) = after["optimizer_states"]
    assert sum(map(len, (group["params"] for group in state["param_groups"]))) == len(state["state"])
    assert sum(entry["exp_avg"].numel() for entry in state["state"].values()) == trained


def test_a_frozen_training_goes_on(sample, salt):
    words = (
        "fit",
        "--config",
        sample.config,
        "-f",
        "--model.freeze",
        "[encoder]",
        "--trainer.max_epochs",
        "2",
    )
    words += ("--trainer.callbacks.checkpoint.save_top_k", "-1")
    assert salt(*words, "--log_suffix", "whole").code == 0
    (middle,) = (sample.folder / "logs" / "tiny_whole" / "ckpts").glob("epoch=000*.ckpt")
    done = salt(*words, "--log_suffix", "rest", "--ckpt_path", middle)
    assert done.code == 0, done.err
    whole, rest = (content(sample, suffix)["state_dict"] for suffix in ("whole", "rest"))
    assert equal(whole, rest, "") == {True}


@pytest.mark.full
def test_two_devices_train_what_is_not_frozen(sample, salt_process):
    words = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--model.freeze", "[encoder]")
    done = salt_process("fit", "--config", sample.config, "-f", *words, cwd=sample.folder, timeout=120)
    assert done.code == 0, done.err
