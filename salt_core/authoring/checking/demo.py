"""What the jets that come with salt say: facts to build parts for, and values of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import h5py
import numpy as np

from salt_core.authoring.checking.trial import MODEL
from salt_core.config.paths import package_folder, shipped_configs
from salt_core.config.yaml import load_yaml
from salt_core.data.facts import DataFacts
from salt_core.testing.jets import Columns, Values, make_facts

#: Jets that values are taken from, and the most different ones of a label.
JETS, MOST = 1000, 100


@cache
def demo_facts() -> DataFacts:
    """Return variables, classes and class weights as a training on these jets has them."""
    variables = load_yaml(shipped_configs()[MODEL])["data"]["variables"]
    weights = load_yaml(package_folder() / "demo" / "class_dict.yaml")
    with h5py.File(_file()) as file:
        names = {
            name: {key: [str(one) for one in of] for key, of in file[name].attrs.items()}
            for name in variables
        }
    return make_facts(variables, class_names=names, class_weights=weights)


def demo_values(asked: Mapping[str, Sequence[str]]) -> Columns:
    """Return values of those `asked` columns that the jets have, by object and column."""
    with h5py.File(_file()) as file:
        return {
            name: {key: _values(file[name], key) for key in keys if key in file[name].dtype.names}
            for name, keys in asked.items()
            if name in file
        }


def missing_columns(asked: Mapping[str, Sequence[str]]) -> list[str]:
    """Name the `asked` columns that the jets do not have."""
    there = demo_values(asked)
    return [f"{name}/{key}" for name, keys in asked.items() for key in keys if key not in there.get(name, {})]


def _file() -> str:
    return str(package_folder() / "demo" / "demo_train.h5")


def _values(dataset: h5py.Dataset, column: str) -> Values:
    rows = dataset[:JETS]
    values = rows[column][rows["valid"]] if "valid" in rows.dtype.names else rows[column]
    if values.dtype.kind in "iub":
        return [int(value) for value in np.unique(values)[:MOST]]
    finite = values[np.isfinite(values)].astype(float)
    return float(finite.min()), float(finite.max())
