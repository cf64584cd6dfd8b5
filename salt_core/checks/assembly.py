"""A configuration and its objects, made in spite of mistakes, so that all of them are found."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from salt_core.checks import stand_in
from salt_core.checks.devices import check_devices
from salt_core.checks.report import Report, key_path, singles
from salt_core.config.arguments import Arguments
from salt_core.config.layers import file_layer
from salt_core.config.load import BASE, Loaded
from salt_core.config.merge import KeyPath, Layer, Merged, merge
from salt_core.config.paths import find_config, shipped_configs
from salt_core.config.resolver import local_plugins, resolve
from salt_core.errors import SaltError
from salt_core.logs import quiet
from salt_core.registry import Registry
from salt_core.training.objects import Objects, instantiate

#: How often a configuration is mended; every time tells what the mistakes before have hidden.
ROUNDS = 8

ENCODER = ("model", "encoder")
#: Keys that say what a component is: without them nothing is left of it.
COMPONENT = ("plugin", "class_path")

STAND_IN = Path(stand_in.__file__)
NO_LOGGER = {"logger": False}


@dataclass(frozen=True)
class Assembly:
    """What a training consists of, perhaps without what was wrong with it.

    Parameters
    ----------
    loaded : Loaded
        The configuration.
    objects : Objects
        Model, data and trainer, not yet built.
    """

    loaded: Loaded
    objects: Objects


def assemble(arguments: Arguments, report: Report) -> Assembly | None:
    """Make the objects that files and flags describe; None where too little of them is right.

    What is wrong is noted and replaced by what base.yaml says, or left out; then it is tried again.
    """
    layers = _layers(arguments, report)
    if layers is None:
        return None
    merged, files = layers
    for _ in range(ROUNDS):
        try:
            return _made(arguments, merged, files)
        except SaltError as error:
            report.add(error)
            found = mended(merged, [key_path(one) for one in singles(error)], report)
        if found is None:
            break
        merged = found
    return None


def mended(merged: Merged, paths: Sequence[KeyPath], report: Report) -> Merged | None:
    """Take what is wrong out of a configuration; None where nothing can be taken out."""
    tree = copy.deepcopy(merged.tree)
    base = file_layer(shipped_configs()[BASE]).tree
    new: list[KeyPath] = []
    for path in paths:
        done = any(path[: len(place)] == place for place in [*new, *report.mended])
        if not done and (place := _mend(tree, base, path)):
            new.append(place)
    report.mended += new
    return replace(merged, tree=tree, faults=()) if new or merged.faults else None


def _layers(arguments: Arguments, report: Report) -> tuple[Merged, list[Path]] | None:
    """Read all files and flags; one flag that cannot be read is left out, without a file it is no use."""
    layers: list[Layer] = [file_layer(shipped_configs()[BASE])]
    files: list[Path] = []
    for text in arguments.configs:
        with report.collecting():
            files.append(find_config(text))
            layers.append(file_layer(files[-1]))
    whole = len(layers) == 1 + len(arguments.configs)
    for flag in arguments.flags:
        with report.collecting():
            layers.append(flag.layer())
    return (merge(layers), files) if whole else None


def _made(arguments: Arguments, merged: Merged, files: Sequence[Path]) -> Assembly:
    """Make the objects of one attempt."""
    stands_in = [STAND_IN] if merged.tree.get("model", {}).get("encoder") == stand_in.NAME else []
    registry = Registry.discover([*local_plugins(merged), *stands_in])
    resolved = resolve(merged, registry, arguments.allow_class_paths)
    check_devices(resolved.short["trainer"])
    with quiet("lightning.pytorch"):  # it would tell of devices, which are looked at apart
        objects = instantiate(resolved, NO_LOGGER)
    return Assembly(Loaded(resolved, tuple(files), registry), objects)


def _mend(tree: dict[Any, Any], base: Any, path: KeyPath) -> KeyPath | None:
    """Put what `base` says, or nothing, in the place of the value at `path`; tell where that was."""
    place = _nearest(tree, path)
    if place and place[-1] in COMPONENT:
        place = place[:-1]
    if path[:2] == ENCODER and len(place) <= len(ENCODER):
        if not isinstance(tree.get("model"), dict):
            return None
        tree["model"]["encoder"] = stand_in.NAME
        return ENCODER
    said = _value(base, place)
    if not place or (len(place) == 1 and said is None and place[0] in ("model", "data")):
        return None
    holder = _value(tree, place[:-1])
    if said is None or said == holder[place[-1]]:
        del holder[place[-1]]
    else:
        holder[place[-1]] = copy.deepcopy(said)
    return place


def _nearest(tree: Any, path: KeyPath) -> KeyPath:
    """Return the longest beginning of a key path that is there."""
    for length in range(len(path), 0, -1):
        holder = _value(tree, path[: length - 1])
        if isinstance(holder, dict) and path[length - 1] in holder:
            return path[:length]
    return ()


def _value(tree: Any, path: KeyPath) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
