"""Dicts that ``salt data norm`` makes, and samples that are changed for it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_core.config.yaml import load_yaml


def dicts_of(folder: Path):
    return load_yaml(folder / "norm_dict.yaml"), load_yaml(folder / "class_dict.yaml")


def norm_of(salt, *words, out="dicts"):
    outcome = salt("data", "norm", *words, "--out", out)
    assert outcome.code == 0, outcome.err
    return (*dicts_of(Path(out)), outcome.out)


def change(path: Path, name: str, column: str, where, value) -> None:
    with h5py.File(path, "r+") as file:
        rows = file[name][:]
        rows[column][where] = value
        file[name][...] = rows


def with_types(path: Path, name: str, types: dict[str, str]) -> None:
    """Write dataset `name` again, some fields in other types."""
    with h5py.File(path, "r+") as file:
        old, attributes = file[name][:], dict(file[name].attrs)
        fields = [(field, types.get(field, old.dtype[field])) for field in old.dtype.names]
        new = np.zeros(old.shape, dtype=fields)
        for field in old.dtype.names:
            new[field] = old[field]
        del file[name]
        file[name] = new
        file[name].attrs.update(attributes)


def columns_of(files, name, column):
    """All entries of a column of several files, those of valid constituents alone."""
    parts = []
    for path in files:
        with h5py.File(path) as file:
            rows = file[name][:]
            parts.append(rows[column][rows["valid"]] if "valid" in rows.dtype.names else rows[column])
    return np.concatenate(parts)


def assert_same_as_numpy(norms, files):
    for name, variables in norms.items():
        for variable, scale in variables.items():
            values = columns_of(files, name, variable).astype(np.float64)
            assert scale["mean"] == pytest.approx(values.mean(), rel=1e-12, abs=1e-14), variable
            assert scale["std"] == pytest.approx(values.std(), rel=1e-12), variable
