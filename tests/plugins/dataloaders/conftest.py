"""Random files of jets, requests for them, and what their batches hold."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_core import JetBatch
from salt_core.interfaces.dataloader import LoadRequest, Selection

FIELD_TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "?"]

#: Label columns of floats may hold what is not finite.
LABEL = "label"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Nothing of these tests is remembered in the home folder, or kept in the cache of the user."""
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SALT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def packing_log(caplog) -> pytest.LogCaptureFixture:
    """What the loader says; other tests may have set up its logger for the command line."""
    for name in ("salt", "salt.packed", "salt.shelf"):
        logging.getLogger(name).propagate = True
    caplog.set_level(logging.INFO, "salt")
    return caplog


def _values(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        return (rng.normal(size=shape) * 100).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


class RandomJets:
    """Jets and streams of constituents with one field of every type.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws everything.
    num_jets : int
        How many.
    slots : dict of str to int
        Most constituents per jet of each stream.
    flag : str
        Type of ``valid``.
    """

    def __init__(self, rng: np.random.Generator, num_jets: int, slots: dict[str, int], flag: str = "?"):
        self.slots = slots
        fields = [(f"v_{kind.replace('?', 'b')}", kind) for kind in FIELD_TYPES] + [(LABEL, "f4")]
        order = rng.permutation(len(fields))
        fields = [fields[i] for i in order]
        self.rows = {"jets": np.zeros(num_jets, dtype=fields)}
        for stream, most in slots.items():
            self.rows[stream] = np.zeros((num_jets, most), dtype=[*fields[:5], ("valid", flag), *fields[5:]])
        for name, rows in self.rows.items():
            for field, kind in fields:
                rows[field] = _values(rng, kind, rows.shape)
            rows[LABEL][rng.random(rows.shape) < 0.2] = np.nan
            if name != "jets":
                # Anywhere in the row; jets without any, and full ones.
                chance = rng.choice([0.0, 0.3, 0.7, 1.0], size=(num_jets, 1))
                rows["valid"] = rng.random(rows.shape) < chance
                rows["v_f4"][~rows["valid"].astype(bool)] = np.nan

    def write(self, path: Path, start: int = 0, stop: int | None = None, **options: object) -> Path:
        """Write some of the jets into a file."""
        with h5py.File(path, "w") as file:
            for name, rows in self.rows.items():
                file.create_dataset(name, data=rows[start:stop], **options)
        return path

    def write_cut(self, folder: Path, cuts: Iterable[int]) -> tuple[Path, ...]:
        """Write the jets into several files."""
        edges = [0, *sorted(cuts), len(self.rows["jets"])]
        return tuple(self.write(folder / f"part_{i}.h5", *edges[i : i + 2]) for i in range(len(edges) - 1))

    def write_virtual(self, folder: Path, cuts: Iterable[int]) -> Path:
        """Write the jets into several files, and one that refers to them."""
        parts = self.write_cut(folder, cuts)
        with h5py.File(folder / "virtual.h5", "w") as file:
            for name, rows in self.rows.items():
                layout = h5py.VirtualLayout(rows.shape, rows.dtype)
                start = 0
                for part in parts:
                    with h5py.File(part) as source:
                        stop = start + len(source[name])
                        layout[start:stop] = h5py.VirtualSource(
                            part.name, name, source[name].shape, rows.dtype
                        )
                    start = stop
                file.create_virtual_dataset(name, layout)
        return folder / "virtual.h5"


@pytest.fixture(scope="session")
def random_jets() -> type[RandomJets]:
    return RandomJets


def selection_of(rows: dict[str, np.ndarray], **changes: object) -> Selection:
    """Take every field as an input and as a raw column; labels that are not finite as columns alone."""
    columns = {name: tuple(f for f in found.dtype.names if f != "valid") for name, found in rows.items()}
    variables = {name: tuple(f for f in reversed(found) if f != LABEL) for name, found in columns.items()}
    made = Selection("jets", variables, columns, {name: name for name in rows}, {})
    return replace(made, **changes)


@pytest.fixture(scope="session")
def select() -> Callable[..., Selection]:
    return selection_of


def content(batch: JetBatch) -> dict[str, np.ndarray]:
    """Return every tensor of a batch, by name."""
    found = {"x": batch.x, "rows": batch.rows}
    for name, packed in batch.streams.items():
        found[name] = packed.x
        found[f"{name}.lengths"] = packed.layout.lengths
        assert np.array_equal(packed.layout.host_lengths, packed.layout.lengths.numpy())
    for name, columns in batch.columns.items():
        found |= {f"{name}.{column}": values for column, values in columns.items()}
    return {name: tensor.numpy() for name, tensor in found.items()}


def assert_same(one: JetBatch, other: JetBatch) -> None:
    """Compare batches bit by bit, types and places included."""
    left, right = content(one), content(other)
    assert left.keys() == right.keys()
    assert list(one.streams) == list(other.streams)
    for name, values in left.items():
        assert values.dtype == right[name].dtype, name
        assert np.array_equal(values, right[name], equal_nan=values.dtype.kind == "f"), name


@pytest.fixture(scope="session")
def same() -> Callable[[JetBatch, JetBatch], None]:
    return assert_same


def jets_of(batches: Iterable[JetBatch]) -> dict[int, tuple[bytes, ...]]:
    """Return the bytes of each jet of some batches, by its row."""
    found: dict[int, tuple[bytes, ...]] = {}
    for batch in batches:
        parts = content(batch)
        edges = {name: np.cumsum([0, *parts[f"{name}.lengths"]]) for name in batch.streams}
        for place, row in enumerate(batch.rows.tolist()):
            assert row not in found, f"row {row} comes twice"
            found[row] = tuple(
                (
                    values[slice(*edges[owner][place : place + 2])] if owner in edges else values[place]
                ).tobytes()
                for name, values in sorted(parts.items())
                for owner in [name.split(".")[0] if not name.endswith(".lengths") else ""]
            )
    return found


@pytest.fixture(scope="session")
def by_jet() -> Callable[[Iterable[JetBatch]], dict[int, tuple[bytes, ...]]]:
    return jets_of


@pytest.fixture
def ask(tmp_path) -> Callable[..., LoadRequest]:
    """Make a request of some files, with a cache of this test."""

    def make(files: Path | tuple[Path, ...], selection: Selection, **changes: object) -> LoadRequest:
        files = files if isinstance(files, tuple) else (files,)
        given = {"cache_dir": tmp_path / "cache", "batch_size": 7, "seed": 3, "where": "data.train_file"}
        return LoadRequest(files, selection, **given | changes)

    return make


@pytest.fixture
def jets(tmp_path) -> RandomJets:
    """Fifty jets with two streams, in ``source/jets.h5``."""
    (tmp_path / "source").mkdir()
    made = RandomJets(np.random.default_rng(5), 50, {"tracks": 6, "muons": 2})
    made.write(tmp_path / "source" / "jets.h5")
    return made


@pytest.fixture
def source(jets, tmp_path) -> Path:
    return tmp_path / "source" / "jets.h5"
