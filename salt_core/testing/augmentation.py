"""The contract of an augmentation."""

from __future__ import annotations

import copy
import random

import numpy as np

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts
from salt_core.interfaces.augmentation import Augmentation
from salt_core.testing.contract import Contract, require
from salt_core.testing.jets import SMALL_BATCHES, Columns, equally_long, make_facts, random_batch
from salt_core.testing.looking import is_same, is_sorted, require_finite, seeded, tensors_of, unchanged


def check_augmentation(
    augmentation: Augmentation, data: DataFacts | None = None, columns: Columns | None = None
) -> None:
    """Check that an augmentation keeps its contract.

    Parameters
    ----------
    augmentation : Augmentation
        As ``__init__`` leaves it, not built; it stays so.
    data : DataFacts, optional
        What it is built for; `make_facts` by default, jets with one stream of tracks.
    columns : mapping, optional
        Raw columns of the batch, as `random_batch` takes them.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    data = data or make_facts()
    values: Columns = columns or {name: {"label": range(4)} for name in data.variables}
    contract, built = Contract(augmentation), copy.deepcopy(augmentation)
    with contract.clause("build(data) makes it", needed=True), seeded():
        built.build(data)
    with contract.clause("it has no parameters, and keeps its tensors in buffers with persistent=False"):
        kept = [*dict(built.named_parameters()), *built.state_dict()]
        require(not kept, f"it keeps {', '.join(sorted(set(kept)))}")
    built.train()
    batch = random_batch(data, values)
    with contract.clause("it gives a JetBatch", needed=True), seeded():
        changed = built(batch)
        require(isinstance(changed, JetBatch), f"it gives a {type(changed).__name__}")
    with contract.clause("it gives jets with all their objects, variables and raw columns"):
        _require_whole(changed, batch)
    with contract.clause("what it gives is finite"):
        for name, tensor in tensors_of(changed).items():
            require_finite(tensor, name)
    fresh = random_batch(data, values)
    with contract.clause("it never changes a batch in place"), seeded(), unchanged(fresh):
        built(fresh)
    with contract.clause("it draws from torch's generators alone, so that a resumed training draws the same"):
        _require_same_draws(built, batch)
    for text, lengths in SMALL_BATCHES.items():
        with contract.clause(text), seeded():
            small = random_batch(data, values, equally_long(data, lengths))
            _require_whole(built(small), small)
    contract.conclude()


def _require_whole(changed: JetBatch, batch: JetBatch) -> None:
    require(changed.global_object == batch.global_object, f"its jets are called {changed.global_object!r}")
    missing = sorted(set(tensors_of(batch)) - set(tensors_of(changed)))
    require(not missing, f"it lacks {', '.join(missing)}")
    rows = {changed.global_object: changed.num_jets}
    for name, packed in changed.streams.items():
        layout = packed.layout
        require(layout.num_jets == changed.num_jets, f"the layout of {name} has {layout.num_jets} jets")
        same = np.array_equal(layout.host_lengths, layout.lengths.cpu().numpy())
        require(same, f"the layout of {name} says otherwise on the host than on the device")
        require(len(packed.x) == layout.total, f"{name} has {len(packed.x)} rows, its layout {layout.total}")
        rows[name] = layout.total
    require(len(changed.x) == changed.num_jets, f"x has {len(changed.x)} rows for {changed.num_jets} jets")
    for name, columns in changed.columns.items():
        for key, column in columns.items():
            require(
                len(column) == rows[name], f"raw column {name}/{key} has {len(column)} of {rows[name]} rows"
            )
    require(is_sorted(changed), "its jets are not sorted by their number of constituents")


def _require_same_draws(augmentation: Augmentation, batch: JetBatch) -> None:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what a plugin may draw from
    drawn = []
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            with seeded():
                drawn.append(tensors_of(augmentation(batch)))
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
    for name, values in drawn[0].items():
        require(is_same(drawn[1][name], values), f"with the same seed of torch, {name} is another one")
