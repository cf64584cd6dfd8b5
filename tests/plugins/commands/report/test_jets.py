"""The jets that a report shows, and what it says where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from salt_core import ConfigError
from salt_plugins.commands.report.jets import jets_of
from salt_plugins.commands.report.reading import Predictions, Run

HEAD = {
    "plugin": "classification",
    "input_name": "jets",
    "label": "flavour",
    "class_names": ["bjets", "ujets"],
}


def run_of(head=HEAD) -> Run:
    tasks = {"flavour": head} if head else {"other": {"plugin": "regression"}}
    return Run(Path("logs/GN2"), "GN2", {"model": {"tasks": tasks}}, {}, [], None)


def predictions(**changes) -> Predictions:
    jets = {
        "GN2_pb": np.array([0.9, 0.2, 0.5, 0.6]),
        "GN2_pu": np.array([0.1, 0.8, 0.5, 0.4]),
        "flavour": np.array([0, 1, -1, 0]),
        "pt": np.array([20e3, 30e3, 40e3, 5e6]),
        "eta": np.array([-1.0, 0.5, 2.0, -2.5]),
        "mass": np.array([1.0, 2.0, 3.0, 4.0]),
    }
    jets = {name: values for name, values in (jets | changes).items() if values is not None}
    return Predictions("GN2", 4, jets, {"flavour": ["bjets", "ujets"]})


def test_jets_with_a_label_and_what_they_are_shown_over():
    jets = jets_of(run_of(), predictions(), [], [])
    assert jets.truth.tolist() == [0, 1, 0]
    assert jets.probabilities["bjets"].tolist() == [0.9, 0.2, 0.6]
    (pt, in_gev), (eta, sizes) = jets.kinematics.items()
    assert "GeV" in pt
    assert in_gev.tolist() == [20.0, 30.0, 5000.0]
    assert "eta" in eta
    assert sizes.tolist() == [1.0, 0.5, 2.5]


def test_momenta_in_gev_stay_as_they_are():
    jets = jets_of(run_of(), predictions(pt=np.array([20.0, 30.0, 40.0, 5000.0])), [], [])
    assert next(iter(jets.kinematics.values())).tolist() == [20.0, 30.0, 5000.0]


def test_chosen_axes():
    jets = jets_of(run_of(), predictions(), [], ["mass"])
    assert {name: values.tolist() for name, values in jets.kinematics.items()} == {"mass": [1.0, 2.0, 4.0]}
    with pytest.raises(ConfigError, match="no column 'energy'; they have GN2_pb, ") as caught:
        jets_of(run_of(), predictions(), [], ["energy"])
    assert caught.value.where == "--axis"


def test_classes_are_those_of_the_file_where_the_task_names_none():
    head = {key: value for key, value in HEAD.items() if key != "class_names"}
    assert jets_of(run_of(head), predictions(), [], []).classes == ["bjets", "ujets"]


def test_scores_are_discriminants_of_each_class_that_is_there():
    jets = jets_of(run_of(), predictions(), ["bjets", "ujets"], [])
    scores = jets.scores("bjets", {"ujets": 1.0})
    assert scores["bjets"] == pytest.approx(np.log([0.9 / 0.1, 0.6 / 0.4]))
    assert scores["ujets"] == pytest.approx(np.log([0.2 / 0.8]))


@pytest.mark.parametrize(
    ("run", "found", "classes", "told"),
    [
        (
            run_of(),
            predictions(flavour=None),
            [],
            "the predictions have no labels: test a file that has them",
        ),
        (run_of(), predictions(GN2_pu=None), [], "the predictions have no GN2_pu"),
        (run_of(), predictions(flavour=np.full(4, -1)), [], "none of the jets has a label"),
        (run_of(HEAD | {"class_names": []}), predictions(), [], "nothing names the classes (--classes does)"),
        (run_of(None), predictions(GN2_pb=None), ["bjets"], "no task of this model classifies jets"),
    ],
)
def test_what_is_missing_is_said(run, found, classes, told):
    said = jets_of(run, found, classes, [])
    assert isinstance(said, str)
    assert told in said
