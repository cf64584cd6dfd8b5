"""The contract of a dataloader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import torch

from salt_core.data.batch import JetBatch
from salt_core.interfaces.dataloader import Dataloader, JetLoader, LoadRequest, Position, Selection
from salt_core.testing.contract import Contract, require
from salt_core.testing.looking import is_same, is_sorted, require_finite, require_shape, tensors_of

#: Jets of the sample that is written, and most jets of a batch.
JETS, BATCH_SIZE = 50, 8

#: Jets that are asked for where not all are.
FEW = 10

SEED, OTHER_SEED = 3, 4

SELECTION = Selection(
    "jets",
    {"jets": ("eta", "pt"), "tracks": ("z0", "d0")},
    {"jets": ("flavour_label", "pt"), "tracks": ("origin",)},
    {"jets": "jets", "tracks": "tracks"},
    {},
)


def check_dataloader(
    loader: Dataloader,
    folder: Path,
    files: Sequence[Path] = (),
    selection: Selection = SELECTION,
    num_jets: int = JETS,
) -> None:
    """Check that a dataloader keeps its contract.

    Parameters
    ----------
    loader : Dataloader
        As ``__init__`` leaves it.
    folder : Path
        An empty folder, for a sample and for what the loader makes of it.
    files : sequence of Path, optional
        A sample, for a loader that reads other files than HDF5; an HDF5 file with 50 jets by default.
    selection : Selection, optional
        What to read of it.
    num_jets : int, optional
        Jets of `files`, 10 at least.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(loader)
    sample = tuple(files) or (write_sample(folder / "jets.h5"),)
    request = LoadRequest(
        sample,
        selection,
        batch_size=BATCH_SIZE,
        seed=SEED,
        cache_dir=folder / "cache",
        where="data.train_file",
    )
    _check_contents(contract, loader, request, num_jets)
    with contract.clause("check accepts a plain request, and prepare gives what build reads", needed=True):
        loader.check(request)
        request = replace(request, files=tuple(loader.prepare(request)))
    _check_evaluation(contract, loader, request, num_jets)
    training = replace(request, training=True)
    _check_training(contract, loader, training, num_jets)
    _check_resuming(contract, loader, training)
    contract.conclude()


def write_sample(path: Path, num_jets: int = JETS, seed: int = 0) -> Path:
    """Write a file of random jets with tracks, some jets without any."""
    rng = np.random.default_rng(seed)
    jets = np.zeros(num_jets, [("pt", "f4"), ("eta", "f4"), ("flavour_label", "i4")])
    tracks = np.zeros((num_jets, 6), [("d0", "f4"), ("z0", "f2"), ("origin", "i4"), ("valid", "?")])
    for rows in (jets, tracks):
        for name in rows.dtype.names or ():
            whole = rows.dtype[name].kind == "i"
            rows[name] = rng.integers(0, 4, rows.shape) if whole else rng.normal(size=rows.shape)
    tracks["valid"] = rng.random(tracks.shape) < 0.5
    tracks["valid"][:2] = False
    tracks["d0"][~tracks["valid"]] = np.nan
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["jets"], file["tracks"] = jets, tracks
        file["jets"].attrs["flavour_label"] = ["bjets", "cjets", "ujets", "taus"]
    return path


def _check_contents(contract: Contract, loader: Dataloader, request: LoadRequest, num_jets: int) -> None:
    with contract.clause("contents tells how many jets there are, and which columns", needed=True):
        contents, selection = loader.contents(request), request.selection
        require(contents.num_jets == num_jets, f"it tells {contents.num_jets} jets of {num_jets}")
        for name in selection.objects:
            missing = sorted(set(selection.wanted(name)) - set(contents.columns.get(name, ())))
            require(not missing, f"{name} lacks {', '.join(missing)}")


def _check_evaluation(contract: Contract, loader: Dataloader, request: LoadRequest, num_jets: int) -> None:
    with contract.clause("build gives a sized iterable of batches", needed=True):
        built = loader.build(request)
        batches = list(built)
        require(len(built) == len(batches), f"it says {len(built)}")
        others = [type(batch).__name__ for batch in batches if not isinstance(batch, JetBatch)]
        require(not others, f"it gives a {', '.join(others[:1])}")
    _check_batches(contract, batches, request.selection)
    with contract.clause("without training, all jets come in the order of the files"):
        rows = [row for batch in batches for row in sorted(batch.rows.tolist())]
        require(rows == list(range(num_jets)), f"the rows are {rows}")
    with contract.clause("num_jets takes jets from the start alone"):
        few = loader.build(replace(request, num_jets=FEW))
        rows = sorted(row for batch in few for row in batch.rows.tolist())
        require(rows == list(range(FEW)), f"for {FEW}, the rows are {rows}")


def _check_batches(contract: Contract, batches: Sequence[JetBatch], selection: Selection) -> None:
    with contract.clause(f"a batch has batch_size jets at most, here {BATCH_SIZE}"):
        most = max(batch.num_jets for batch in batches)
        require(most <= BATCH_SIZE, f"one has {most}")
    with contract.clause("the jets of a batch are sorted by their total number of constituents"):
        for number, batch in enumerate(batches):
            require(is_sorted(batch), f"those of batch {number} are not")
    with contract.clause("features are the variables of the selection, in their order, as 32-bit floats"):
        for batch in batches:
            _require_features(batch, selection)
    with contract.clause("a batch holds the columns of the selection, and no others"):
        wanted = {name: sorted(names) for name, names in selection.columns.items() if names}
        for batch in batches:
            found = {name: sorted(columns) for name, columns in batch.columns.items() if columns}
            require(found == wanted, f"it holds {found}, not {wanted}")
    with contract.clause("a column that is a variable too has the same values"):
        for batch in batches:
            _require_same_values(batch, selection)
    with contract.clause("constituents that are not valid are left out, so that features are finite"):
        for batch in batches:
            for name, packed in batch.streams.items():
                require_finite(packed.x, f"the features of {name}")


def _require_features(batch: JetBatch, selection: Selection) -> None:
    name = selection.global_object
    require(batch.global_object == name, f"the jets are called {batch.global_object!r}")
    require_shape(batch.x, (batch.num_jets, len(selection.variables.get(name, ()))), "x")
    require(batch.x.dtype == torch.float32, f"x has {batch.x.dtype}")
    require(set(batch.streams) == set(selection.streams), f"the streams are {sorted(batch.streams)}")
    for name, packed in batch.streams.items():
        require_shape(packed.x, (packed.layout.total, len(selection.variables[name])), name)
        require(packed.layout.num_jets == batch.num_jets, f"{name} has {packed.layout.num_jets} jets")


def _require_same_values(batch: JetBatch, selection: Selection) -> None:
    for name, columns in batch.columns.items():
        x = batch.x if name == batch.global_object else batch.streams[name].x
        for number, variable in enumerate(selection.variables.get(name, ())):
            if variable in columns:
                same = is_same(columns[variable].float(), x[:, number])
                require(same, f"{name}/{variable} differs from feature {number}")


def _check_training(contract: Contract, loader: Dataloader, request: LoadRequest, num_jets: int) -> None:
    def rows(built: JetLoader) -> list[list[int]]:
        return [batch.rows.tolist() for batch in built]

    with contract.clause("in training, every jet comes once an epoch over all ranks"):
        ranks = [loader.build(replace(request, rank=rank, world_size=2)) for rank in range(2)]
        found = [rows(built) for built in ranks]
        came = sorted(row for of_rank in found for batch in of_rank for row in batch)
        require(
            came == list(range(num_jets)), f"{len(came)} came, {len(set(came))} different ones of {num_jets}"
        )
        require(len(found[0]) == len(found[1]), f"the ranks have {len(found[0])} and {len(found[1])} batches")
    with contract.clause("the order is a function of seed and epoch"):
        one, other = loader.build(request), loader.build(request)
        for epoch in range(2):
            require(rows(one) == rows(other), f"two loaders give different orders in epoch {epoch}")
    with contract.clause("training is shuffled, each epoch and each seed otherwise"):
        built = loader.build(request)
        first, second = rows(built), rows(built)
        other_seed = rows(loader.build(replace(request, seed=OTHER_SEED)))
        require(first != second, "epochs 0 and 1 have the same order")
        require(first != other_seed, "two seeds have the same order")
    with contract.clause("shuffle: none keeps the order of the files"):
        kept = loader.build(replace(request, shuffle="none"))
        flat = [row for batch in rows(kept) for row in sorted(batch)]
        require(flat == sorted(flat), f"the rows are {flat}")


def _check_resuming(contract: Contract, loader: Dataloader, request: LoadRequest) -> None:
    with contract.clause("training gives batches", needed=True):
        whole = list(loader.build(request))
    done = len(whole) // 2
    with contract.clause("a state goes on where it was told, to the bit"):
        stopped, resumed = loader.build(request), loader.build(request)
        iterator = iter(stopped)
        taken = list(islice(iterator, done))
        resumed.load_state_dict(stopped.state_dict())
        _require_rest(taken + list(resumed), whole)
    with contract.clause("position, where it is given, tells where to go on"):
        _require_rest(list(loader.build(replace(request, position=lambda: Position(0, done)))), whole[done:])


def _require_rest(found: Sequence[JetBatch], expected: Sequence[JetBatch]) -> None:
    require(len(found) == len(expected), f"{len(found)} batches, not {len(expected)}")
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        tensors = tensors_of(one)
        for name, values in tensors_of(other).items():
            require(is_same(tensors[name], values), f"{name} of batch {number} is another one")
