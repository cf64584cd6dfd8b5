"""A plugin in a file, and a registry with offers in every state."""

from __future__ import annotations

import pytest

from salt_core.registry import BrokenPlugin, Provider, Registry
from salt_core.registry.discovery import Findings

LOCAL = '''
from torch import Tensor

from salt_core import Loss, hookimpl


class Absolute(Loss):
    """Absolute difference.

    Parameters
    ----------
    scale : float, optional
        Factor of every value.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return self.scale * (predictions - targets).abs()


@hookimpl
def salt_losses():
    return {"absolute": Absolute}
'''


@pytest.fixture
def plugin_file(tmp_path, monkeypatch):
    """A plugin that ``SALT_PLUGINS`` names."""
    path = tmp_path / "absolute.py"
    path.write_text(LOCAL)
    monkeypatch.setenv("SALT_PLUGINS", str(path))
    return path


@pytest.fixture
def mixed():
    """One good plugin, one in conflict, one whose module is gone, one that did not load."""

    def offer(name, who, target="salt_core.errors:ConfigError"):
        return Provider("loss", name, target, f"{who}_entry", f"salt-{who}", "1.0")

    providers = [
        offer("good", "a"),
        offer("twice", "a"),
        offer("twice", "b"),
        offer("gone", "c", "gone_module:X"),
    ]
    broken = [
        BrokenPlugin("bad_entry", "salt-d", "2.0", "ModuleNotFoundError: No module named 'numba' (x.py:1)")
    ]
    return Registry(Findings(providers, broken))
