"""``model.init_from`` and ``model.freeze``: what a training starts with, and what it leaves as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

ENCODER, ORIGIN = "encoder.", "tasks.origin."


@pytest.fixture
def first(sample, salt) -> Path:
    """The last checkpoint of a trained model."""
    assert salt("fit", "--config", sample.config, "-f", "--log_suffix", "first").code == 0
    return sample.folder / "logs" / "tiny_first" / "ckpts" / "last.ckpt"


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
    weights = content(sample, "first")["state_dict"]
    found = initial(sample, salt, "--model.init_from", first)
    assert equal(weights, found, "") == {True}
    assert "weights are those of logs/tiny_first/ckpts/last.ckpt" in found["said"]
    assert "new here" not in found["said"]
    assert "only there" not in found["said"]


def test_without_it_they_are_others(sample, salt, first):
    assert False in equal(content(sample, "first")["state_dict"], initial(sample, salt), ENCODER)


def test_a_run_directory_stands_for_its_best_checkpoint(sample, salt, first):
    found = initial(sample, salt, "--model.init_from", first.parents[1])
    assert "weights are those of logs/tiny_first/ckpts/epoch=000-val_loss=" in found["said"]


def test_what_differs_is_told_and_left_as_it_is(sample, salt, first):
    words = ["--model.tasks.flavour.hidden_layers", "[4]", "--model.tasks.vertexing", "null"]
    anew = initial(sample, salt, *words)
    (sample.folder / "logs" / "tiny_still").rename(sample.folder / "logs" / "tiny_anew")
    weights = content(sample, "first")["state_dict"]
    found = initial(sample, salt, "--model.init_from", first, *words)
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


def test_other_variables_of_the_same_number_are_told(sample, salt, first):
    found = initial(sample, salt, "--model.init_from", first, "--data.variables.tracks", "[z0, d0, hits]")
    assert "the weights know tracks by d0, z0, hits; data.variables has z0, d0, hits" in found["said"]


def test_strict_refuses_any_difference(sample, salt, first):
    words = ("fit", "--config", sample.config, "-f", "--model.init_from", first, "--model.init_strict")
    assert salt(*words).code == 0
    done = salt(*words, "--model.tasks.vertexing", "null")
    assert done.code == 2
    assert "model.init_strict allows no difference" in done.err
    assert "only there, and left out: tasks.vertexing" in done.err


def test_nothing_that_fits_is_an_error(sample, salt, first):
    state = content(sample, "first")
    state["state_dict"] = {f"other.{key}": value for key, value in state["state_dict"].items()}
    torch.save(state, sample.folder / "other.ckpt")
    done = salt("fit", "--config", sample.config, "-f", "--model.init_from", "other.ckpt")
    assert done.code == 2
    assert "model.init_from: no weight of" in done.err


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


def test_evaluation_does_not_read_it(sample, salt, first):
    words = ("--model.init_from", first, "--log_suffix", "second")
    assert salt("fit", "--config", sample.config, "-f", *words).code == 0
    first.unlink()
    config = sample.folder / "logs" / "tiny_second" / "config.yaml"
    assert str(first) in config.read_text()
    assert salt("validate", "--config", config).code == 0


def test_frozen_parts_stay_and_the_rest_is_trained(sample, salt, first):
    words = ("--model.init_from", first, "--model.freeze", "[encoder, tasks.origin.head]")
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "b", *words)
    assert done.code == 0, done.err
    before, after = content(sample, "first"), content(sample, "b")
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


def test_an_unknown_part_is_told_with_those_beside_it(sample, salt):
    words = ("fit", "--config", sample.config, "-f", "--model.freeze")
    done = salt(*words, "[encodr, tasks.orign]")
    assert done.code == 2
    assert (
        "model.freeze: the model has no part 'encodr'; did you mean 'encoder'? Choices: encoder, tasks"
        in done.err
    )
    assert "no part 'tasks.orign'; did you mean 'tasks.origin'" in done.err
    done = salt(*words, "[encoder, tasks]")
    assert (done.code, "nothing is left to train" in done.err) == (2, True)


@pytest.mark.full
def test_two_devices_train_what_is_not_frozen(sample, salt_process, the_run):
    words = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--model.freeze", "[encoder]")
    done = salt_process("fit", "--config", sample.config, "-f", *words, cwd=sample.folder, timeout=120)
    assert done.code == 0, done.err
