"""``salt data norm``: both dicts against NumPy and the simulated samples, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from salt_core.config.yaml import load_yaml
from salt_core.data import blocks


def dicts_of(folder: Path):
    return load_yaml(folder / "norm_dict.yaml"), load_yaml(folder / "class_dict.yaml")


def make(salt, *words, out="dicts"):
    outcome = salt("data", "norm", *words, "--out", out)
    assert outcome.code == 0, outcome.err
    return (*dicts_of(Path(out)), outcome.out)


def change(path: Path, name: str, column: str, where, value) -> None:
    with h5py.File(path, "r+") as file:
        rows = file[name][:]
        rows[column][where] = value
        file[name][...] = rows


def with_types(path: Path, name: str, types: dict[str, str]) -> None:
    """Write dataset `name` again, some fields in other types."""
    with h5py.File(path, "r+") as file:
        old, attributes = file[name][:], dict(file[name].attrs)
        fields = [(field, types.get(field, old.dtype[field])) for field in old.dtype.names]
        new = np.zeros(old.shape, dtype=fields)
        for field in old.dtype.names:
            new[field] = old[field]
        del file[name]
        file[name] = new
        file[name].attrs.update(attributes)


def with_sizes(path: Path, num_jets: int) -> None:
    """Write more jets in chunks of an odd size."""
    rng = np.random.default_rng(num_jets)
    with h5py.File(path, "r+") as file:
        for name, chunks in (("jets", (13,)), ("tracks", (7, 3))):
            rows = file[name][:][rng.integers(0, len(file[name]), num_jets)]
            attributes = dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=rows, chunks=chunks, compression="lzf").attrs.update(attributes)


def columns_of(files, name, column):
    """All entries of a column of several files, those of valid constituents alone."""
    parts = []
    for path in files:
        with h5py.File(path) as file:
            rows = file[name][:]
            parts.append(rows[column][rows["valid"]] if "valid" in rows.dtype.names else rows[column])
    return np.concatenate(parts)


def assert_same_as_numpy(norms, files):
    for name, variables in norms.items():
        for variable, scale in variables.items():
            values = columns_of(files, name, variable).astype(np.float64)
            assert scale["mean"] == pytest.approx(values.mean(), rel=1e-12, abs=1e-14), variable
            assert scale["std"] == pytest.approx(values.std(), rel=1e-12), variable


def test_all_files_count_as_one_sample_whatever_their_chunks(sample, salt, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 700)
    files = [sample.file(name) for name in ("test", "train", "val")]
    with_sizes(files[1], 211)
    norms, classes, _ = make(salt, "t*.h5", "val.h5")
    assert {name: list(variables) for name, variables in norms.items()} == {
        "jets": ["pt", "eta"],
        "tracks": ["d0", "z0", "hits", "origin", "vertex"],
    }
    assert_same_as_numpy(norms, files)
    labels = columns_of(files, "jets", "flavour_label")
    assert classes == {"jets": {"flavour_label": [len(labels) / (4 * (labels == c).sum()) for c in range(4)]}}


def test_a_training_takes_the_dicts_as_they_are(sample, salt):
    words = ("--config", sample.config, "--label", "tracks/origin")
    norms, classes, _ = make(salt, sample.file("train"), *words, out="made/here")
    assert norms.keys() == {"jets", "tracks"}
    assert len(classes["tracks"]["origin"]) == 8
    config = yaml.safe_load(sample.config.read_text())
    config["data"] |= {"norm_dict": "made/here/norm_dict.yaml", "class_dict": "made/here/class_dict.yaml"}
    config["model"]["tasks"]["origin"]["loss"] = {"plugin": "cross_entropy", "weight": "class_dict"}
    sample.config.write_text(yaml.safe_dump(config))
    outcome = salt("fit", "--config", sample.config, "--trainer.fast_dev_run", "2")
    assert outcome.code == 0, outcome.err


def test_the_simulated_samples_have_the_dicts_beside_them(shared_data, salt, tmp_path):
    norms, classes, out = make(salt, shared_data / "ttbar_train.h5", out=tmp_path)
    expected = load_yaml(shared_data / "norm_dict.yaml")
    for name, variables in expected.items():
        for variable, scale in variables.items():
            assert norms[name][variable] == pytest.approx(scale, rel=1e-5), variable
    assert norms["jets"].keys() - expected["jets"].keys() == {"n_tracks"}
    assert norms["tracks"].keys() == expected["tracks"].keys()
    expected_classes = load_yaml(shared_data / "class_dict.yaml")
    assert classes.keys() == expected_classes.keys()
    for name, labels in expected_classes.items():
        assert classes[name].keys() == labels.keys()
        for label, weights in labels.items():
            assert classes[name][label] == pytest.approx(weights, rel=1e-5)
    assert re.search(r"jets/HadronConeExclTruthLabelID +a label by its name; no class weights", out)
    assert re.search(r"jets/eventNumber +an identifier by its name", out)
    assert re.search(r"tracks/ftagTruthVertexIndex +a label by its name\n", out)


def test_the_padding_never_counts(sample, salt):
    before = make(salt, "train.h5")[:2]
    with h5py.File("train.h5") as file:
        padding = ~file["tracks"]["valid"]
    for column, value in (("z0", np.inf), ("hits", 99), ("origin", -99)):
        change(sample.file("train"), "tracks", column, padding, value)
    *after, out = make(salt, "train.h5", out="again")
    assert tuple(after) == before
    assert "not finite" not in out


def test_what_is_not_finite_is_told_and_does_not_count(sample, salt):
    with h5py.File("train.h5") as file:
        valid = np.argwhere(file["tracks"]["valid"])
    for (row, slot), value in zip(valid[:3], (np.nan, np.nan, -np.inf), strict=True):
        change(sample.file("train"), "tracks", "z0", (row, slot), value)
    norms, _, out = make(salt, "train.h5")
    values = columns_of(["train.h5"], "tracks", "z0").astype(np.float64)
    finite = values[np.isfinite(values)]
    assert len(finite) == len(values) - 3
    expected = {"mean": finite.mean(), "std": finite.std()}
    assert norms["tracks"]["z0"] == pytest.approx(expected, rel=1e-12)
    assert f"tracks/z0  2 NaN and 1 infinite of {len(values)} values" in out


def test_what_cannot_be_scaled_is_told_and_left_out(sample, salt):
    with_types(sample.file("train"), "jets", {"eta": "f8"})
    change(sample.file("train"), "jets", "pt", slice(None), 0.1)
    change(sample.file("train"), "jets", "eta", slice(None, 50), 1e200)
    change(sample.file("train"), "tracks", "z0", slice(None), np.nan)
    norms, _, out = make(salt, "train.h5")
    assert "jets" not in norms
    assert "z0" not in norms["tracks"]
    assert re.search(r"jets/pt +it is 0.1 everywhere", out)
    assert re.search(r"jets/eta +mean .* beyond the range of 32-bit numbers", out)
    assert re.search(r"tracks/z0 +it has no finite value", out)


def test_nothing_to_scale_is_an_error(sample, salt):
    change(sample.file("train"), "jets", "pt", slice(None), 1.0)
    outcome = salt("data", "norm", "train.h5", "--variables", "jets/pt", "--out", "dicts")
    assert outcome.code == 1
    assert "jets/pt: it is 1 everywhere" in outcome.err
    assert not Path("dicts").exists()


def test_the_first_jets_alone(sample, salt):
    files = ["val.h5", "train.h5", "test.h5"]
    norms, _, out = make(salt, *files, "--num_jets", "70")
    assert out.startswith("70 jets of 3 files")
    values = columns_of(files, "jets", "pt")[:70].astype(np.float64)
    assert norms["jets"]["pt"] == pytest.approx({"mean": values.mean(), "std": values.std()}, rel=1e-12)
    with h5py.File("val.h5") as val, h5py.File("train.h5") as train:
        tracks = np.concatenate([val["tracks"][:], train["tracks"][:20]])
    hits = tracks["hits"][tracks["valid"]].astype(np.float64)
    assert norms["tracks"]["hits"] == pytest.approx({"mean": hits.mean(), "std": hits.std()}, rel=1e-12)


def test_variables_by_name_are_taken_whatever_the_rules_say(sample, salt):
    words = [f"--variables={name}" for name in ("jets/event", "/tracks/d0", "jets/flavour_label")]
    norms, classes, _ = make(salt, "train.h5", *words)
    assert {name: list(columns) for name, columns in norms.items()} == {
        "jets": ["event", "flavour_label"],
        "tracks": ["d0"],
    }
    assert_same_as_numpy(norms, ["train.h5"])
    assert list(classes["jets"]) == ["flavour_label"]


def test_a_configuration_names_objects_and_their_datasets(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file.move("tracks", "deep/tracks_loose")
    changed = {"variables": {"jets": ["eta"], "tracks": ["hits"], "muons": ["pt"]}}
    Path("one.yaml").write_text(yaml.safe_dump({"data": changed}))
    layer = {"input_map": {"tracks": "deep/tracks_loose"}, "variables": {"muons": None}}
    Path("two.yaml").write_text(yaml.safe_dump({"data": layer}))
    norms, _, _ = make(salt, "train.h5", "--config", "one.yaml", "--config", "two.yaml")
    assert {name: list(columns) for name, columns in norms.items()} == {"jets": ["eta"], "tracks": ["hits"]}


def test_a_nested_dataset_is_an_object_by_its_path(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file.move("tracks", "deep/tracks")
    norms, classes, _ = make(salt, "train.h5", "--label", "deep/tracks/origin")
    assert "d0" in norms["deep/tracks"]
    assert "origin" not in norms["deep/tracks"]
    assert len(classes["deep/tracks"]["origin"]) == 8


def test_datasets_that_are_no_objects_are_told(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file["counts"] = np.zeros(1, dtype=[("n", "i4")])
        file["edges"] = np.arange(3.0)
        file["flows"] = np.zeros((100, 2), dtype=[("pt", "f4")])
        file["gone"] = h5py.SoftLink("/nowhere")
    norms, _, out = make(salt, "train.h5")
    assert norms.keys() == {"jets", "tracks"}
    assert re.search(r"counts +it has 1 rows, another dataset 100", out)
    assert re.search(r"edges +it has no named fields", out)
    assert re.search(
        r"flows +shape \(100, 2\) is neither one row per jet nor slots with a field 'valid'", out
    )


def test_fields_that_are_no_numbers_are_told(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        rows = np.zeros(100, dtype=[("m", "f4"), ("name", "S4"), ("pair", "f4", (2,)), ("good", "?")])
        rows["m"], rows["good"][:25] = np.arange(100), True
        file["extra"] = rows
    norms, _, out = make(salt, "train.h5")
    assert norms["extra"].keys() == {"m", "good"}
    assert norms["extra"]["good"]["mean"] == 0.25
    assert re.search(r"extra/name +\S+ is not a number", out)
    assert "extra/pair" in out


def test_negative_labels_are_no_class(sample, salt):
    change(sample.file("train"), "jets", "flavour_label", slice(None, None, 7), -2)
    _, classes, _ = make(salt, "train.h5")
    labels = columns_of(["train.h5"], "jets", "flavour_label")
    known = labels[labels >= 0]
    weights = [len(known) / (4 * (known == c).sum()) for c in range(4)]
    assert len(known) < len(labels)
    assert classes["jets"]["flavour_label"] == pytest.approx(weights, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "class 2 (ujets) of the 4 from 0 to 3 never occur"),
        (7, "has the value 7, but the file names only 4"),
    ],
)
def test_labels_that_miss_a_class_or_have_one_too_many(sample, salt, value, said):
    with h5py.File("train.h5") as file:
        third = file["jets"]["flavour_label"] == 2
    change(sample.file("train"), "jets", "flavour_label", third, value)
    _, classes, out = make(salt, "train.h5")
    assert classes == {}
    assert said in out
    outcome = salt("data", "norm", "train.h5", "--label", "jets/flavour_label", "--out", "asked")
    assert outcome.code == 2
    assert "--label jets/flavour_label" in outcome.err
    assert said in outcome.err
    assert not Path("asked").exists()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros(100), "fewer than two classes"),
        (np.full(100, -1), "fewer than two classes"),
        (np.arange(100) % 4 + 1, "class 0 of the 5 from 0 to 4 never occur"),
        (np.arange(100) * 3, "classes 1, 2, 4, 5, 7 and 193 more of the 298"),
    ],
)
def test_labels_without_names_must_be_contiguous(sample, salt, labels, said):
    with h5py.File("train.h5", "r+") as file:
        del file["jets"].attrs["flavour_label"]
    change(sample.file("train"), "jets", "flavour_label", slice(None), labels)
    assert said in make(salt, "train.h5")[2]


def test_files_of_different_types(sample, salt):
    with_types(sample.file("val"), "tracks", {"d0": "f4"})
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 2
    assert re.search(r"tracks/d0 is float32 in \S*val.h5, but float16 in train.h5", outcome.err)
    assert not Path("dicts").exists()
    make(salt, "train.h5", "val.h5", "--variables", "tracks/z0")


def test_files_of_different_fields_datasets_and_classes(sample, salt):
    with h5py.File("val.h5", "r+") as file:
        file["jets"].attrs["flavour_label"] = ["cjets", "bjets", "ujets", "taus"]
        del file["tracks"]
        rows = file["jets"][:][["eta", "flavour_label", "event"]]
        attributes = dict(file["jets"].attrs)
        del file["jets"]
        file["jets"] = rows
        file["jets"].attrs.update(attributes)
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 2
    assert re.search(r"val.h5 has no structured dataset 'tracks', unlike train.h5", outcome.err)
    assert re.search(r"jets/pt is missing in \S*val.h5, but float32 in train.h5", outcome.err)
    assert re.search(r"classes of jets/flavour_label are cjets, bjets, .* but bjets, cjets", outcome.err)


def test_datasets_of_different_length(sample, salt):
    with h5py.File("val.h5", "r+") as file:
        tracks = file["tracks"][:40]
        del file["tracks"]
        file["tracks"] = tracks
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 1
    assert re.search(r"val.h5 differ in length: .*'jets': 50, 'tracks': 40", outcome.err)


def virtual(path: Path, sources: list[Path], sizes: list[int]) -> None:
    with h5py.File(sources[0]) as first, h5py.File(path, "w") as file:
        for name, dataset in first.items():
            layout = h5py.VirtualLayout((sum(sizes), *dataset.shape[1:]), dataset.dtype)
            for i, (source, size) in enumerate(zip(sources, sizes, strict=True)):
                start = sum(sizes[:i])
                part = h5py.VirtualSource(source.name, name, (size, *dataset.shape[1:]), dataset.dtype)
                layout[start : start + size] = part
            file.create_virtual_dataset(name, layout)
            file[name].attrs.update(dataset.attrs)


def test_a_virtual_file_is_the_same_as_its_sources(sample, salt):
    virtual(sample.file("all"), [sample.file("train"), sample.file("val")], [100, 50])
    norms, classes, _ = make(salt, "all.h5")
    assert_same_as_numpy(norms, ["all.h5"])
    assert_same_as_numpy(norms, ["train.h5", "val.h5"])
    assert classes == make(salt, "train.h5", "val.h5", out="other")[1]
    sample.file("val").unlink()
    outcome = salt("data", "norm", "all.h5", "--out", "gone")
    assert outcome.code == 1
    assert "reads files that are gone: val.h5" in outcome.err


def test_dicts_that_are_there_are_kept_unless_told(sample, salt):
    outcome = salt("data", "norm", "train.h5", "--out", ".")
    assert outcome.code == 2
    assert "norm_dict.yaml and class_dict.yaml already" in outcome.err
    Path("one").mkdir()
    Path("one/class_dict.yaml").write_text("mine: {}\n")
    assert salt("data", "norm", "train.h5", "--out", "one").code == 2
    assert [path.name for path in Path("one").iterdir()] == ["class_dict.yaml"]
    make(salt, "train.h5", "--force", out="one")
    assert "flavour_label" in dicts_of(Path("one"))[1]["jets"]


def test_an_interruption_leaves_nothing(sample, salt, monkeypatch):
    from salt_core.commands.data import norm

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(norm, "make_dicts", interrupted)
    assert salt("data", "norm", "train.h5", "--out", "dicts").code == 130
    assert not Path("dicts").exists()


def test_one_dict_that_cannot_be_written_leaves_both_as_they_were(sample, salt, monkeypatch):
    from salt_core.commands.data import norm

    texts = iter(["norms: {}\n"])

    def full(tree):
        for text in texts:
            return text
        raise OSError(28, "No space left on device")

    before = {path: path.read_text() for path in Path().glob("*_dict.yaml")}
    assert len(before) == 2
    monkeypatch.setattr(norm, "dump_yaml", full)
    outcome = salt("data", "norm", "train.h5", "--out", ".", "--force")
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert {path: path.read_text() for path in Path().glob("*_dict.yaml")} == before
    assert not list(Path().glob(".*part"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing_*.h5"], 2, "no file fits"),
        (["nothing.h5"], 2, "nothing.h5 does not exist"),
        (["tiny.yaml"], 2, "tiny.yaml is not an HDF5 file"),
        (["cut.h5"], 1, "cut.h5 is truncated"),
        (["train.h5", "train.h5"], 2, "named more than once"),
        (["train.h5", "--num_jets", "0"], 2, "--num_jets"),
        (["train.h5", "--variables", "pt"], 2, "'pt' is not OBJECT/NAME"),
        (["train.h5", "--variables", "jets/pz"], 2, "no variable 'pz'; Choices: eta"),
        (["train.h5", "--variables", "jet/pt"], 2, "no structured dataset 'jet'; did you mean 'jets'?"),
        (["train.h5", "--label", "jets/origin"], 2, "no variable 'origin'"),
        (["train.h5", "--label", "tracks/d0"], 2, "'d0' in dataset '/tracks' of"),
        (["train.h5", "--label", "muons/origin"], 2, "no structured dataset 'muons'"),
        (["train.h5", "--config", "none.yaml"], 2, "none.yaml does not exist"),
        (["train.h5", "--config", "norm_dict.yaml"], 2, "has no data.variables"),
        (["train.h5", "--config", "odd.yaml"], 2, "data.variables.jets: must be a list of names"),
        (["train.h5", "--out", "tiny.yaml/sub"], 2, "is not a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(sample, salt, words, code, said):
    Path("odd.yaml").write_text("data: {variables: {jets: pt}}\n")
    Path("cut.h5").write_bytes(Path("train.h5").read_bytes()[:-2000])
    before = sorted(Path().rglob("*"))
    outcome = salt("data", "norm", "--out", "dicts", *words)
    assert outcome.code == code
    assert said in outcome.err
    assert sorted(Path().rglob("*")) == before


def test_rows_that_cannot_be_read(sample, salt):
    with h5py.File("bad.h5", "w") as file:
        file.create_dataset("jets", data=np.zeros(100, dtype=[("pt", "f4")]), chunks=(50,), fletcher32=True)
        offset = file["jets"].id.get_chunk_info(1).byte_offset
    content = bytearray(Path("bad.h5").read_bytes())
    content[offset] ^= 1
    Path("bad.h5").write_bytes(content)
    outcome = salt("data", "norm", "bad.h5", "--out", "dicts")
    assert outcome.code == 1
    assert "dataset '/jets' of" in outcome.err
    assert "cannot be read" in outcome.err
    inspected = salt("data", "inspect", "bad.h5", "--json")
    assert inspected.code == 1
    assert "cannot be read" in json.loads(inspected.out)[0]["datasets"][0]["fault"]


@pytest.mark.parametrize("block_bytes", [700, 1 << 20])
def test_what_selections_leave_out_does_not_count(sample, salt, monkeypatch, block_bytes):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    selections = {"jets": ["pt > 30", "pt < 120"], "tracks": ["hits >= 4"]}
    config = {"data": {"variables": {"jets": ["pt"], "tracks": ["z0"]}, "selections": selections}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    norms, classes, told = make(salt, "--config", "cut.yaml", sample.file("train"), sample.file("val"))
    jets, tracks = [], []
    for name in ("train", "val"):
        with h5py.File(sample.file(name)) as file:
            passing = (file["jets"]["pt"] > 30) & (file["jets"]["pt"] < 120)
            jets.append(file["jets"][:][passing])
            rows = file["tracks"][:][passing]
            tracks.append(rows[rows["valid"] & (rows["hits"] >= 4)])
    jets, tracks = np.concatenate(jets), np.concatenate(tracks)
    assert 0 < len(jets) < 150
    assert f"150 jets of 2 files, of which {len(jets)} pass data.selections" in told
    for name, variable, values in (("jets", "pt", jets["pt"]), ("tracks", "z0", tracks["z0"])):
        scale = norms[name][variable]
        assert scale["mean"] == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
        assert scale["std"] == pytest.approx(values.std(dtype=np.float64), rel=1e-12)
    counts = np.bincount(jets["flavour_label"], minlength=4)
    assert classes["jets"]["flavour_label"] == pytest.approx(len(jets) / (4 * counts))


def test_cuts_on_jets_hold_where_only_constituents_are_normalised(sample, salt):
    config = {"data": {"variables": {"tracks": ["z0"]}, "selections": {"jets": ["pt > 30"]}}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    norms, _, _ = make(salt, "--config", "cut.yaml", sample.file("train"))
    with h5py.File(sample.file("train")) as file:
        rows = file["tracks"][:][file["jets"]["pt"] > 30]
    assert norms["tracks"]["z0"]["mean"] == pytest.approx(
        rows["z0"][rows["valid"]].mean(dtype=np.float64), rel=1e-12
    )


@pytest.mark.parametrize(
    ("selections", "text"),
    [
        ({"jets": ["ptt > 30"]}, "data.selections: dataset '/jets' of train.h5 has no variable 'ptt'"),
        ({"tracks": ["hitz > 3"]}, "has no variable 'hitz'; did you mean 'hits'"),
        ({"jets": ["pt above 3"]}, "--config, data.selections.jets: 'pt above 3' is no condition"),
        ({"jets": "pt > 3"}, "--config, data.selections.jets: must be a list of conditions"),
    ],
)
def test_selections_that_cannot_be(sample, salt, selections, text):
    config = {"data": {"variables": {"jets": ["pt"], "tracks": ["z0"]}, "selections": selections}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    done = salt("data", "norm", "--config", "cut.yaml", sample.file("train"), "--out", "dicts")
    assert done.code == 2
    assert text in done.err


def test_cuts_on_jets_want_as_many_jets_as_the_others_have_rows(sample, salt):
    with h5py.File(sample.file("train"), "r+") as file:
        rows = file["jets"][:-1]
        del file["jets"]
        file["jets"] = rows
    config = {"data": {"variables": {"tracks": ["z0"]}, "selections": {"jets": ["pt > 30"]}}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    done = salt("data", "norm", "--config", "cut.yaml", sample.file("train"), "--out", "dicts")
    assert done.code == 2
    assert "have 99 and 100 rows, so that cuts on 'jets' say nothing" in done.err
