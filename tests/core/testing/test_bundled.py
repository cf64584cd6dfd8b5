"""Every plugin that comes with salt keeps its contract."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from salt_core.nn.edges import EdgeColumns
from salt_core.nn.embedding import InitNet
from salt_core.registry import Registry
from salt_core.testing import (
    check_augmentation,
    check_batch_backend,
    check_callback,
    check_command,
    check_dataloader,
    check_encoder,
    check_logger,
    check_loss,
    check_optimizer,
    check_staging,
    check_task,
    make_facts,
)

SMALL = {"num_layers": 1, "embed_dim": 8, "num_heads": 2, "out_dim": 4}
TWO = {"jets": ["pt"], "tracks": ["d0", "z0"], "flows": ["charge"]}
CLASSES = ["bjets", "cjets", "ujets"]
ORIGINS = [-1, *range(8)]

Make = Callable[..., object]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


@pytest.fixture(scope="module")
def make(registry) -> Make:
    """Make a bundled plugin by kind and name."""
    return lambda kind, name, *args, **options: registry.resolve(kind, name)(*args, **options)


def nets(*names: str) -> dict[str, InitNet]:
    return {name: InitNet([8]) for name in names}


ENCODERS: Mapping[str, Callable[[Make], None]] = {
    "gn2": lambda make: check_encoder(
        make("encoder", "gn2", nets("tracks", "flows"), **SMALL),
        make_facts(TWO, parameters={"mass": (100.0, 50.0)}),
    ),
    "deepsets": lambda make: check_encoder(make("encoder", "deepsets", nets("tracks"), 8, [8], 4)),
    "dense": lambda make: check_encoder(
        make("encoder", "dense", [8, 4]), make_facts({"jets": ["pt", "eta"]})
    ),
    "part": lambda make: check_encoder(
        make("encoder", "part", {"tracks": EdgeColumns()}, [8], 1, 2, pair_embed_dims=[4])
    ),
}

LOSSES = ("binary_cross_entropy", "cross_entropy", "focal", "gaussian_nll", "huber", "l1", "mean_squared")

TASKS: Mapping[str, Callable[[Make], None]] = {
    "classification": lambda make: check_task(
        make("task", "classification", "jets", "flavour", make("loss", "cross_entropy", "class_dict"), [8]),
        {"jets": {"flavour": CLASSES}},
        make_facts(
            class_names={"jets": {"flavour": CLASSES}}, class_weights={"jets": {"flavour": [1.0, 2.0, 3.0]}}
        ),
    ),
    "vertexing": lambda make: check_task(
        make("task", "vertexing", "tracks", "vertex", "origin", make("loss", "binary_cross_entropy"), [8]),
        {"tracks": {"vertex": [-2, -1, 0, 1], "origin": ORIGINS}},
    ),
    "flags": lambda make: check_task(
        make("task", "flags", "tracks", ["muon", "hit"], make("loss", "binary_cross_entropy"), [8]),
        {"tracks": {"muon": [-1, 0, 1], "hit": [0, 1]}},
    ),
    "regression": lambda make: check_task(
        make(
            "task",
            "regression",
            "jets",
            ["pt", "mass"],
            make("loss", "l1"),
            [8],
            target_denominators="energy",
        )
    ),
    "gaussian_regression": lambda make: check_task(
        make("task", "gaussian_regression", "tracks", "pt", make("loss", "gaussian_nll"), [8])
    ),
}

OPTIMIZERS = ("adamw", "lion", "muon")
BACKENDS = ("htcondor", "local", "slurm")
DATALOADERS = ("hdf5", "packed")


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders(name, make):
    ENCODERS[name](make)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, make):
    check_loss(make("loss", name))


@pytest.mark.parametrize("name", TASKS)
def test_tasks(name, make):
    TASKS[name](make)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, make):
    check_optimizer(make("optimizer", name))


def test_augmentations(make):
    check_augmentation(make("augmentation", "gaussian_noise", {"jets": {"pt": 0.1}, "tracks": {"d0": 0.2}}))


@pytest.mark.parametrize("name", BACKENDS)
def test_batch_backends(name, make):
    check_batch_backend(make("batch", name))


@pytest.mark.parametrize("name", DATALOADERS)
def test_dataloaders(name, make, tmp_path):
    check_dataloader(make("dataloader", name), tmp_path)


def test_staging(make, tmp_path):
    check_staging(make("staging", "copy"), tmp_path / "disk", folders=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        check_staging(make("staging", "shm"), tmp_path / "memory", Path(memory), folders=True)


def test_callbacks(registry):
    for name in registry.names("callback"):
        check_callback(registry.resolve("callback", name)())


def test_loggers(make, tmp_path):
    check_logger(make("logger", "tensorboard"), tmp_path)


def test_commands(registry):
    for name in registry.names("command"):
        check_command(registry.command(name))


def test_no_bundled_plugin_is_left_out(registry):
    tested = {
        "encoder": set(ENCODERS),
        "loss": set(LOSSES),
        "task": set(TASKS),
        "optimizer": set(OPTIMIZERS),
        "augmentation": {"gaussian_noise"},
        "batch": set(BACKENDS),
        "dataloader": set(DATALOADERS),
        "staging": {"copy", "shm"},
    }
    for kind, names in tested.items():
        ours = {one.name for one in registry.providers(kind) if one.distribution == "salt-hep"}
        assert ours == names, kind
