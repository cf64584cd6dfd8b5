"""From merged YAML to one complete configuration: names expanded, values checked, every fault told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt_core.config.merge import Layer, Merged, merge
from salt_core.config.paths import resolve_path
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.config.walk import Walk
from salt_core.errors import ConfigError, located, raise_all
from salt_core.kinds import BY_NAME
from salt_core.registry import Provider, Registry


@dataclass(frozen=True)
class Resolved:
    """A configuration without faults.

    Parameters
    ----------
    short : dict
        Complete, with plugins by name and absolute paths; gives the same when resolved again.
    full : dict
        ``model``, ``data`` and ``trainer`` for jsonargparse.
    run : RunOptions
        The options of the run.
    plugins : tuple of Provider
        The plugins in use.
    places : mapping of type to tuple of str
        The key paths at which each plugin's class stands.
    """

    short: dict[str, Any]
    full: dict[str, Any]
    run: RunOptions
    plugins: tuple[Provider, ...]
    places: Mapping[type, tuple[str, ...]]


def resolve(merged: Merged, registry: Registry, allowed: Sequence[str] = ()) -> Resolved:
    """Check a merged configuration and complete it.

    Parameters
    ----------
    merged : Merged
        What files and flags say.
    registry : Registry
        The plugins that it can name.
    allowed : sequence of str, optional
        Modules whose classes it may name by ``class_path``, beside Lightning's.

    Raises
    ------
    ConfigError
        One that tells all faults with their key paths.
    """
    walk = Walk(merged, registry, allowed)
    walk.check_class_paths()
    sections = {name: walk.section(name, cls) for name, cls in SECTIONS.items()}
    top = {key: value for key, value in merged.tree.items() if key not in SECTIONS}
    run = walk.options(RunOptions, top, (), extra=tuple(SECTIONS))
    raise_all([*merged.faults, *walk.faults])
    return Resolved(
        short=run.short | {name: value.short for name, value in sections.items()},
        full={name: value.full for name, value in sections.items()},
        run=RunOptions.of(run.short),
        plugins=tuple(walk.plugins.values()),
        places={cls: tuple(places) for cls, places in walk.places.items()},
    )


def resolve_part(kind: str, value: Any, registry: Registry) -> dict[str, Any]:
    """Check one plugin with its options, apart from a configuration.

    Parameters
    ----------
    kind : str
        Its kind.
    value : object
        As YAML has it, a name or ``{plugin: NAME, option: value}``.
    registry : Registry
        The plugins that it can name.

    Returns
    -------
    dict
        Its ``class_path`` and ``init_args``, as jsonargparse takes them.

    Raises
    ------
    ConfigError
        One that tells all faults.
    """
    walk = Walk(merge([Layer({kind: value}, kind, Path.cwd())]), registry, ())
    found: dict[str, Any] = walk.value(BY_NAME[kind].base_class(), value, (kind,)).full
    raise_all(walk.faults)
    return found


def local_plugins(merged: Merged) -> list[Path]:
    """Return the plugin files that the configuration names, whose plugins the rest of it may use.

    Raises
    ------
    ConfigError
        Where ``plugins`` is not a list of paths.
    """
    given = merged.tree.get("plugins") or []
    if not isinstance(given, list) or not all(isinstance(path, str) for path in given):
        raise ConfigError(f"must be a list of paths of Python files, got {given!r}", "plugins")
    with located("plugins"):
        return [resolve_path(path, merged.source(("plugins",)).folder) for path in given]
