"""Where parts stand in a small training."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core import ConfigError, Loss, Target
from salt_core.authoring.checking.parts import Part, make
from salt_core.authoring.checking.trials import trial_of
from salt_core.registry import Registry

SMALL = {
    "init_nets": {"tracks": {"hidden_layers": [8]}},
    "embed_dim": 8,
    "out_dim": 8,
    "num_layers": 1,
    "num_heads": 2,
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


def overlay_of(registry, kind, name, options, target=None):
    trial = trial_of(make(kind, name, options, registry), target)
    assert (trial.part, trial.words) == (f"{kind} {name}", ())
    return trial.overlay


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("focal", {"jets_classification": {"loss": {"plugin": "focal"}}}),
        ("binary_cross_entropy", {"track_vertexing": {"loss": {"plugin": "binary_cross_entropy"}}}),
    ],
)
def test_a_loss_is_tried_in_the_task_that_it_fits(registry, name, tasks):
    assert overlay_of(registry, "loss", name, {}) == {"model": {"tasks": tasks}}


@pytest.mark.parametrize(("name", "task"), [("l1", "regression"), ("gaussian_nll", "gaussian_regression")])
def test_a_loss_of_values_is_tried_in_a_regression_alone(registry, name, task):
    tasks = overlay_of(registry, "loss", name, {})["model"]["tasks"]
    assert [key for key, value in tasks.items() if value] == ["checked"]
    assert (tasks["checked"]["plugin"], tasks["checked"]["loss"]) == (task, {"plugin": name})


class OfTwo(Loss):
    target_kinds = ("classes",)

    def build(self, target: Target) -> None:
        if len(target.class_names) != 2:
            raise ConfigError("two classes are needed")

    def forward(self, predictions, targets):
        return predictions.sum() * 0


def test_a_loss_that_no_task_fits_is_tried_in_none():
    assert trial_of(Part("loss", "of_two", {}, OfTwo(), "loss.py:1"), None) is None


def test_an_encoder_has_the_tasks_on_what_it_gives(registry):
    model = overlay_of(registry, "encoder", "gn2", SMALL)["model"]
    assert model == {"encoder": {"plugin": "gn2", **SMALL}, "tasks": {}}
    model = overlay_of(registry, "encoder", "dense", {"hidden_layers": [8]})["model"]
    assert model["tasks"] == {"track_origin": None, "track_vertexing": None}


def test_a_staging_method_has_its_target(registry):
    plugin = {"plugin": "copy"}
    overlay = overlay_of(registry, "staging", "copy", {}, Path("/fast"))
    assert overlay == {"data": {"staging": plugin, "move_files_temp": "/fast"}}


def test_a_backend_is_called_with_its_options_as_flags():
    options = {"queue": "long", "exclusive": True, "quiet": False, "account": None, "nodes": 2}
    trial = trial_of(Part("batch", "mine", options, object(), "mine.py:1"), None)
    assert (trial.overlay, trial.exports) == ({}, False)
    assert trial.words == (
        "submit",
        "mine",
        "--queue",
        "long",
        "--exclusive",
        "--nodes",
        "2",
        "--dry-run",
        "--force",
    )


@pytest.mark.parametrize(("kind", "exports"), [("task", True), ("callback", False)])
def test_what_is_in_the_model_is_exported(kind, exports):
    assert trial_of(Part(kind, "mine", {}, object(), "mine.py:1"), None).exports is exports
