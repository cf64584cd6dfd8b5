"""The picture of the losses, of a metrics file and where it is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from salt_core import ConfigError
from salt_core.training.run_files import METRICS_NAME
from salt_plugins.callbacks.loss_curves import callback
from salt_plugins.callbacks.loss_curves.callback import LossCurves, read_curves

METRICS = """epoch,step,train/loss,train/jets_per_s,train/origin_loss,val/loss
0,1,3.0,100,2.0,
0,2,2.5,100,1.5,
0,2,,,,2.75
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run directory with metrics."""
    monkeypatch.setattr(callback, "run_directory", lambda trainer: tmp_path)
    (tmp_path / METRICS_NAME).write_text(METRICS)
    return tmp_path


def end(curves: LossCurves, first: bool = True) -> None:
    curves.on_fit_end(SimpleNamespace(is_global_zero=first), None)


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_losses_are_read_as_steps_and_values(folder):
    assert read_curves(folder / METRICS_NAME) == {
        "train/loss": ([1.0, 2.0], [3.0, 2.5]),
        "train/origin_loss": ([1.0, 2.0], [2.0, 1.5]),
        "val/loss": ([2.0], [2.75]),
    }


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_picture_is_of_the_format_that_its_name_tells(folder, name, start):
    end(LossCurves(name))
    assert names(folder) == {METRICS_NAME, name}
    assert (folder / name).read_bytes().startswith(start)


def test_there_is_a_panel_for_the_total_first_and_for_each_task(folder):
    end(LossCurves("a.svg"))
    drawn = (folder / "a.svg").read_text()
    assert drawn.index("total loss") < drawn.index("<!-- origin -->")


def test_without_losses_and_on_other_ranks_nothing_is_drawn(folder):
    end(LossCurves(), first=False)
    (folder / METRICS_NAME).write_text("epoch,step,lr\n0,1,0.1\n")
    end(LossCurves())
    assert names(folder) == {METRICS_NAME}


@pytest.mark.parametrize("name", ["losses.gif", "losses", "plots/losses.png", ".png/"])
def test_names_that_are_none_of_a_picture_are_refused_before_the_training(name):
    with pytest.raises(ConfigError, match=r"file_name: .* is no name of a picture; .* \.png, \.pdf"):
        LossCurves(name)
