"""The configuration of one call: base.yaml or a checkpoint's, then the named files, then the flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from salt_core.config.arguments import Arguments
from salt_core.config.layers import file_layer
from salt_core.config.merge import Layer, Merged, identity, merge
from salt_core.config.paths import find_config, shipped_configs
from salt_core.config.resolver import Resolved, local_plugins, resolve
from salt_core.errors import ConfigError
from salt_core.registry import Registry

BASE = "base.yaml"


@dataclass(frozen=True)
class Loaded:
    """A resolved configuration and what it was made of.

    Parameters
    ----------
    resolved : Resolved
        The configuration.
    files : tuple of Path
        The files that were named, in their order.
    registry : Registry
        The plugins that it could name.
    """

    resolved: Resolved
    files: tuple[Path, ...]
    registry: Registry


def load(arguments: Arguments, base: Layer | None = None) -> Loaded:
    """Read, merge, check and complete the configuration of a call.

    Parameters
    ----------
    arguments : Arguments
        What the command was called with.
    base : Layer, optional
        What everything else goes on top of, in the place of base.yaml: the configuration inside a
        checkpoint. It cannot name plugin files, which would be run.

    Raises
    ------
    ConfigError
        One that tells everything that is wrong.
    """
    files = [find_config(text) for text in arguments.configs]
    shipped = file_layer(shipped_configs()[BASE])
    merged = merged_of(arguments, files, base or shipped)
    if base is not None:
        _refuse_plugins_of(base, merged)
    registry = Registry.discover(local_plugins(merged))
    resolved = resolve(merged, registry, arguments.allow_class_paths)
    complete = _with_taken_away(resolved.short, shipped.tree)
    return Loaded(replace(resolved, short=complete), tuple(files), registry)


def merged_of(arguments: Arguments, files: list[Path], base: Layer | None = None) -> Merged:
    """Merge the base, the files and the flags."""
    first = base or file_layer(shipped_configs()[BASE])
    return merge([first, *map(file_layer, files), *(flag.layer() for flag in arguments.flags)])


def _with_taken_away(short: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Say ``null`` for what base.yaml has and a configuration has not, or it would come back on top of it."""
    complete = {**short, **{key: None for key in shipped if key not in short}}
    for key, value in shipped.items():
        if isinstance(value, Mapping) and isinstance(complete[key], Mapping) and identity(value) is None:
            complete[key] = _with_taken_away(complete[key], value)
    return complete


def _refuse_plugins_of(base: Layer, merged: Merged) -> None:
    """Refuse plugin files that only the configuration within a checkpoint names: they would be run."""
    if merged.tree.get("plugins") and merged.source(("plugins",)).label == base.label:
        files = ", ".join(map(str, local_plugins(merged)))
        raise ConfigError(
            f"the configuration inside the checkpoint names files that would be run: {files}. If you trust them, "
            f"name them yourself, --plugins '[{files}]', or name the run's config.yaml by --config",
            "plugins",
        )
