"""Small random samples with all that a configuration reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

SLOTS = 4

#: Class names that files have as attributes.
CLASS_NAMES = {"flavour_label": ["bjets", "cjets", "ujets", "taus"]}

#: Whole numbers that a column holds, where the configuration does not tell.
VALUES = {
    "HadronConeExclTruthLabelID": [0, 4, 5, 15],
    "R10TruthLabel_R22v1": [1, 2, 10, 11, 12],
    "ftagTruthVertexIndex": [-2, 0, 1, 2],
    "ftagTruthOriginLabel": list(range(8)),
    "iffClass": [0, 2, 4, 8, 9, 10],
    "eventNumber": list(range(1000)),
}

#: Columns that have gaps unless they are inputs: targets that not every jet has, and the parameter of jets that are
#: no signal.
WITH_GAPS = ("HadronConeExclTruthLabelPt", "HadronConeExclTruthLabelLxy", "mass")


class Columns:
    """What a configuration reads, by object: the columns, and the whole numbers that labels hold."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        data, model = config["data"], config["model"]
        self.whole: dict[str, dict[str, list[int]]] = defaultdict(dict)
        self.names: dict[str, set[str]] = {name: set(names) for name, names in data["variables"].items()}
        self.names.setdefault(data["global_object"], set())
        for task in model["tasks"].values():
            self._of_task(task)
        self._of_encoder(model["encoder"])
        self._of_data(data)
        for name, rules in self._made(data):
            self.names[name] -= set(rules)

    def values(self, name: str, column: str) -> list[int] | None:
        """Return the whole numbers that a label of an object holds, None for what is no label."""
        classes = range(len(CLASS_NAMES.get(column, ())))
        return self.whole[name].get(column) or VALUES.get(column) or list(classes) or None

    def _add(self, name: str, columns: Iterable[str]) -> None:
        self.names[name] |= set(columns)

    def _of_task(self, task: Mapping[str, Any]) -> None:
        name = task["input_name"]
        for key in ("label", "origin_label", "targets", "target_denominators", "sample_weight"):
            named = task.get(key) or []
            self._add(name, [named] if isinstance(named, str) else named)
        if task.get("label_map"):
            self.whole[name][task["label"]] = list(task["label_map"])
        elif task.get("class_names"):
            self.whole[name][task["label"]] = list(range(len(task["class_names"])))

    def _of_encoder(self, encoder: Mapping[str, Any]) -> None:
        if encoder["plugin"] == "part":
            for name, columns in (
                encoder["columns"] or {"tracks": {"x": "pt", "y": "eta", "z": "phi"}}
            ).items():
                self._add(name, columns.values())
        for name, edges in (encoder.get("edges") or {}).items():
            self._add(name, edges["columns"].values())

    def _of_data(self, data: Mapping[str, Any]) -> None:
        self._add(data["global_object"], data["parameters"] or {})
        for name, columns in (data["extra_vars"] or {}).items():
            self._add(name, columns or [])
        for name, rules in self._made(data):
            self._add(name, {column for rule in rules.values() for column in columns_of(rule)})

    @staticmethod
    def _made(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for kind in ("labeller", "multi_target"):
            yield from (data[kind] or {}).items()


def columns_of(rule: Any) -> set[str]:
    """Return the columns that conditions and sources of a made label name."""
    if isinstance(rule, str):
        return {rule.split()[0]}
    if isinstance(rule, Mapping):
        return set().union(*(columns_of(value) for value in rule.values()))
    return set().union(*map(columns_of, rule)) if isinstance(rule, list) else set()


def column(
    shape: tuple[int, ...], values: list[int] | None, gaps: bool, rng: np.random.Generator
) -> np.ndarray:
    """Make a column: the whole numbers of a label in equal shares, or positive numbers, a third of them NaN."""
    if values:
        return rng.permutation(np.resize(values, shape).ravel()).reshape(shape).astype("i4")
    made = rng.exponential(size=shape).astype("f4") + 0.1
    if gaps:
        made[::3] = np.nan
    return made


def write(path: Path, config: Mapping[str, Any], num_jets: int, seed: int) -> None:
    """Write a sample."""
    rng = np.random.default_rng(seed)
    columns = Columns(config)
    with h5py.File(path, "w") as file:
        for name, names in columns.names.items():
            shape = (num_jets,) if name == config["data"]["global_object"] else (num_jets, SLOTS)
            gaps = set(WITH_GAPS) - set(config["data"]["variables"].get(name, ()))
            made = {one: column(shape, columns.values(name, one), one in gaps, rng) for one in sorted(names)}
            if len(shape) == 2:
                made["valid"] = rng.random(shape) < 0.6
            fields = [(one, values.dtype) for one, values in made.items()]
            rows = np.zeros(shape, dtype=fields)
            for one, values in made.items():
                rows[one] = values
            file[name] = rows
            file[name].attrs.update({one: CLASS_NAMES[one] for one in names & set(CLASS_NAMES)})


def dicts(folder: Path, config: Mapping[str, Any]) -> None:
    """Write norm dict and class dict."""
    variables = config["data"]["variables"]
    norms = {name: {one: {"mean": 1.0, "std": 1.0} for one in names} for name, names in variables.items()}
    (folder / "norm_dict.yaml").write_text(yaml.safe_dump(norms))
    weights = {"jets": {"flavour_label": [1.0, 2.0, 0.5, 3.0]}, "tracks": {"ftagTruthOriginLabel": [1.0] * 8}}
    (folder / "class_dict.yaml").write_text(yaml.safe_dump(weights))


@pytest.fixture
def samples(tmp_path):
    """Write samples and dicts for a complete configuration; return the flags that name them."""

    def make(config: Mapping[str, Any]) -> list[str]:
        for seed, name in enumerate(("train", "val", "test")):
            write(tmp_path / f"{name}.h5", config, 24, seed)
        dicts(tmp_path, config)
        files = [word for name in ("train", "val", "test") for word in (f"--data.{name}_file", f"{name}.h5")]
        return [*files, "--data.norm_dict", "norm_dict.yaml", "--data.class_dict", "class_dict.yaml"]

    return make
