"""``salt data inspect``: what it tells of jets and constituents, and of whatever else a file may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_core.data import blocks


@pytest.fixture
def looked_at(salt):
    """The datasets of a file by path, as JSON tells them."""

    def look(path, *words, code=0):
        outcome = salt("data", "inspect", path, "--json", *words)
        assert outcome.code == code, outcome.err
        (report,) = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
        return {dataset["path"]: dataset for dataset in report["datasets"]}

    return look


def fields_of(dataset):
    return {field["name"]: field for field in dataset["fields"]}


def squeezed(text):
    """The lines of a text, columns set apart by one blank each."""
    return [" ".join(line.split()) for line in text.splitlines()]


def write_known(path: Path) -> None:
    """Three jets with 2, 0 and 1 valid constituents of 4 slots; what is odd lies in the padding too."""
    jets = np.zeros(3, dtype=[("pt", "f4"), ("flavour_label", "i4"), ("event", "i8"), ("hadron_label", "i1")])
    jets["pt"] = [1.0, np.nan, 3.0]
    jets["flavour_label"] = [0, 2, 2]
    jets["hadron_label"] = [-1, 5, 5]
    tracks = np.zeros((3, 4), dtype=[("d0", "f2"), ("hits", "i1"), ("origin_label", "u1"), ("valid", "?")])
    tracks["valid"][[0, 0, 2], [1, 3, 0]] = True
    tracks["d0"] = np.nan
    tracks["hits"], tracks["origin_label"] = 100, 9
    tracks["d0"][tracks["valid"]] = [2.0, np.inf, 4.0]
    tracks["hits"][tracks["valid"]] = [3, 4, 8]
    tracks["origin_label"][tracks["valid"]] = [1, 1, 0]
    with h5py.File(path, "w") as file:
        file.attrs["made by"] = "hand"
        file["jets"] = jets
        file["jets"].attrs["flavour_label"] = ["bjets", "cjets", "ujets"]
        file.create_dataset("tracks", data=tracks, chunks=(2, 4), compression="gzip", shuffle=True)


def test_constituents_classes_and_what_is_not_finite(looked_at, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    write_known(tmp_path / "known.h5")
    found = looked_at(tmp_path / "known.h5")
    jets, tracks = found["jets"], found["tracks"]
    assert tracks["constituents"] == {"valid": 3, "mean": 1.0, "most": 2, "empty_jets": 1, "padding": 0.75}
    assert jets["constituents"] is None
    d0 = {"name": "d0", "type": "float16", "mean": 3.0, "std": 1.0, "minimum": 2.0, "maximum": 4.0}
    assert fields_of(tracks)["d0"] == {**d0, "nan": 0, "infinite": 1}
    hits = fields_of(tracks)["hits"]
    assert (hits["mean"], hits["maximum"], hits["nan"]) == (5.0, 8.0, None)
    assert (fields_of(jets)["pt"]["nan"], fields_of(jets)["pt"]["mean"]) == (1, 2.0)
    assert fields_of(tracks)["valid"]["type"] == "bool"
    labels = {
        (dataset["path"], label["name"]): [(c["value"], c["name"], c["count"]) for c in label["classes"]]
        for dataset in (jets, tracks)
        for label in dataset["labels"]
    }
    assert labels == {
        ("jets", "flavour_label"): [(0, "bjets", 1), (1, "cjets", 0), (2, "ujets", 2)],
        ("jets", "hadron_label"): [(-1, None, 1), (5, None, 2)],
        ("tracks", "origin_label"): [(0, None, 1), (1, None, 2)],
    }
    assert [c["share"] for c in jets["labels"][0]["classes"]] == pytest.approx([1 / 3, 0, 2 / 3])
    assert (tracks["shape"], tracks["chunks"], tracks["filters"]) == ([3, 4], [2, 4], ["shuffle", "gzip"])
    assert tracks["raw_bytes"] == 3 * 4 * 5
    assert 0 < tracks["stored_bytes"] != tracks["raw_bytes"]
    assert jets["stored_bytes"] == jets["raw_bytes"] == 3 * 17


def test_a_person_sees_it_at_a_glance(salt, tmp_path):
    write_known(tmp_path / "known.h5")
    outcome = salt("data", "inspect", tmp_path / "known.h5")
    assert outcome.code == 0
    assert outcome.err == ""
    lines = squeezed(outcome.out)
    for line in (
        "made by: hand",
        "jets 3 rows not compressed 51 B raw, 51 B stored (100%)",
        "1.00 valid per jet, at most 2; 1 jets without any; 75.0% of the slots are padding",
        "field type mean std min max not finite",
        "d0 float16 3 1 2 4 1 inf",
        "pt float32 2 1 1 3 1 NaN",
        "event int64 0 0 0 0",
        "flavour_label",
        "2 ujets 2 66.7%",
        "5 2 66.7%",
    ):
        assert line in lines
    assert re.search(r"^tracks  3 x 4  chunks 2 x 4  shuffle, gzip  60 B raw", outcome.out, re.MULTILINE)


def test_headers_alone(salt, looked_at, tmp_path, monkeypatch):
    write_known(tmp_path / "known.h5")
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_: pytest.fail("values were read"))
    found = looked_at(tmp_path / "known.h5", "--quick")
    assert (found["tracks"]["constituents"], found["tracks"]["labels"]) == (None, [])
    assert fields_of(found["tracks"])["d0"]["type"] == "float16"
    lines = squeezed(salt("data", "inspect", tmp_path / "known.h5", "--quick").out)
    assert "field type" in lines
    assert "flavour_label: bjets, cjets, ujets" in lines


def test_a_label_that_never_repeats(salt, looked_at, tmp_path):
    with h5py.File(tmp_path / "many.h5", "w") as file:
        rows = np.zeros(5000, dtype=[("barcode_label", "i4"), ("vertex_label", "i4")])
        rows["barcode_label"], rows["vertex_label"] = np.arange(5000), np.arange(5000) % 30
        file["jets"] = rows
    barcode, vertex = looked_at(tmp_path / "many.h5")["jets"]["labels"]
    assert barcode["classes"] is None
    assert len(vertex["classes"]) == 30
    text = salt("data", "inspect", tmp_path / "many.h5").out
    assert "too many different values to be classes" in text
    assert "and 10 more values" in text


def write_odd(folder: Path) -> Path:
    """Everything that HDF5 has besides structured arrays of numbers."""
    with h5py.File(folder / "source.h5", "w") as file:
        file["x"] = np.arange(10.0)
    with h5py.File(folder / "odd.h5", "w") as file:
        file.attrs["nothing"] = h5py.Empty("f4")
        file.attrs["long"] = "word " * 100
        file.attrs["table"] = np.ones(2, dtype=[("a", "f4"), ("b", "S3")])
        file.attrs["infinite"] = np.inf
        group = file.create_group("deep/er")
        group.attrs["config"] = '{"a": 1}'
        group["plain"] = np.array([[1.0, np.nan], [np.inf, 2.0]])
        file["deep/loop"] = file["deep"]
        file["soft"] = h5py.SoftLink("/deep/er/plain")
        file["soft_group"] = h5py.SoftLink("/deep")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["external"] = h5py.ExternalLink("source.h5", "x")
        file["external_gone"] = h5py.ExternalLink("nothing.h5", "x")
        file["type"] = np.dtype("f4")
        file["text"] = "hello"
        file["texts"] = np.array(["a", "bc"], dtype=h5py.string_dtype())
        file["number"] = 2.5
        file["record"] = np.ones((), dtype=[("a", "f4"), ("b", "S3")])
        file["enum"] = np.array([0, 1], dtype=h5py.enum_dtype({"A": 0, "B": 1}))
        file["reference"] = file["deep"].ref
        file.create_dataset("lists", (2,), dtype=h5py.vlen_dtype("i4"))
        file.create_dataset("null", dtype="f4", shape=None)
        file["no_jets"] = np.zeros(0, dtype=[("pt", "f4"), ("label", "i4")])
        file["no_slots"] = np.zeros((4, 0), dtype=[("pt", "f4"), ("valid", "?")])
        file["cube"] = np.ones((2, 3, 4), dtype=[("pt", "f4"), ("valid", "?")])
        kinds = [("pair", "f4", (2,)), ("inner", [("q", "f4")]), ("name", "S3"), ("z", "c8"), ("valid", "?")]
        rows = np.zeros((2, 2), dtype=kinds)
        rows["pair"][0, 0], rows["pair"][1, 1] = [1.0, np.nan], np.nan
        rows["valid"][0] = True
        file["mixed"] = rows
    return folder / "odd.h5"


def test_whatever_else_a_file_holds(salt, looked_at, tmp_path):
    found = looked_at(write_odd(tmp_path))
    kinds = {path: dataset["kind"] for path, dataset in found.items()}
    assert {path for path, kind in kinds.items() if kind == "broken link"} == {"dangling", "external_gone"}
    assert {path for path, kind in kinds.items() if kind == "group"} == {
        "deep",
        "deep/er",
        "deep/loop",
        "soft_group",
    }
    assert found["deep/er"]["attributes"] == {"config": '{"a": 1}'}
    plain = found["deep/er/plain"]["fields"][0]
    assert (plain["mean"], plain["nan"], plain["infinite"]) == (1.5, 1, 1)
    assert found["soft"]["fields"][0] == plain
    assert found["external"]["link"] == "x of source.h5"
    assert found["external"]["fields"][0]["maximum"] == 9.0
    values = {path: found[path]["value"] for path in ("text", "number", "record")}
    assert values == {"text": "hello", "number": 2.5, "record": {"a": 1.0, "b": "1"}}
    types = {
        path: found[path]["fields"][0]["type"] for path in ("texts", "enum", "reference", "lists", "null")
    }
    assert types == {
        "texts": "string",
        "enum": "uint8 enum",
        "reference": "reference",
        "lists": "arrays of int32",
        "null": "float32",
    }
    mixed = fields_of(found["mixed"])
    assert (mixed["pair"]["type"], mixed["pair"]["nan"], mixed["pair"]["mean"]) == (
        "float32 (2,)",
        1,
        pytest.approx(1 / 3),
    )
    assert found["no_slots"]["constituents"]["empty_jets"] == 4
    assert (found["no_jets"]["labels"], found["cube"]["constituents"]) == ([], None)
    text = salt("data", "inspect", tmp_path / "odd.h5")
    assert text.code == 0
    lines = squeezed(text.out)
    assert "dangling -> /nowhere broken link" in lines
    assert "soft -> /deep/er/plain float64 2 x 2 not compressed 32 B raw, 32 B stored (100%)" in lines
    assert "null float32 empty" in lines
    assert max(map(len, lines)) < 140


def test_a_virtual_dataset_tells_its_sources_and_which_are_gone(salt, looked_at, tmp_path):
    for name in ("one", "two"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["x"] = np.full(10, 3.0)
    layout = h5py.VirtualLayout((20,), "f8")
    layout[:10] = h5py.VirtualSource("one.h5", "x", (10,))
    layout[10:] = h5py.VirtualSource("two.h5", "x", (10,))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    found = looked_at(tmp_path / "all.h5")["x"]
    assert found["kind"] == "virtual dataset"
    assert (found["sources"], found["lost"]) == (["one.h5:x", "two.h5:x"], [])
    assert (found["stored_bytes"], found["fields"][0]["mean"]) == (None, 3.0)
    (tmp_path / "two.h5").unlink()
    assert looked_at(tmp_path / "all.h5")["x"]["lost"] == ["two.h5"]
    lines = squeezed(salt("data", "inspect", tmp_path / "all.h5").out)
    assert "x virtual dataset float64 20 rows" in lines
    assert "reads one.h5:x" in lines
    assert "GONE, read as blanks: two.h5" in lines


def test_several_files_and_wildcards(salt, sample):
    outcome = salt("data", "inspect", "val.h5", "t*.h5", "--json")
    assert [report["file"] for report in json.loads(outcome.out)] == ["val.h5", "test.h5", "train.h5"]
    assert [report["datasets"][0]["shape"] for report in json.loads(outcome.out)] == [[50], [45], [100]]
    text = salt("data", "inspect", "val.h5", "t*.h5").out
    assert [line.split()[0] for line in text.splitlines() if re.match(r"\S+\.h5", line)] == [
        "val.h5",
        "test.h5",
        "train.h5",
    ]


def test_a_file_that_cannot_be_read_hides_no_other(salt, sample):
    for name in ("cut_one", "cut_two"):
        Path(f"{name}.h5").write_bytes(sample.file("train").read_bytes()[:-2000])
    outcome = salt("data", "inspect", "cut_one.h5", "train.h5", "--json")
    assert outcome.code == 1
    assert [report["file"] for report in json.loads(outcome.out)] == ["train.h5"]
    assert "cut_one.h5 is truncated" in outcome.err
    outcome = salt("data", "inspect", "cut_*.h5", "train.h5")
    assert outcome.code == 1
    assert "error: 2 faults:" in outcome.err
    assert re.search("^train.h5 ", outcome.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.h5"], "nothing.h5 does not exist"),
        (["nothing_*.h5"], "no file fits"),
        (["tiny.yaml"], "tiny.yaml is not an HDF5 file"),
        (["."], "is a folder"),
        ([], "Missing argument"),
    ],
    ids=" ".join,
)
def test_mistakes(salt, sample, words, said):
    outcome = salt("data", "inspect", *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_filter_that_is_missing_is_named(salt, looked_at, tmp_path, monkeypatch):
    with h5py.File(tmp_path / "packed.h5", "w") as file:
        file.create_dataset("x", data=np.arange(100.0), compression="lzf")

    def broken(*_):
        raise OSError("can't open directory")

    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != h5py.h5z.FILTER_LZF)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", broken)
    fault = looked_at(tmp_path / "packed.h5", code=1)["x"]["fault"]
    assert "packed by the filter lzf" in fault
    assert "HDF5_PLUGIN_PATH" in fault


def test_the_simulated_samples(looked_at, shared_data):
    found = looked_at(shared_data / "ttbar_val.h5")
    with h5py.File(shared_data / "ttbar_val.h5") as file:
        valid = file["tracks"]["valid"]
        labels = file["jets"]["flavour_label"]
        d0 = file["tracks"]["d0"][valid].astype(np.float64)
    constituents = found["tracks"]["constituents"]
    assert constituents["mean"] == pytest.approx(valid.sum(1).mean())
    assert constituents["padding"] == pytest.approx(1 - valid.mean())
    assert constituents["empty_jets"] == (valid.sum(1) == 0).sum()
    assert fields_of(found["tracks"])["d0"]["std"] == pytest.approx(d0.std())
    flavours = next(label for label in found["jets"]["labels"] if label["name"] == "flavour_label")
    assert [(c["name"], c["count"]) for c in flavours["classes"]] == [
        (name, (labels == i).sum()) for i, name in enumerate(("bjets", "cjets", "ujets", "taus"))
    ]
