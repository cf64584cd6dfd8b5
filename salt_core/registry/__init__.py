"""The registry: who offers which plugin, found without importing anything heavy."""

from salt_core.registry.provider import BrokenPlugin, Provider
from salt_core.registry.registry import Registry

__all__ = ["BrokenPlugin", "Provider", "Registry"]
