"""The contract of a callback, as far as it shows without a training."""

from __future__ import annotations

import copy
import inspect

from lightning.pytorch import Callback
from torch import Tensor

from salt_core.testing.contract import Contract, Seen, require
from salt_core.testing.looking import is_same


def check_callback(callback: Callback) -> None:
    """Check that a callback fits into Lightning's trainer; what it does in a training is for a training to show.

    Parameters
    ----------
    callback : Callback
        As ``__init__`` leaves it; it stays so.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(callback)
    with contract.clause("its methods take what Lightning gives"):
        for name, method in inspect.getmembers(Callback, inspect.isfunction):
            if not name.startswith("_"):
                _require_takes(callback, name, list(inspect.signature(method).parameters)[1:])
    with contract.clause("there is no method that Lightning never calls"):
        strange = sorted(name for name in {*dir(callback)} - {*dir(Callback)} if name.startswith("on_"))
        require(not strange, f"{', '.join(strange)} is none of Lightning's")
    with contract.clause("it can be copied, and a state_dict that is loaded again is the same state"):
        other = copy.deepcopy(callback)
        state = copy.deepcopy(callback.state_dict())
        other.load_state_dict(copy.deepcopy(state))
        require(_same(other.state_dict(), state), f"it was {state} and is {other.state_dict()}")
    with contract.clause("its state has a key of its own in a checkpoint"):
        key = callback.state_key
        require(isinstance(key, str) and bool(key), f"it is {key!r}")
    contract.conclude()


def _require_takes(callback: Callback, name: str, wanted: list[str]) -> None:
    signature = inspect.signature(getattr(callback, name))
    try:
        signature.bind(*wanted)
    except TypeError:
        found = ", ".join(signature.parameters) or "nothing"
        raise Seen(f"{name} takes {found}, and is given {', '.join(wanted)}") from None


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return is_same(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return bool(one == other)
