"""The dataloader that makes stores, as a shipped configuration names it."""

from __future__ import annotations

from salt_core.config.paths import shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.interfaces.dataloader import Dataloader
from salt_core.registry import Registry

PACKED = "packed.yaml"


def packing_loader() -> Dataloader:
    """Return it with its defaults."""
    name = load_yaml(shipped_configs()[PACKED])["data"]["loader"]
    loader = Registry.discover().resolve("dataloader", name, "data.loader")()
    assert isinstance(loader, Dataloader)
    return loader
