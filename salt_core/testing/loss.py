"""The contract of a loss."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from salt_core.errors import ConfigError
from salt_core.interfaces.loss import ALL_KINDS, Loss, Target, TargetKind
from salt_core.testing.contract import Contract, require
from salt_core.testing.looking import require_close, require_finite, require_shape, seeded

CLASSES = ("bjets", "cjets", "ujets")

#: Entries that losses are compared on.
ENTRIES = 12


def check_loss(loss: Loss, target: Target | None = None) -> None:
    """Check that a loss keeps its contract.

    Parameters
    ----------
    loss : Loss
        As ``__init__`` leaves it, not built; it stays so.
    target : Target, optional
        What it compares with; by default one target of each kind that its ``target_kinds`` names, three
        classes or, where it refuses them, two.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(loss)
    with contract.clause(f"target_kinds names some of {', '.join(ALL_KINDS)}", needed=True):
        kinds = loss.target_kinds
        require(len(kinds) > 0 and set(kinds) <= set(ALL_KINDS), f"it is {kinds!r}")
    targets = [target] if target else [_target(loss, kind) for kind in loss.target_kinds]
    for one in targets:
        _check_target(contract, loss, one)
    with contract.clause("prepare refuses a target of another kind with a ConfigError"):
        for kind in set(ALL_KINDS) - set(loss.target_kinds):
            fault = _fault_of(loss, Target("jets/label", kind=kind))
            require(
                isinstance(fault, ConfigError),
                f"of {kind} it says {fault!r}" if fault else f"it takes {kind}",
            )
    contract.conclude()


def _target(loss: Loss, kind: TargetKind) -> Target:
    if kind != "classes":
        return Target("jets/label", kind=kind)
    weights = (0.5, 1.0, 2.0)
    three = Target("jets/label", CLASSES, weights, kind)
    two = Target("jets/label", CLASSES[:2], weights[:2], kind)
    return two if isinstance(_fault_of(loss, three), ConfigError) else three


def _fault_of(loss: Loss, target: Target) -> Exception | None:
    try:
        copy.deepcopy(loss).prepare(target)
    except Exception as error:  # a plugin may raise anything
        return error
    return None


def _check_target(contract: Contract, loss: Loss, target: Target) -> None:
    built, of = copy.deepcopy(loss), str(target.kind or "numbers")
    if loss.target_kinds is ALL_KINDS:
        of += " (target_kinds says by default that it takes all kinds)"
    with contract.clause(
        f"{of}: prepare builds it, and tells how many predictions an entry has", needed=True
    ):
        size = built.prepare(target)
        require(isinstance(size, int) and size > 0, f"it tells {size!r}")
    predictions, targets = _entries(target, size)
    kept = predictions.detach().clone(), targets.clone()
    with contract.clause(f"{of}: it gives one value per entry, or a scalar", needed=True):
        values = built(predictions, targets)
        require(isinstance(values, Tensor), f"it gives a {type(values).__name__}")
        right = tuple(values.shape) in ((ENTRIES,), ())
        require(right, f"for {ENTRIES} entries its shape is {tuple(values.shape)}")
    with contract.clause(f"{of}: it is finite"):
        require_finite(values, "it")
    with contract.clause(f"{of}: it is 0 or more, unless can_be_negative says otherwise"):
        require(built.can_be_negative or bool((values >= 0).all()), f"it is {values.min().item():.3g}")
    with contract.clause(f"{of}: it has a finite gradient"):
        require(values.requires_grad, "it has none")
        (gradient,) = torch.autograd.grad(values.sum(), predictions)
        require_finite(gradient, "the gradient")
    with contract.clause(f"{of}: it changes nothing in place"):
        require(torch.equal(predictions, kept[0]), "predictions are changed")
        require(torch.equal(targets, kept[1]), "targets are changed")
    with contract.clause(f"{of}: the order of entries does not matter"), torch.no_grad():
        turned = built(predictions.flip(0), targets.flip(0))
        require_close(turned.flip(0) if turned.ndim else turned, values.detach(), "it")
    _check_few_entries(contract, built, predictions, targets, of)
    with contract.clause(f"{of}: predictions of 16 bits give a finite value"), torch.no_grad():
        require_finite(built(predictions.bfloat16(), targets), "it")
    if target.kind == "classes":
        _check_probabilities(contract, built, predictions, len(target.class_names))
    if target.kind == "values":
        _check_moments(contract, built, predictions)


def _entries(target: Target, size: int) -> tuple[Tensor, Tensor]:
    with seeded():
        predictions = torch.randn(ENTRIES, size)
        if target.kind != "classes" and size == 1:
            predictions = predictions.squeeze(1)
        choices = {"classes": len(target.class_names), "flags": 2}.get(str(target.kind))
        targets = torch.randn(ENTRIES) if choices is None else torch.randint(choices, (ENTRIES,))
    return predictions.requires_grad_(), targets


def _check_few_entries(contract: Contract, loss: Loss, predictions: Tensor, targets: Tensor, of: str) -> None:
    with contract.clause(f"{of}: one entry is enough"), torch.no_grad():
        require_finite(loss(predictions[:1], targets[:1]), "it")
    with contract.clause(f"{of}: no entry at all gives no value, or the scalar 0"), torch.no_grad():
        none = loss(predictions[:0], targets[:0])
        require(none.numel() == 0 or none.item() == 0, f"it gives {none}")


def _check_probabilities(contract: Contract, loss: Loss, predictions: Tensor, classes: int) -> None:
    with contract.clause("classes: probabilities are those of the classes, and add up to 1"), torch.no_grad():
        found = loss.probabilities(predictions)
        require_shape(found, (ENTRIES, classes), "their tensor")
        require(bool((found >= 0).all()), f"one is {found.min().item():.3g}")
        require_close(found.sum(-1), torch.ones(ENTRIES), "their sum")


def _check_moments(contract: Contract, loss: Loss, predictions: Tensor) -> None:
    text = "values: moments are means and standard deviations above 0, or refused with a ConfigError"
    with contract.clause(text), torch.no_grad():
        try:
            mean, deviation = loss.moments(predictions)
        except ConfigError:
            return
        require_shape(mean, (ENTRIES,), "the mean")
        require_shape(deviation, (ENTRIES,), "the standard deviation")
        require(bool((deviation > 0).all()), f"a standard deviation is {deviation.min().item():.3g}")
