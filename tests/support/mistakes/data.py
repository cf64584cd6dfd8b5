"""Mistakes of files, and of values in them."""

from __future__ import annotations

import numpy as np

from mistakes.breaking import as_type, changed, copy_of_other_type, cut, empty, spoilt, text, without_field
from mistakes.case import Case

CASES = {
    "no such file": Case(["--data.train_file", "nope.h5"], ["data.train_file", "nope.h5 does not exist"]),
    "nothing fits": Case(["--data.val_file", "nope_*.h5"], ["data.val_file: no file fits"]),
    "no file named": Case(["--data.train_file", "null"], ["data.train_file: not set"]),
    "file named twice": Case(
        ["--data.train_file", "[train.h5, train.h5]"], ["data.train_file: named more than once"]
    ),
    "not HDF5": Case(
        ["--data.val_file", "text.h5"],
        ["data.val_file", "text.h5 is not an HDF5 file"],
        prepare=text("text.h5", "hello"),
    ),
    "truncated": Case([], ["data.train_file", "train.h5 is truncated"], prepare=cut),
    "no jets": Case([], ["data.train_file", "train.h5 has no jets"], prepare=empty),
    "no dataset": Case(
        ["--data.input_map.tracks", "trcks"],
        ["data.train_file", "data.val_file", "no dataset 'trcks'", "did you mean 'tracks'?"],
        2,
    ),
    "datasets of different length": Case(
        [],
        ["data.val_file", "differ in length"],
        prepare=lambda sample: changed(sample, "val", "tracks", lambda rows: rows[:-1]),
    ),
    "too many jets asked for": Case(
        ["--data.num_val", "1000"], ["data.num_val: 1000 jets are asked for", "has 50"]
    ),
    "missing variable": Case(
        ["--data.variables.jets", "[pt, etta]"],
        [
            "data.train_file",
            "data.val_file",
            "no variable 'etta'; did you mean 'eta'?",
            "data.norm_dict, jets/etta",
        ],
        3,
    ),
    "missing label": Case(
        ["--model.tasks.origin.label", "orign"],
        [
            "data.train_file",
            "data.val_file",
            "no variable 'orign', for which model.tasks.origin asks; did you mean 'origin'",
        ],
        2,
    ),
    "text as variable": Case(
        [],
        ["data.train_file", "jets/eta", "needed: one number per entry"],
        prepare=lambda sample: changed(
            sample, "train", "jets", lambda rows: as_type(rows, "eta", "S3", b"far")
        ),
    ),
    "no flag of validity": Case(
        [],
        ["data.train_file", "no variable 'valid'"],
        prepare=lambda sample: changed(sample, "train", "tracks", lambda rows: without_field(rows, "valid")),
    ),
    "files of different types": Case(
        ["--data.train_file", "[train.h5, other.h5]"],
        ["data.train_file", "/jets/pt is", "other.h5"],
        prepare=copy_of_other_type,
    ),
    "NaN in a variable": Case(
        [],
        ["data.train_file: ", "tracks/d0 has 1 in 1 of the jets"],
        prepare=spoilt("train", "tracks", "d0", 40, np.nan),
    ),
    "infinite variable of the validation sample": Case(
        [],
        ["data.val_file: ", "jets/eta has 1 in 1 of the jets, rows 33"],
        prepare=spoilt("val", "jets", "eta", 33, np.inf),
    ),
    "label out of range": Case(
        [],
        ["model.tasks.flavour (data.train_file): label jets/flavour_label holds 9", "row 70", "0 (bjets)"],
        prepare=spoilt("train", "jets", "flavour_label", 70, 9),
    ),
    "label out of range in validation": Case(
        [],
        ["model.tasks.origin (data.val_file): label tracks/origin holds 8"],
        prepare=spoilt("val", "tracks", "origin", 12, 8),
    ),
    "label that is no integer": Case(
        [],
        ["model.tasks.flavour (data.train_file)", "floating-point values"],
        prepare=lambda sample: changed(
            sample, "train", "jets", lambda rows: as_type(rows, "flavour_label", "f4")
        ),
    ),
    "vertex that is NaN": Case(
        [],
        ["model.tasks.vertexing (data.train_file)", "tracks/vertex", "holds nan"],
        prepare=lambda sample: changed(
            sample, "train", "tracks", lambda rows: as_type(rows, "vertex", "f4", np.nan)
        ),
    ),
}
