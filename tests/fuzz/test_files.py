"""HDF5 files that are wrong somewhere: loaders and commands read them, or say what is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import strategies as st

from salt_core.config.arguments import parse
from salt_core.config.load import load
from salt_core.errors import SaltError
from salt_core.training.objects import instantiate_parts

TYPES: dict[str, Any] = {
    "i1": "i1", "u8": "u8", "i8": "i8", "f2": "f2", "f4": "f4", "f8": "f8", "?": "?", "big endian": ">f4",
    "c8": "c8",
    "S4": "S4", "vlen text": h5py.string_dtype(), "fixed text": h5py.string_dtype(length=3),
    "vlen": h5py.vlen_dtype("f4"), "enum": h5py.enum_dtype({"b": 0, "c": 4, "u": 5}, basetype="i4"),
    "reference": h5py.ref_dtype, "array": ("f4", (2,)), "nested": [("x", "f4"), ("y", "i4")],
}  # fmt: skip
COLUMNS = {
    "jets": ("pt", "eta", "flavour_label", "event"),
    "tracks": ("d0", "z0", "hits", "origin", "vertex", "valid"),
}
VALUES = (np.nan, np.inf, -np.inf, -3, 0, 1, 9, 2**31, 2**63, 1e300)
ATTRIBUTES = (3, "text", b"\xff", [1, 2], ["b", "c", "u", "tau"], ["b"], h5py.Empty("f4"), np.zeros((2, 2)))

CHANGES = st.one_of(
    st.tuples(st.just("type"), st.sampled_from(sorted(COLUMNS)), st.integers(0, 5), st.sampled_from(sorted(TYPES))),
    st.tuples(st.just("value"), st.sampled_from(sorted(COLUMNS)), st.integers(0, 5), st.sampled_from(VALUES)),
    st.tuples(st.just("drop column"), st.sampled_from(sorted(COLUMNS)), st.integers(0, 5)),
    st.tuples(st.just("rows"), st.sampled_from(sorted(COLUMNS)), st.sampled_from((0, 1, 7, 99))),
    st.tuples(st.just("all rows"), st.just(""), st.sampled_from((0, 1, 2))),
    st.tuples(st.just("slots"), st.just("tracks"), st.sampled_from((0, 1))),
    st.tuples(st.just("none valid"), st.just("tracks")),
    st.tuples(st.just("drop"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("plain"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("scalar"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("empty"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("group"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("link"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(st.just("deep"), st.sampled_from(sorted(COLUMNS))),
    st.tuples(
        st.just("attribute"), st.sampled_from(sorted(COLUMNS)), st.integers(0, 5), st.sampled_from(ATTRIBUTES)
    ),
    st.tuples(st.just("packed"), st.sampled_from(sorted(COLUMNS))),
)  # fmt: skip
BYTES = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("flip"), st.lists(st.floats(0, 1), min_size=1, max_size=20)),
    st.tuples(st.just("noise"), st.binary(max_size=2000)),
    st.tuples(st.just("head"), st.binary(max_size=200)),
)
FILES = st.tuples(st.lists(CHANGES, min_size=1, max_size=3), st.none() | st.none() | BYTES)


def retyped(rows: np.ndarray, column: str, kind: Any) -> np.ndarray:
    """Give a column another type; what cannot be turned into it is blank."""
    described = [(name, kind if name == column else rows.dtype[name]) for name in rows.dtype.names]
    changed = np.zeros(rows.shape, dtype=described)
    for name in rows.dtype.names:
        try:
            changed[name] = rows[name]
        except (TypeError, ValueError):
            continue
    if changed.dtype[column].hasobject:
        changed[column] = filled(rows.shape, changed.dtype[column])
    return changed


def filled(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """Fill a column whose values are texts, lists or references."""
    entry = h5py.Reference() if h5py.check_ref_dtype(kind) else np.ones(1, "f4")
    column = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        column[place] = "text" if h5py.check_string_dtype(kind) else entry
    return column


def change_rows(arrays: dict[str, np.ndarray], kind: str, name: str, rest: tuple[Any, ...]) -> None:
    """Change the arrays that are to be written."""
    if kind == "all rows":
        arrays.update({key: rows[: rest[0]] for key, rows in arrays.items()})
    rows = arrays.get(name)
    if rows is None or rows.dtype.names is None:
        return
    column = rows.dtype.names[rest[0] % len(rows.dtype.names)] if rest else ""
    if kind == "type":
        arrays[name] = retyped(rows, column, TYPES[rest[1]])
    elif kind == "value" and rows.size and rows.dtype[column].kind in "biuf":
        with np.errstate(all="ignore"):
            rows[column].flat[rows.size // 2] = np.array([rest[1]]).astype(rows.dtype[column])[0]
    elif kind == "drop column" and len(rows.dtype.names) > 1:
        arrays[name] = rows[[other for other in rows.dtype.names if other != column]].copy()
    elif kind == "rows":
        arrays[name] = rows[: rest[0]]
    elif kind == "slots" and rows.ndim == 2:
        arrays[name] = rows[:, : rest[0]]
    elif kind == "none valid" and "valid" in rows.dtype.names and not rows.dtype["valid"].hasobject:
        rows["valid"] = np.zeros((), dtype=rows.dtype["valid"])
    elif kind == "plain":
        arrays[name] = np.arange(len(rows), dtype="f4")


def write(path: Path, source: Path, changes: list[tuple[Any, ...]], damage: tuple[Any, ...] | None) -> None:
    """Write a changed copy of a file."""
    with h5py.File(source) as file:
        arrays = {name: file[name][:] for name in COLUMNS}
    for kind, name, *rest in changes:
        change_rows(arrays, kind, name, tuple(rest))
    path.unlink(missing_ok=True)  # HDF5 refuses to write over a file that a reader has open still
    with h5py.File(path, "w") as file:
        packed = {"compression": "gzip"} if any(kind == "packed" for kind, *_ in changes) else {}
        for name, rows in arrays.items():
            file.create_dataset(name, data=rows, **(packed if rows.size else {}))
        if "jets" in file:
            file["jets"].attrs["flavour_label"] = ["b", "c", "u", "tau"]
        for kind, name, *rest in changes:
            change_file(file, kind, name, rest)
    if damage:
        path.write_bytes(damaged(path.read_bytes(), *damage))


def change_file(file: h5py.File, kind: str, name: str, rest: list[Any]) -> None:
    item = file.get(name)
    if kind in ("drop", "scalar", "empty", "group", "link", "deep") and isinstance(item, h5py.Dataset):
        rows = item[()] if item.size else np.zeros(1)
        del file[name]
        if kind == "scalar":
            file[name] = 3.0
        elif kind == "empty":
            file[name] = h5py.Empty("f4")
        elif kind == "group":
            file.create_group(name)["inner"] = np.arange(3)
        elif kind == "link":
            file[name] = h5py.SoftLink("/nowhere")
        elif kind == "deep":
            file[name] = (
                np.arange(6).reshape(2, 3) if np.asarray(rows).dtype.hasobject else np.stack([rows, rows])
            )
    elif kind == "attribute" and item is not None:
        item.attrs[COLUMNS[name][rest[0] % len(COLUMNS[name])]] = rest[1]


def damaged(content: bytes, kind: str, how: Any) -> bytes:
    if kind == "cut":
        return content[: int(how * len(content))]
    if kind == "noise":
        return how
    if kind == "head":
        return how + content[len(how) :]
    changed, heaps = bytearray(content), global_heaps(content)
    for byte in (min(int(place * len(content)), len(content) - 1) for place in how):
        if not any(byte in heap for heap in heaps):
            changed[byte] ^= 0x55
    return bytes(changed)


def global_heaps(content: bytes) -> list[range]:
    """Find where HDF5 keeps texts of any length.

    An object without number and size in there is an endless loop in HDF5 2.0 (H5HG__cache_heap_deserialize),
    which nothing in this process can end: damage to it is the one kind that is left out.
    """
    starts = [found.start() for found in re.finditer(b"GCOL", content)]
    return [
        range(start, start + int.from_bytes(content[start + 8 : start + 16], "little")) for start in starts
    ]


def read_by(loader: str):
    """Read all batches of a changed training sample, and check the labels in them."""

    def outcome_of(example: tuple[Any, ...]) -> str:
        write(Path("tried.h5"), Path("train.h5"), *example)
        words = ["--config", "tiny.yaml", "--data.train_file", "tried.h5", "--data.loader", loader]
        try:
            module, data = instantiate_parts(load(parse(words)).resolved)
            data.build(module.columns(), module.inputs(), 1, module.check)
            data.check_training()
            module.build(data.facts())
            with data.staged():
                for batch in data.train_dataloader():
                    module.check(batch)
        except SaltError:
            return "refused"
        return "read"

    return outcome_of


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("salt")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@pytest.mark.parametrize("loader", ["hdf5", "packed"])
@pytest.mark.parametrize("examples", [10, pytest.param(2000, marks=pytest.mark.full)])
def test_any_file_is_read_or_refused(sample, try_all, loader, examples):
    assert set(try_all(FILES, read_by(loader), examples)) == {"read", "refused"}


@pytest.mark.parametrize("examples", [20, pytest.param(3000, marks=pytest.mark.full)])
def test_any_file_is_inspected_and_scaled_or_refused(sample, salt, try_all, examples):
    def outcome_of(example: tuple[Any, ...]) -> str:
        write(Path("tried.h5"), Path("train.h5"), *example)
        codes = set()
        for words in (("inspect", "tried.h5"), ("norm", "tried.h5", "--out", "dicts", "--force")):
            done = salt("data", *words)
            assert "nobody foresaw" not in done.err
            codes.add(done.code)
        assert codes <= {0, 1, 2}
        return "done" if codes == {0} else "refused"

    assert set(try_all(FILES, outcome_of, examples)) == {"done", "refused"}
