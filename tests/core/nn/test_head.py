from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, Encoded, Layout, Loss, Packed, Target
from salt_core.nn.head import Head, LossTask
from salt_plugins.tasks.flags.head import Flags
from salt_plugins.tasks.vertexing.head import Vertexing

ENCODED = Encoded(4, {"tracks": 6})
FACTS = DataFacts("jets", {"jets": ("pt",), "tracks": ("d0",)}, {}, {}, {}, {})


class TwoNumbers(Loss):
    """A loss that takes two predictions of whatever it compares with."""

    def num_predictions(self, target):
        return 2

    def forward(self, predictions, targets):
        return (predictions.sum(-1) - targets) ** 2


class Task(LossTask):
    def columns(self):
        return {}

    def build(self, encoded, data):
        raise NotImplementedError

    def forward(self, pooled, streams, batch):
        raise NotImplementedError

    def loss(self, predictions, batch):
        raise NotImplementedError

    def outputs(self, predictions, batch):
        raise NotImplementedError


def test_a_head_on_constituents_sees_the_vector_of_their_jet():
    torch.manual_seed(0)
    head = Head("tracks", "jets", ENCODED, 2, [5])
    pooled, x, lengths = torch.randn(3, 4), torch.randn(5, 6), np.array([2, 0, 3])
    found = head(pooled, {"tracks": Packed(x, Layout.of(lengths))})
    jet = torch.repeat_interleave(torch.tensor(lengths))
    torch.testing.assert_close(
        found, head.net.after_first(head.net.layers[0](torch.cat([pooled[jet], x], 1)))
    )


def test_a_head_on_jets_sees_their_vectors_alone():
    head = Head("jets", "jets", ENCODED, 2, [])
    pooled = torch.randn(3, 4)
    torch.testing.assert_close(head(pooled, {}), head.net.layers[0](pooled))


def test_a_stream_that_the_encoder_does_not_give():
    with pytest.raises(ConfigError, match=r"gives no 'track'; did you mean 'tracks'") as caught:
        Head("track", "jets", ENCODED, 2, [])
    assert caught.value.where == "input_name"


@pytest.mark.parametrize("wanted", [None, 2])
def test_a_loss_tells_how_many_predictions_it_takes(wanted):
    assert Task("jets", TwoNumbers(), []).prepare_loss(Target("jets/pt"), wanted) == 2


def test_a_loss_that_takes_another_number_of_predictions():
    with pytest.raises(
        ConfigError, match=r"asks for 2 predictions per target, this task makes 1; l1 fits"
    ) as caught:
        Task("jets", TwoNumbers(), []).prepare_loss(Target("jets/pt"), 1, "l1 fits")
    assert caught.value.where == "loss"


@pytest.mark.parametrize(
    "task",
    [
        Flags("tracks", ["muon"], TwoNumbers(), [5]),
        Vertexing("tracks", "vertex", "origin", TwoNumbers(), [5]),
    ],
    ids=lambda task: type(task).__name__,
)
def test_tasks_of_one_prediction_say_so_before_a_training(task):
    with pytest.raises(ConfigError, match=r"asks for 2 predictions per target, this task makes 1"):
        task.build(ENCODED, FACTS)
