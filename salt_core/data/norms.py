"""The norm dict and the class dict: YAML files of means, standard deviations and class weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salt_core.config.yaml import load_yaml
from salt_core.errors import ConfigError, SaltError, located, raise_all, suggest

Scale = tuple[float, ...]


def read_dict(path: Path | None, where: str) -> Mapping[str, Any]:
    """Read a YAML mapping.

    Raises
    ------
    ConfigError
        Where no file is named, or it is missing or not a mapping.
    """
    if path is None:
        raise ConfigError("not set; give the path of a YAML file, such as salt data norm makes", where)
    if not path.is_file():
        raise ConfigError(f"the file {path} does not exist", where)
    with located(where):
        return load_yaml(path)


def normalisation(
    path: Path | None, variables: Mapping[str, Sequence[str]], datasets: Mapping[str, str]
) -> tuple[dict[str, Scale], dict[str, Scale]]:
    """Read mean and standard deviation of every input variable.

    Parameters
    ----------
    path : Path
        The norm dict: ``{object: {variable: {mean: ..., std: ...}}}``.
    variables : mapping of str to sequence of str
        The input variables by object.
    datasets : mapping of str to str
        Dataset of each object; the norm dict may use either name.

    Returns
    -------
    means, stds : dict of str to tuple of float
        By object, in the order of `variables`.

    Raises
    ------
    ConfigError
        One that tells all variables that are missing, not finite, or of no width.
    """
    where = "data.norm_dict"
    content = read_dict(path, where)
    faults: list[SaltError] = []
    means: dict[str, Scale] = {}
    stds: dict[str, Scale] = {}
    for name, names in variables.items():
        entries = content.get(name, content.get(datasets[name])) or {}
        if names and not entries:
            faults.append(ConfigError(f"{path} has no object {name!r}; {suggest(name, content)}", where))
            continue
        pairs = [_mean_and_std(entries, name, variable, path, faults) for variable in names]
        means[name] = tuple(mean for mean, _ in pairs)
        stds[name] = tuple(std for _, std in pairs)
    raise_all(faults)
    return means, stds


def _mean_and_std(
    entries: Mapping[str, Any], name: str, variable: str, path: Path | None, faults: list[SaltError]
) -> tuple[float, float]:
    where = f"data.norm_dict, {name}/{variable}"
    entry = entries.get(variable)
    if entry is None:
        faults.append(ConfigError(f"{path} does not have it; {suggest(variable, entries)}", where))
        return 0.0, 1.0
    try:
        mean, std = float(entry["mean"]), float(entry["std"])
    except (TypeError, KeyError, ValueError):
        faults.append(ConfigError(f"{path} needs numbers 'mean' and 'std' here, got {entry!r}", where))
        return 0.0, 1.0
    if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
        message = f"mean {mean}, std {std} in {path}; both must be finite and std above zero"
        faults.append(ConfigError(message, where))
    return mean, std


def class_weights(path: Path | None) -> dict[str, dict[str, Scale]]:
    """Read the class dict, ``{object: {label: [weight of each class]}}``; empty where none is named.

    Raises
    ------
    ConfigError
        Where a label's weights are no list of numbers.
    """
    where = "data.class_dict"
    content = {} if path is None else read_dict(path, where)
    weights: dict[str, dict[str, Scale]] = {}
    for name, labels in content.items():
        if not isinstance(labels, Mapping):
            raise ConfigError(f"{path}: object {name!r} must hold a mapping of labels, got {labels!r}", where)
        for label, values in labels.items():
            numbers = isinstance(values, list) and all(isinstance(v, int | float) for v in values)
            if not numbers:
                message = f"{path}: must be a list with a number for each class, got {values!r}"
                raise ConfigError(message, f"{where}, {name}/{label}")
            weights.setdefault(name, {})[label] = tuple(float(v) for v in values)
    return weights
