"""Counts of a validation against plain loops over all entries, over ranks, and what is left out."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from salt_plugins.callbacks.classes import confusion
from salt_plugins.callbacks.classes.confusion import ConfusionMatrix
from salt_plugins.callbacks.classes.metrics import Metrics

CLASSES = ("bjets", "cjets", "ujets")


class Head:
    """A task that writes the probabilities that it is given, beside another column."""

    class_names = CLASSES

    def outputs(self, predictions, batch):
        return {"jets": dict(zip(("pb", "pc", "pu"), predictions.unbind(-1), strict=True)), "tracks": {}}

    def true_classes(self, batch):
        return batch


class Silent(Head):
    """A task that tells no classes apart."""

    class_names = ()


class Model:
    """Keeps what is logged."""

    def __init__(self):
        self.heads = {"flavour": Head(), "mass": Silent()}
        self.logged = {}

    def log_dict(self, values, **options):
        assert options == {"on_epoch": True, "sync_dist": True, "batch_size": 1}
        self.logged.update(values)


def trainer_with(reduce=lambda counts, reduce_op: counts, **changed):
    strategy = SimpleNamespace(reduce=reduce)
    given = {"strategy": strategy, "sanity_checking": False, "is_global_zero": True, "current_epoch": 3}
    return SimpleNamespace(**given | {"global_step": 40} | changed)


def sample(entries=600, seed=0):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(-2, 3, (entries,), generator=generator)
    logits = 2 * torch.randn(entries, 3, generator=generator)
    logits[torch.arange(entries), truth.clamp(min=0)] += 1
    return logits.softmax(-1), truth


def validate(callback, trainer, model, *batches):
    callback.on_validation_epoch_start(trainer, model)
    for index, (probabilities, truth) in enumerate(batches):
        predictions = {"flavour": probabilities, "mass": probabilities[:, 0]}
        callback.on_validation_batch_end(trainer, model, predictions, truth, index)
    callback.on_validation_epoch_end(trainer, model)


def area_by_pairs(own, others):
    """Compare every own entry with every other one."""
    wins = (own[:, None] > others).sum() + 0.5 * (own[:, None] == others).sum()
    return wins / (len(own) * len(others))


def expected(probabilities, truth):
    probabilities, truth = probabilities[truth >= 0].numpy(), truth[truth >= 0].numpy()
    chosen = np.array([max(range(3), key=lambda c, row=row: row[c]) for row in probabilities])
    values = {"accuracy": np.mean(chosen == truth)}
    for index, name in enumerate(CLASSES):
        own = truth == index
        values[f"{name}_efficiency"] = np.mean(chosen[own] == index)
        values[f"{name}_purity"] = np.mean(truth[chosen == index] == index)
        values[f"{name}_auc"] = area_by_pairs(probabilities[own, index], probabilities[~own, index])
    return {f"val/flavour_{key}": value for key, value in values.items()}


def test_metrics_are_those_of_all_entries_whatever_the_batches():
    probabilities, truth = sample()
    model = Model()
    batches = [(probabilities[part], truth[part]) for part in (slice(0, 7), slice(7, 7), slice(7, None))]
    validate(Metrics(), trainer_with(), model, *batches)
    wanted = expected(probabilities, truth)
    assert set(model.logged) == set(wanted)
    for name, value in wanted.items():
        assert model.logged[name] == pytest.approx(value, abs=1e-3 if name.endswith("auc") else 1e-9), name


def test_metrics_are_summed_over_ranks():
    first, second = sample(200, seed=1), sample(300, seed=2)
    counts = []

    def keep(values, reduce_op):
        assert reduce_op == "sum"
        counts.append(values)
        return values

    validate(Metrics(), trainer_with(keep), Model(), second)
    model = Model()
    validate(Metrics(), trainer_with(lambda values, reduce_op: values + counts[0]), model, first)
    together = Model()
    validate(Metrics(), trainer_with(), together, first, second)
    assert model.logged == together.logged


def test_what_is_not_defined_is_left_out():
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    model = Model()
    validate(Metrics(), trainer_with(), model, (probabilities, torch.tensor([0, 0])))
    assert model.logged == {
        "val/flavour_accuracy": 1.0,
        "val/flavour_bjets_efficiency": 1.0,
        "val/flavour_bjets_purity": 1.0,
    }


@pytest.mark.parametrize("truth", [None, torch.tensor([-1, -2])])
def test_a_sample_without_labels_logs_nothing(truth):
    model = Model()
    validate(Metrics(), trainer_with(), model, (torch.full((2, 3), 1 / 3), truth))
    assert model.logged == {}


def test_certain_scores_are_counted_at_the_ends():
    model = Model()
    certain = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    validate(Metrics(), trainer_with(), model, (certain, torch.arange(3)))
    assert {value for name, value in model.logged.items() if name.endswith("auc")} == {1.0}


def test_nothing_is_told_of_a_sanity_check():
    model = Model()
    validate(Metrics(), trainer_with(sanity_checking=True), model, sample())
    assert model.logged == {}


def test_confusion_is_written_for_each_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(confusion, "run_directory", lambda trainer: tmp_path)
    probabilities, truth = sample()
    callback = ConfusionMatrix()
    for epoch in (3, 4):
        validate(callback, trainer_with(current_epoch=epoch), Model(), (probabilities, truth))
    rows = list(csv.DictReader((tmp_path / "confusion/flavour.csv").open()))
    assert [(row["epoch"], row["true_class"]) for row in rows] == [(e, c) for e in "34" for c in CLASSES]
    chosen = probabilities.argmax(-1)
    for row in rows:
        true = CLASSES.index(row["true_class"])
        for index, name in enumerate(CLASSES):
            assert int(row[name]) == sum((truth == true) & (chosen == index))
    assert (tmp_path / "confusion/flavour.png").read_bytes().startswith(b"\x89PNG")
    assert not list((tmp_path / "confusion").glob(".*"))


def test_ranks_but_the_first_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(confusion, "run_directory", lambda trainer: tmp_path)
    validate(ConfusionMatrix(), trainer_with(is_global_zero=False), Model(), sample())
    assert not list(tmp_path.iterdir())
