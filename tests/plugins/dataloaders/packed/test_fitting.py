"""What a store was not made for is refused before anything is read of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from salt_core.data.cuts import cuts_of
from salt_core.errors import DataError
from salt_plugins.dataloaders.packed.store import PackedStore


def test_what_the_store_lacks_is_named(store, jets, select):
    selection = select(jets.rows)
    more = replace(selection, columns={**selection.columns, "jets": ("label", "mass")})
    with pytest.raises(DataError, match=r"does not have jets/mass; make one that does"):
        PackedStore(store, more)
    streams = replace(selection, variables={**selection.variables, "hits": ("x",)})
    with pytest.raises(DataError, match=r"does not have hits/x;"):
        PackedStore(store, streams)
    with pytest.raises(DataError, match=r"global_object is tracks, but the store .* was made for jets"):
        PackedStore(store, replace(selection, global_object="tracks", variables={"tracks": ()}))


def test_raw_columns_with_values_that_are_not_finite_are_no_inputs(store, jets, select):
    bad = int(np.isnan(jets.rows["jets"]["label"]).sum())
    selection = replace(select(jets.rows), variables={"jets": ("label",), "tracks": (), "muons": ()})
    with pytest.raises(DataError, match=rf"jets/label has {bad} input values that are not finite"):
        PackedStore(store, selection)


def test_a_limit_of_constituents_that_the_store_was_not_made_with_is_refused(store, jets, select):
    """Which of the valid constituents were among the first three of the row cannot be told any more."""
    with pytest.raises(DataError, match=r"num_inputs.*tracks"):
        PackedStore(store, select(jets.rows, num_inputs={"tracks": 3}))


@pytest.mark.parametrize(
    ("made", "wanted", "said"),
    [
        ((), ("v_f4 > 0",), "has v_f4 > 0 for jets, but the store .* was made with none"),
        (("v_f4 > 0",), (), "has no cuts for jets, but the store .* was made with v_f4 > 0"),
    ],
)
def test_other_cuts_than_the_store_was_made_with_are_refused(
    jets, source, select, ask, pack, tmp_path, made, wanted, said
):
    def cut(texts):
        return select(jets.rows, cuts={"jets": cuts_of(texts, "data.selections.jets")})

    folder = pack(ask(source, cut(made)), tmp_path / "cut")
    PackedStore(folder, cut(made))
    with pytest.raises(DataError, match=rf"data\.selections {said}; make one with these"):
        PackedStore(folder, cut(wanted))
