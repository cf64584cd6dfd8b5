"""The identity of the files that a store is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from salt_core.data.hdf5 import dataset_of, opened
from salt_core.interfaces.dataloader import Selection
from salt_plugins.dataloaders.packed.manifest import FORMAT, told_cuts

Identity = dict[str, Any]

#: What an identity consists of beside the path, as messages call it.
WORDS = {"size": "size", "mtime_ns": "modification time", "datasets": "shape or type of a dataset"}


def key_of(files: Sequence[Path], selection: Selection, num_jets: int) -> str:
    """Return the name of the store of these files, selection and number of jets, whatever is in the files."""
    what = {
        "version": FORMAT,
        "files": [str(path.absolute()) for path in files],
        "global_object": selection.global_object,
        "variables": {name: list(found) for name, found in selection.variables.items()},
        "columns": {name: sorted(found) for name, found in selection.columns.items() if found},
        "datasets": dict(selection.datasets),
        "num_inputs": dict(selection.num_inputs),
        "num_jets": num_jets,
    }
    if cuts := told_cuts(selection):
        what["cuts"] = cuts
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


def identities(files: Sequence[Path], selection: Selection) -> list[Identity]:
    """Tell the files apart from later versions of themselves, those too that a virtual dataset refers to.

    Returns
    -------
    list of dict
        Path, size and modification time of each, and shape and type of its datasets.
    """
    found: dict[Path, Identity] = {}
    for path in files:
        with opened(path) as file:
            datasets = {name: dataset_of(file, selection, name) for name in selection.objects}
            found[path] = _identity(path, datasets)
            for source in _behind(path, datasets.values()):
                found.setdefault(source, _identity(source, {}))
    return list(found.values())


def changes(before: Sequence[Identity], now: Sequence[Identity]) -> list[str]:
    """Say what differs between identities, file by file."""
    old = {item["path"]: item for item in before}
    new = {item["path"]: item for item in now}
    gone = [f"{path} is not used any more" for path in old.keys() - new.keys()]
    added = [f"{path} was not there" for path in new.keys() - old.keys()]
    changed = [
        f"{path} has another {' and '.join(differing)}"
        for path in old.keys() & new.keys()
        if (differing := [word for key, word in WORDS.items() if old[path][key] != new[path][key]])
    ]
    return gone + added + changed


def _identity(path: Path, datasets: Mapping[str, h5py.Dataset]) -> Identity:
    status = path.stat()
    return {
        "path": str(path.absolute()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "datasets": {
            name: {"shape": list(dataset.shape), "dtype": str(dataset.dtype)}
            for name, dataset in datasets.items()
        },
    }


def _behind(path: Path, datasets: Iterable[h5py.Dataset]) -> Iterator[Path]:
    """Yield the files in which virtual and external datasets of a file have their values."""
    names: dict[str, set[str]] = {}
    for dataset in datasets:
        for source in dataset.virtual_sources() if dataset.is_virtual else []:
            names.setdefault(source.file_name, set()).add(source.dset_name)
        names |= {name: set() for name, *_ in dataset.external or ()}
    for name, inner in names.items():
        behind = path.parent / name
        if name == "." or not behind.is_file():
            continue
        yield behind
        if inner:
            with opened(behind) as file:
                found = [file[dataset] for dataset in sorted(inner) if dataset in file]
                yield from _behind(behind, found)
