"""What the checks of several kinds look at: equality, changes in place, gradients, a state and its return."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch, sum_of
from salt_core.data.facts import DataFacts
from salt_core.testing.contract import Contract, require


@contextmanager
def seeded(seed: int = 1) -> Iterator[None]:
    """Draw from `seed` inside, and leave torch's generators as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def require_shape(found: object, shape: Sequence[int], what: str) -> None:
    """Require a tensor of a shape."""
    require(isinstance(found, Tensor), f"{what} is a {type(found).__name__}")
    assert isinstance(found, Tensor)
    require(tuple(found.shape) == tuple(shape), f"{what} has shape {tuple(found.shape)}, not {tuple(shape)}")


def require_finite(found: Tensor, what: str) -> None:
    """Require numbers that are finite."""
    bad = int((~torch.isfinite(found)).sum())
    require(bad == 0, f"{bad} of {found.numel()} values of {what} are not finite")


def require_close(found: Tensor, expected: Tensor, what: str) -> None:
    """Require the same numbers but for rounding."""
    require_shape(found, expected.shape, what)
    with torch.no_grad():
        close = torch.isclose(found.float(), expected.float(), rtol=1e-4, atol=1e-5, equal_nan=True)
        most = (found.float() - expected.float()).abs().max().item() if found.numel() else 0.0
    require(bool(close.all()), f"{what} differs by up to {most:.3g}")


def is_same(found: Tensor, expected: Tensor) -> bool:
    """Tell whether two tensors have one shape and the same numbers to the bit; NaN is the same as NaN."""
    if found.shape != expected.shape:
        return False
    return bool(((found == expected) | (found.isnan() & expected.isnan())).all())


def tensors_of(batch: JetBatch) -> dict[str, Tensor]:
    """Return every tensor of a batch, by what it is."""
    found = {"x": batch.x, "rows": batch.rows}
    for name, packed in batch.streams.items():
        found[f"streams[{name!r}].x"] = packed.x
        found[f"streams[{name!r}].layout.lengths"] = packed.layout.lengths
    for name, columns in batch.columns.items():
        found |= {f"raw({name!r})[{key!r}]": values for key, values in columns.items()}
    return found


def constituents_of(batch: JetBatch) -> np.ndarray:
    """Count the constituents of each jet (B,), those of all streams together."""
    return sum_of((packed.layout.host_lengths for packed in batch.streams.values()), batch.num_jets)


def is_sorted(batch: JetBatch) -> bool:
    """Tell whether the jets of a batch are sorted by their number of constituents."""
    return bool((np.diff(constituents_of(batch)) >= 0).all())


@contextmanager
def unchanged(batch: JetBatch) -> Iterator[None]:
    """Require that nothing inside changes a batch in place."""
    before = {name: tensor.detach().clone() for name, tensor in tensors_of(batch).items()}
    yield
    for name, tensor in tensors_of(batch).items():
        require(is_same(tensor, before[name]), f"batch.{name} is changed in place")


def swapped(batch: JetBatch) -> list[int]:
    """Return another order of a batch's jets that is sorted by their number of constituents too."""
    totals = constituents_of(batch)
    groups = [list(jets) for _, jets in groupby(range(batch.num_jets), key=lambda jet: int(totals[jet]))]
    return [jet for group in groups for jet in reversed(group)]


def without_gradient(part: nn.Module) -> list[str]:
    """Name the parameters that got no gradient."""
    return [
        name
        for name, parameter in part.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]


def require_gradients(part: nn.Module) -> None:
    """Require a finite gradient of every parameter."""
    missing = without_gradient(part)
    require(not missing, f"none reaches {', '.join(missing)}")
    for name, parameter in part.named_parameters():
        if parameter.grad is not None:
            require_finite(parameter.grad, f"the gradient of {name}")


def check_columns(contract: Contract, asked: object, data: DataFacts, method: str) -> None:
    """Try that a method names columns by object."""
    with contract.clause(f"{method}() names columns by object, such as {{'jets': ['pt']}}", needed=True):
        require(isinstance(asked, Mapping), f"it returns a {type(asked).__name__}")
        assert isinstance(asked, Mapping)
        for name, columns in asked.items():
            known = ", ".join(data.variables)
            require(name in data.variables, f"there is no object {name!r} here; objects: {known}")
            right = isinstance(columns, Sequence) and not isinstance(columns, str)
            require(
                right and all(isinstance(c, str) for c in columns), f"the columns of {name!r} are {columns!r}"
            )


def check_parameters_come_late(contract: Contract, part: nn.Module) -> None:
    """Try that a part has no parameters before `build`."""
    with contract.clause("__init__ takes choices only; the parameters are made in build, which is seeded"):
        names = [name for name, _ in part.named_parameters()]
        require(not names, f"before build there is already {', '.join(names)}")


def check_compiled_parts(
    contract: Contract, part: nn.Module, compiled_parts: Callable[[], Sequence[nn.Module]]
) -> None:
    """Try that what a built part names to be compiled is its own."""
    with contract.clause("compiled_parts() names parts of it"):
        own = set(part.modules())
        strange = [type(named).__name__ for named in compiled_parts() if named not in own]
        require(not strange, f"{', '.join(strange)} is none")


def check_state_comes_back(contract: Contract, part: nn.Module, other: nn.Module) -> None:
    """Try that a state goes from one built part to another one.

    Parameters
    ----------
    contract : Contract
        Takes the breaches.
    part, other : nn.Module
        The same part, built twice, with other random numbers.
    """
    with contract.clause("a state_dict that is loaded again makes the same part"):
        other.load_state_dict(copy.deepcopy(part.state_dict()))
        for name, value in part.state_dict().items():
            loaded = other.state_dict()[name]
            require(not isinstance(value, Tensor) or is_same(loaded, value), f"{name} is another one")
