"""The head learns the true charge, writes what it predicts, and refuses what it cannot use."""

import numpy as np
import pytest
import torch
from salt_core import ConfigError, DataError, Encoded, JetBatch, Layout, Packed
from salt_core.testing import check_task, make_facts

from salt_plugin_charge.head import ChargeHead
from salt_plugin_charge.loss import LogCosh

FACTS = make_facts({"jets": ["pt"], "tracks": ["d0"]})

LABELS = {
    "jets": {"pt_btagJes": (20e3, 250e3)},
    "tracks": {"qOverP": (-1e-3, 1e-3), "pt": (500.0, 50e3)},
}


@pytest.fixture
def batch() -> JetBatch:
    """Three jets with no, one and two tracks."""
    tracks = Packed(torch.ones(3, 1), Layout.of(np.array([0, 1, 2])))
    columns = {
        "jets": {"pt_btagJes": torch.tensor([10.0, 16.0, 25.0])},
        "tracks": {"qOverP": torch.tensor([-0.1, 0.2, -0.3]), "pt": torch.tensor([4.0, 9.0, 16.0])},
    }
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": tracks}, columns, torch.arange(3))


@pytest.fixture
def head() -> ChargeHead:
    torch.manual_seed(0)
    made = ChargeHead(LogCosh(), hidden_size=8)
    made.build(Encoded(4, {"tracks": 4}), FACTS)
    return made


def test_it_keeps_the_contract_of_a_task() -> None:
    check_task(ChargeHead(LogCosh()), labels=LABELS)


def test_the_loss_is_0_for_the_true_charge(head: ChargeHead, batch: JetBatch) -> None:
    charges = torch.tensor([0.0, -0.5, -0.2])
    assert head.loss(charges, batch).item() == pytest.approx(0, abs=1e-6)
    assert head.loss(charges + 1, batch).item() > 0.4


def test_it_learns(head: ChargeHead, batch: JetBatch) -> None:
    pooled, optimizer = torch.randn(3, 4), torch.optim.Adam(head.parameters(), 0.05)
    losses = []
    for _ in range(50):
        losses.append(head.loss(head(pooled, {}, batch), batch))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]


def test_it_writes_a_column_of_the_jets(head: ChargeHead, batch: JetBatch) -> None:
    predictions = head(torch.randn(3, 4), {}, batch)
    assert head.output_objects() == list(head.outputs(predictions, batch)) == ["jets"]
    assert head.outputs(predictions, batch)["jets"]["jet_charge"].shape == (3,)


def test_wrong_choices_are_told() -> None:
    with pytest.raises(ConfigError, match="kappa: -1 is no power"):
        ChargeHead(LogCosh(), kappa=-1)
    with pytest.raises(ConfigError, match="there is no stream 'flow', but tracks"):
        ChargeHead(LogCosh(), stream="flow").build(Encoded(4, {}), FACTS)


def test_momenta_that_are_none_are_told(head: ChargeHead, batch: JetBatch) -> None:
    head.check(batch)
    batch.columns["tracks"]["pt"][1] = float("nan")
    with pytest.raises(DataError, match="tracks/pt is not above 0 for 1 of 3"):
        head.check(batch)
