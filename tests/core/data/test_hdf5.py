"""Rows of a file as a batch: what is read, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_core.data.assemble import batch_of
from salt_core.data.contents import contents_of
from salt_core.data.hdf5 import check_columns, open_file, opened, text
from salt_core.data.rows import JetFiles
from salt_core.errors import ConfigError, DataError
from salt_core.interfaces.dataloader import Selection


def selection(**changes) -> Selection:
    given = {
        "global_object": "jets",
        "variables": {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "hits")},
        "columns": {"jets": ("flavour_label", "event"), "tracks": ("origin",)},
        "datasets": {"jets": "jets", "tracks": "tracks"},
        "num_inputs": {},
    }
    return Selection(**{**given, **changes})


def read(path: Path, start: int, stop: int, **changes):
    files = JetFiles([path], selection(**changes))
    return batch_of(files.read(start, stop), files.selection, files.places)


def truth(path: Path):
    with h5py.File(path) as file:
        return file["jets"][:], file["tracks"][:]


def test_jets_are_sorted_by_length_and_know_their_row(sample):
    batch = read(sample.file("train"), 10, 60)
    _, tracks = truth(sample.file("train"))
    lengths = batch.streams["tracks"].layout.host_lengths
    assert (np.diff(lengths) >= 0).all()
    assert sorted(batch.rows.tolist()) == list(range(10, 60))
    assert np.array_equal(tracks["valid"][batch.rows.numpy()].sum(1), lengths)


def test_every_value_of_every_jet(sample):
    batch = read(sample.file("train"), 0, 100)
    jets, tracks = truth(sample.file("train"))
    stream = batch.streams["tracks"]
    for i, row in enumerate(batch.rows.tolist()):
        assert np.allclose(batch.x[i], [jets["pt"][row], jets["eta"][row]])
        assert batch.raw("jets")["event"][i] == jets["event"][row]
        mine = (stream.layout.jet_index == i).numpy()
        valid = tracks[row][tracks[row]["valid"]]
        expected = np.stack([valid[name].astype(np.float32) for name in ("d0", "z0", "hits")], axis=1)
        assert np.array_equal(stream.x[mine], expected)
        assert np.array_equal(batch.raw("tracks")["origin"][mine], valid["origin"])


def test_at_most_so_many_constituents(sample):
    batch = read(sample.file("train"), 0, 100, num_inputs={"tracks": 3})
    _, tracks = truth(sample.file("train"))
    assert batch.streams["tracks"].layout.total == tracks["valid"][:, :3].sum()


def test_texts_among_the_fields_do_not_disturb(sample, tmp_path):
    texts = h5py.string_dtype()
    with h5py.File(sample.file("train")) as source, h5py.File(tmp_path / "texts.h5", "w") as target:
        for name in ("jets", "tracks"):
            rows = source[name][:]
            wide = np.zeros(rows.shape, dtype=[*rows.dtype.descr, ("comment", texts)])
            for field in rows.dtype.names:
                wide[field] = rows[field]
            wide["comment"] = "a text"
            target.create_dataset(name, data=wide)
    found, expected = read(tmp_path / "texts.h5", 0, 9), read(sample.file("train"), 0, 9)
    assert found.x.equal(expected.x)
    assert found.streams["tracks"].x.equal(expected.streams["tracks"].x)
    with pytest.raises(ConfigError, match=r"comment of .* has type object"):
        read(tmp_path / "texts.h5", 0, 9, columns={"jets": ("comment",)})


def test_another_name_in_the_file(sample, tmp_path):
    with h5py.File(sample.file("train")) as source, h5py.File(tmp_path / "other.h5", "w") as target:
        target["event/jets"] = source["jets"][:]
        target["tracks_loose"] = source["tracks"][:]
    batch = read(tmp_path / "other.h5", 0, 5, datasets={"jets": "event/jets", "tracks": "tracks_loose"})
    assert batch.num_jets == 5


def test_everything_missing_is_told_at_once(sample):
    wanted = selection(
        variables={"jets": ("pt", "mass"), "tracks": ("d0", "z00"), "muons": ("pt",)},
        datasets={"jets": "jets", "tracks": "tracks", "muons": "muons"},
    )
    with open_file(sample.file("train")) as file, pytest.raises(ConfigError) as caught:
        check_columns(file, wanted, "data.train_file")
    text = str(caught.value)
    assert "'mass'" in text
    assert "'z00'; did you mean 'z0'?" in text
    assert "no dataset 'muons'" in text
    assert "origin" not in text.split("Choices")[0]


def test_datasets_of_different_lengths(sample, tmp_path):
    with h5py.File(sample.file("train")) as source, h5py.File(tmp_path / "uneven.h5", "w") as target:
        target["jets"] = source["jets"][:]
        target["tracks"] = source["tracks"][:50]
    with (
        open_file(tmp_path / "uneven.h5") as file,
        pytest.raises(DataError, match=r"differ in length.*100.*50"),
    ):
        check_columns(file, selection())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(sample, value):
    with h5py.File(sample.file("train"), "r+") as file:
        jets = file["jets"][:]
        jets["eta"][[3, 8]] = value
        file["jets"][...] = jets
    with pytest.raises(DataError, match=r"jets/eta has 2 in 2 of the jets, rows 3, 8 of .*train\.h5"):
        read(sample.file("train"), 0, 20)


def test_constituents_that_are_not_valid_may_hold_anything(sample):
    """The samples have NaN in every slot that is not valid."""
    _, tracks = truth(sample.file("train"))
    assert np.isnan(tracks["d0"][~tracks["valid"]].astype(float)).all()
    assert np.isfinite(read(sample.file("train"), 0, 100).streams["tracks"].x).all()


FIELDS = st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "?"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_files_with_several_streams(data, tmp_path):
    num_jets = data.draw(st.integers(1, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    types = {name: data.draw(FIELDS) for name in ("jets", "tracks", "muons")}
    path = tmp_path / "random.h5"
    content = {"jets": np.zeros(num_jets, dtype=[("v", types["jets"])])}
    for name in ("tracks", "muons"):
        shape = (num_jets, data.draw(st.integers(1, 5)))
        content[name] = np.zeros(shape, dtype=[("valid", "?"), ("v", types[name])])
        content[name]["valid"] = rng.random(shape) < 0.6
    for rows in content.values():
        rows["v"] = rng.integers(0, 100, rows.shape).astype(rows["v"].dtype)
    with h5py.File(path, "w") as file:
        for name, rows in content.items():
            file[name] = rows
    names = dict.fromkeys(content, ("v",))
    batch = read(path, 0, num_jets, variables=names, columns=names, datasets={n: n for n in names})
    total = sum(content[name]["valid"].sum(1) for name in ("tracks", "muons"))
    assert (np.diff(total[batch.rows.numpy()]) >= 0).all()
    assert np.array_equal(batch.x[:, 0], content["jets"]["v"][batch.rows.numpy()].astype(np.float32))
    for name in ("tracks", "muons"):
        expected = [
            v for row in batch.rows.tolist() for v in content[name]["v"][row][content[name]["valid"][row]]
        ]
        assert batch.streams[name].x[:, 0].tolist() == [float(v) for v in expected]
        assert batch.raw(name)["v"].tolist() == [pytest.approx(v) for v in expected]


def test_an_attribute_that_is_no_list_names_no_classes(tmp_path):
    path = tmp_path / "odd.h5"
    with h5py.File(path, "w") as file:
        file["jets"] = np.zeros(3, dtype=[("a", "i4"), ("b", "i4"), ("c", "i4"), ("d", "i4")])
        file["jets"].attrs.update({"a": 3, "b": "text", "c": [b"\xff", b"up"], "d": np.zeros((2, 2))})
    found = contents_of([path], Selection("jets", {"jets": ("a",)}, {}, {"jets": "jets"}, {}))
    assert found.class_names == {"jets": {"c": ("\ufffd", "up")}}


def test_what_hdf5_cannot_make_out_is_the_file_s_fault(tmp_path):
    path = tmp_path / "odd.h5"
    with h5py.File(path, "w") as file:
        file["jets"] = np.zeros(3)
    for wrong in (OSError, RuntimeError, KeyError, ValueError):
        with (
            pytest.raises(DataError, match=r"odd\.h5 cannot be read, it may be damaged: .*bad heap"),
            opened(path),
        ):
            raise wrong("bad heap")
    with pytest.raises(ConfigError, match="a mistake"), opened(path):
        raise ConfigError("a mistake")


@pytest.mark.parametrize("found", [b"b\xffjets", "b\udcffjets"])
def test_a_text_that_is_no_utf_8_can_be_printed(found):
    assert text(found) == "b\N{REPLACEMENT CHARACTER}jets"
