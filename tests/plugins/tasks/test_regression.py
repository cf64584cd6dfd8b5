from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Layout, Loss, Packed
from salt_core.nn.targets import TargetNorms
from salt_core.training.combination import check_combination
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.losses.gaussian_nll.loss import GaussianNLL
from salt_plugins.losses.huber.loss import Huber
from salt_plugins.losses.l1.loss import L1
from salt_plugins.losses.mean_squared.loss import MeanSquared
from salt_plugins.tasks.gaussian_regression.head import GaussianRegression
from salt_plugins.tasks.regression.head import Regression

NAN = float("nan")
FACTS = DataFacts("jets", {"jets": ("pt",), "tracks": ("d0",)}, {}, {}, {}, {})
ENCODED = Encoded(4, {"tracks": 6})
LENGTHS = [0, 2, 3]
TWO = ["pt", "mass"]


class MeanOfAll(Loss):
    """A loss that gives no value per entry."""

    def forward(self, predictions, targets):
        return (predictions - targets).square().mean()


def make_task(targets="pt", input_name="jets", loss=None, cls=Regression, **options):
    torch.manual_seed(0)
    default = GaussianNLL() if cls is GaussianRegression else MeanSquared()
    task = cls(input_name, targets, loss or default, [5], **options)
    task.build(ENCODED, FACTS)
    return task


def make_batch(tracks=None, **jets) -> JetBatch:
    packed = Packed(torch.zeros(5, 1), Layout.of(np.array(LENGTHS)))
    values = {
        "pt": (10.0, 20.0, 40.0),
        "mass": (1.0, NAN, 3.0),
        "true": (20.0, 10.0, 80.0),
        "w": (1.0, 0.0, 3.0),
    }
    columns = {
        "jets": {name: torch.tensor(value) for name, value in (values | jets).items()},
        "tracks": {name: torch.tensor(value) for name, value in (tracks or {}).items()},
    }
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": packed}, columns, torch.tensor([70, 50, 60]))


def inputs(dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    pooled = torch.randn(3, 4, generator=generator, dtype=dtype)
    x = torch.randn(5, 6, generator=generator, dtype=dtype)
    return pooled, {"tracks": Packed(x, Layout.of(np.array(LENGTHS)))}


def predictions(rows=3, targets=1, each=1) -> torch.Tensor:
    return torch.randn(rows, targets, each, generator=torch.Generator().manual_seed(1))


def test_columns():
    task = make_task(TWO, target_denominators="true", sample_weight="w")
    assert task.columns() == {"jets": ["pt", "mass", "true", "w"]}
    assert task.output_columns() == {"jets": ["true"]}
    assert make_task().columns() == {"jets": ["pt"]}
    assert make_task().output_columns() == {}


@pytest.mark.parametrize(("cls", "each"), [(Regression, 1), (GaussianRegression, 2)])
def test_sizes(cls, each):
    pooled, streams = inputs()
    assert make_task(TWO, cls=cls)(pooled, streams, make_batch()).shape == (3, 2, each)
    assert make_task("d0", "tracks", cls=cls)(pooled, streams, make_batch()).shape == (5, 1, each)


@pytest.mark.parametrize(
    ("loss", "values"), [(MeanSquared(), np.square), (L1(), np.abs)], ids=["mean_squared", "l1"]
)
def test_the_loss_is_the_mean_over_all_targets_that_there_are(loss, values):
    task = make_task(TWO, loss=loss, norm_params=TargetNorms([20.0, 2.0], [10.0, 0.5]))
    found = predictions(targets=2)
    scaled = [[(10 - 20) / 10, (1 - 2) / 0.5], [0.0, NAN], [2.0, 2.0]]
    expected = np.nanmean(values(found.squeeze(-1).numpy() - np.array(scaled)))
    assert task.loss(found, make_batch()).item() == pytest.approx(expected, rel=1e-6)


def test_weights_of_entries_hold_for_all_their_targets():
    task = make_task(TWO, sample_weight="w")
    found = predictions(targets=2)
    squares = (found.squeeze(-1) - torch.tensor([[10.0, 1.0], [20.0, NAN], [40.0, 3.0]])).square()
    expected = (squares[0].sum() + 3 * squares[2].sum()) / 8
    torch.testing.assert_close(task.loss(found, make_batch()), expected)
    small = make_batch(w=(1e-4, 0.0, 3e-4))
    torch.testing.assert_close(task.loss(found, small), expected)


@pytest.mark.parametrize(("cls", "each"), [(Regression, 1), (GaussianRegression, 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_ranks_are_one_on_both_batches(on_ranks, cls, each, weighted):
    """One rank has a batch of many targets, the other one of few."""
    task = make_task(TWO, cls=cls, sample_weight="w" if weighted else None)
    batches = [make_batch(), make_batch(pt=(NAN, NAN, 7.0), mass=(NAN, NAN, NAN), w=(5.0, 5.0, 0.5))]
    found = [predictions(3, 2, each), 2 * predictions(3, 2, each)]
    both = {name: torch.cat([batch.raw("jets")[name] for batch in batches]).tolist() for name in (*TWO, "w")}
    whole = task.loss(torch.cat(found), make_batch(**both))
    parts = on_ranks(*(lambda i=i: task.loss(found[i], batches[i]) for i in range(2)))
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    alone = torch.stack([task.loss(found[i], batches[i]) for i in range(2)]).mean()
    assert not torch.allclose(alone, whole)


@pytest.mark.parametrize(("cls", "each"), [(Regression, 1), (GaussianRegression, 2)])
@pytest.mark.parametrize(
    ("options", "columns"),
    [({}, {"pt": (NAN, NAN, NAN)}), ({"sample_weight": "w"}, {"w": (0.0, 0.0, 0.0)})],
    ids=["no target", "no weight"],
)
def test_nothing_to_learn_gives_no_loss_and_whole_gradients(cls, each, options, columns):
    task = make_task(cls=cls, **options)
    pooled, streams = inputs()
    loss = task.loss(task(pooled, streams, make_batch()), make_batch(**columns))
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in task.head.parameters())


@pytest.mark.parametrize("loss", [MeanSquared(), Huber(2.0)], ids=["mean_squared", "huber"])
@pytest.mark.parametrize("input_name", ["jets", "tracks"])
def test_gradients_of_the_head_are_those_of_finite_differences(loss, input_name):
    columns = {"pt": (0.5, NAN, 3.0, 1.0, 2.0), "mass": (NAN, NAN, 1.0, 4.0, 9.0)}
    batch = make_batch(columns).map(lambda x: x.double() if x.is_floating_point() else x)
    task = make_task(TWO, input_name, loss, scaler={"pt": "log", "mass": "sqrt"}).double()
    pooled, streams = inputs(torch.float64)
    parameters = [p.detach().requires_grad_() for p in task.head.parameters()]
    names = [name for name, _ in task.head.named_parameters()]

    def total(pooled, x, *values):
        given = (pooled, {"tracks": streams["tracks"].with_x(x)})
        found = torch.func.functional_call(task.head, dict(zip(names, values, strict=True)), given)
        return task.loss(found.view(-1, 2, 1), batch)

    x = streams["tracks"].x.requires_grad_()
    assert torch.autograd.gradcheck(total, (pooled.requires_grad_(), x, *parameters))


@pytest.mark.parametrize("variance", ["log", "softplus"])
def test_gradients_of_mean_and_variance_are_those_of_finite_differences(variance):
    batch = make_batch().map(lambda x: x.double() if x.is_floating_point() else x)
    options = {"norm_params": TargetNorms([20.0, 2.0], [10.0, 0.5]), "sample_weight": "w"}
    task = make_task(TWO, loss=GaussianNLL(variance), cls=GaussianRegression, **options)
    found = predictions(3, 2, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: task.loss(x, batch), found)


def test_outputs_are_in_the_targets_own_units():
    found, batch = predictions(targets=2), make_batch()
    pt, mass = found.squeeze(-1).unbind(-1)
    plain = make_task(TWO).outputs(found, batch)["jets"]
    assert list(plain) == TWO
    torch.testing.assert_close(plain["mass"], mass)
    norms = TargetNorms([20.0, 2.0], [10.0, 0.5])
    normed = make_task(TWO, norm_params=norms, custom_output_names=["p", "m"]).outputs(found, batch)["jets"]
    torch.testing.assert_close(normed, {"p": 10 * pt + 20, "m": 0.5 * mass + 2})
    logs = make_task(TWO, scaler={"mass": {"op": "log", "scale": 2.0, "offset": 1.0}}).outputs(found, batch)
    torch.testing.assert_close(logs["jets"], {"pt": pt, "mass": (2 * mass + 1).exp()})
    ratios = make_task(TWO, target_denominators=["true", "pt"]).outputs(found, batch)["jets"]
    jets = batch.raw("jets")
    torch.testing.assert_close(ratios, {"pt": pt * jets["true"], "mass": mass * jets["pt"]})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm_params": TargetNorms([20.0, 2.0], [10.0, 0.5])},
        {"target_denominators": ["true", "pt"]},
        {"scaler": {"pt": "log", "mass": {"op": "sqrt", "scale": 0.3}}},
    ],
    ids=["plain", "norms", "denominators", "functions"],
)
def test_a_perfect_prediction_writes_the_targets(options):
    batch = make_batch(mass=(1.0, 2.0, 3.0))
    task = make_task(TWO, **options)
    perfect = task.targets.scaled(batch)[..., None]
    assert task.loss(perfect, batch).item() == pytest.approx(0, abs=1e-12)
    written = task.outputs(perfect, batch)["jets"]
    torch.testing.assert_close(written, {name: batch.raw("jets")[name] for name in TWO})


def test_half_precision_is_written_as_float32():
    found = torch.full((3, 1, 1), 3.0, dtype=torch.bfloat16)
    written = make_task(scaler={"pt": "log"}).outputs(found, make_batch())["jets"]["pt"]
    torch.testing.assert_close(written, torch.full((3,), math.exp(3)))


def test_constituents():
    batch = make_batch(tracks={"z": (1.0, NAN, 3.0, 4.0, 5.0), "w": (1.0, 1.0, 0.0, 2.0, 1.0)})
    task = make_task("z", "tracks", sample_weight="w")
    assert task.columns() == {"tracks": ["z", "w"]}
    found = predictions(5)
    squares = (found.flatten() - batch.raw("tracks")["z"]).square()
    expected = (squares[0] + 2 * squares[3] + squares[4]) / 4
    torch.testing.assert_close(task.loss(found, batch), expected)
    torch.testing.assert_close(task.outputs(found, batch), {"tracks": {"z": found.flatten()}})


def test_check_refuses_what_cannot_be_learned():
    make_task(TWO, sample_weight="w").check(make_batch())
    with pytest.raises(DataError, match=r"weight jets/w holds -1 \(1 entry .* in row 50 of the file\)"):
        make_task(sample_weight="w").check(make_batch(w=(1.0, -1.0, 1.0)))
    with pytest.raises(DataError, match=r"target jets/pt holds 0 .* row 60 .* cannot be scaled by log"):
        make_task(scaler={"pt": "log"}).check(make_batch(pt=(1.0, 2.0, 0.0)))
    with pytest.raises(DataError, match=r"jets/true, by which target pt is divided, holds 0 \(2 entries"):
        make_task(target_denominators="true").check(make_batch(true=(0.0, 2.0, 0.0)))


@pytest.mark.parametrize(
    ("options", "where", "message"),
    [
        ({"targets": []}, "targets", "none is given"),
        ({"targets": ["pt", "pt"]}, "targets", "pt is given more than once"),
        (
            {"targets": TWO, "custom_output_names": "p"},
            "custom_output_names",
            "1 given for 2 targets: pt, mass",
        ),
        (
            {"targets": TWO, "custom_output_names": ["p", "p"]},
            "custom_output_names",
            "p is given more than once",
        ),
        ({"targets": "pt", "scaler": {"mass": "log"}}, "scaler", "there is no target 'mass'; Choices: pt"),
        (
            {"targets": "pt", "loss": GaussianNLL()},
            "loss",
            "asks for 2 predictions per target, this task makes 1",
        ),
        ({"targets": "pt", "loss": CrossEntropy()}, "loss", "compares predictions with classes"),
        ({"targets": "pt", "loss": BinaryCrossEntropy()}, "loss", "and jets/pt is given as numbers"),
        (
            {"targets": "pt", "cls": GaussianRegression, "loss": L1()},
            "loss",
            "gaussian_nll is one that takes mean",
        ),
        ({"targets": "pt", "input_name": "track"}, "input_name", "gives no 'track'; did you mean 'tracks'"),
    ],
)
def test_choices_that_do_not_fit(options, where, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        make_task(**options)
    assert caught.value.where == where


def test_a_loss_without_values_takes_no_weights():
    found, batch = predictions(), make_batch()
    torch.testing.assert_close(make_task(loss=MeanOfAll()).loss(found, batch), make_task().loss(found, batch))
    with pytest.raises(ConfigError, match="entries are weighted, so the loss must give one value per entry"):
        make_task(loss=MeanOfAll(), sample_weight="w").loss(found, batch)


def test_whether_the_loss_may_fall_below_zero():
    assert make_task(cls=GaussianRegression).can_be_negative
    assert not make_task().can_be_negative
    with pytest.raises(ConfigError, match="the loss of energy can be negative"):
        check_combination("GLS", {"energy": make_task(cls=GaussianRegression), "mass": make_task()})


@pytest.mark.parametrize("variance", ["log", "softplus"])
def test_means_and_standard_deviations_are_in_the_targets_own_units(variance):
    """By sampling the prediction's Gaussian, which for a straight line has the written mean and width."""
    norms = TargetNorms([20.0, 2.0], [10.0, 0.5])
    task = make_task(TWO, cls=GaussianRegression, loss=GaussianNLL(variance, eps=1e-9), norm_params=norms)
    found = predictions(3, 2, 2)
    written = task.outputs(found, make_batch())["jets"]
    assert list(written) == ["pt", "pt_stddev", "mass", "mass_stddev"]
    raw = found[..., 1]
    widths = (raw.exp() if variance == "log" else torch.nn.functional.softplus(raw)).sqrt()
    torch.testing.assert_close(written["pt"], 10 * found[:, 0, 0] + 20)
    torch.testing.assert_close(written["pt_stddev"], 10 * widths[:, 0])
    torch.testing.assert_close(written["mass"], 0.5 * found[:, 1, 0] + 2)
    torch.testing.assert_close(written["mass_stddev"], 0.5 * widths[:, 1])


def test_widths_of_ratios_and_of_logarithms():
    found, batch = predictions(3, 1, 2), make_batch()
    mean, width = GaussianNLL().moments(found[:, 0])
    true = batch.raw("jets")["true"]
    written = make_task(cls=GaussianRegression, target_denominators="true").outputs(found, batch)["jets"]
    torch.testing.assert_close(written, {"pt": mean * true, "pt_stddev": width * true})
    scaler = {"pt": {"op": "log", "scale": 2.0, "offset": 1.0}}
    written = make_task(cls=GaussianRegression, scaler=scaler).outputs(found, batch)["jets"]
    centre = (2 * mean + 1).exp()
    torch.testing.assert_close(written, {"pt": centre, "pt_stddev": 2 * width * centre})


def test_a_stddev_that_another_target_is_called():
    with pytest.raises(ConfigError, match="pt_stddev is given more than once"):
        make_task(["pt", "pt_stddev"], cls=GaussianRegression)


def test_mean_and_variance_of_noisy_targets_are_learned():
    """Targets of a log-scaled variable with a known spread: what is written is that, to first order."""
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(-1, 1, 2000)
    values = (3 + x + 0.1 * torch.randn(2000, generator=generator)).exp()
    packed = Packed(torch.zeros(0, 1), Layout.of(np.zeros(2000, dtype=int)))
    batch = JetBatch("jets", x[:, None], {"tracks": packed}, {"jets": {"pt": values}}, torch.arange(2000))
    scaler = {"pt": {"op": "log", "offset": 3.0}}
    torch.manual_seed(0)
    task = GaussianRegression("jets", "pt", GaussianNLL(), [16], scaler=scaler)
    task.build(Encoded(1, {}), FACTS)
    optimizer = torch.optim.Adam(task.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        task.loss(task(x[:, None], {}, batch), batch).backward()
        optimizer.step()
    written = task.outputs(task(x[:, None], {}, batch).detach(), batch)["jets"]
    expected = (3 + x).exp()
    assert (written["pt"] / expected - 1).abs().max() < 0.1
    assert (written["pt_stddev"] / written["pt"]).mean().item() == pytest.approx(0.1, abs=0.02)
