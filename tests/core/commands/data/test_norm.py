"""``salt data norm``: both dicts against NumPy and the simulated samples, what it writes, and mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from dicts import assert_same_as_numpy, change, columns_of, dicts_of, norm_of, with_types

from salt_core.config.yaml import load_yaml
from salt_core.data import blocks


def with_sizes(path: Path, num_jets: int) -> None:
    """Write more jets in chunks of an odd size."""
    rng = np.random.default_rng(num_jets)
    with h5py.File(path, "r+") as file:
        for name, chunks in (("jets", (13,)), ("tracks", (7, 3))):
            rows = file[name][:][rng.integers(0, len(file[name]), num_jets)]
            attributes = dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=rows, chunks=chunks, compression="lzf").attrs.update(attributes)


def test_all_files_count_as_one_sample_whatever_their_chunks(sample, salt, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 700)
    files = [sample.file(name) for name in ("test", "train", "val")]
    with_sizes(files[1], 211)
    norms, classes, _ = norm_of(salt, "t*.h5", "val.h5")
    assert {name: list(variables) for name, variables in norms.items()} == {
        "jets": ["pt", "eta"],
        "tracks": ["d0", "z0", "hits", "origin", "vertex"],
    }
    assert_same_as_numpy(norms, files)
    labels = columns_of(files, "jets", "flavour_label")
    assert classes == {"jets": {"flavour_label": [len(labels) / (4 * (labels == c).sum()) for c in range(4)]}}


def test_a_training_takes_the_dicts_as_they_are(sample, salt):
    words = ("--config", sample.config, "--label", "tracks/origin")
    norms, classes, _ = norm_of(salt, sample.file("train"), *words, out="made/here")
    assert norms.keys() == {"jets", "tracks"}
    assert len(classes["tracks"]["origin"]) == 8
    config = yaml.safe_load(sample.config.read_text())
    config["data"] |= {"norm_dict": "made/here/norm_dict.yaml", "class_dict": "made/here/class_dict.yaml"}
    config["model"]["tasks"]["origin"]["loss"] = {"plugin": "cross_entropy", "weight": "class_dict"}
    sample.config.write_text(yaml.safe_dump(config))
    outcome = salt("fit", "--config", sample.config, "--trainer.fast_dev_run", "2")
    assert outcome.code == 0, outcome.err


def test_the_simulated_samples_have_the_dicts_beside_them(shared_data, salt, tmp_path):
    norms, classes, out = norm_of(salt, shared_data / "ttbar_train.h5", out=tmp_path)
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
    before = norm_of(salt, "train.h5")[:2]
    with h5py.File("train.h5") as file:
        padding = ~file["tracks"]["valid"]
    for column, value in (("z0", np.inf), ("hits", 99), ("origin", -99)):
        change(sample.file("train"), "tracks", column, padding, value)
    *after, out = norm_of(salt, "train.h5", out="again")
    assert tuple(after) == before
    assert "not finite" not in out


def test_what_is_not_finite_is_told_and_does_not_count(sample, salt):
    with h5py.File("train.h5") as file:
        valid = np.argwhere(file["tracks"]["valid"])
    for (row, slot), value in zip(valid[:3], (np.nan, np.nan, -np.inf), strict=True):
        change(sample.file("train"), "tracks", "z0", (row, slot), value)
    norms, _, out = norm_of(salt, "train.h5")
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
    norms, _, out = norm_of(salt, "train.h5")
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
    norms, _, out = norm_of(salt, *files, "--num_jets", "70")
    assert out.startswith("70 jets of 3 files")
    values = columns_of(files, "jets", "pt")[:70].astype(np.float64)
    assert norms["jets"]["pt"] == pytest.approx({"mean": values.mean(), "std": values.std()}, rel=1e-12)
    with h5py.File("val.h5") as val, h5py.File("train.h5") as train:
        tracks = np.concatenate([val["tracks"][:], train["tracks"][:20]])
    hits = tracks["hits"][tracks["valid"]].astype(np.float64)
    assert norms["tracks"]["hits"] == pytest.approx({"mean": hits.mean(), "std": hits.std()}, rel=1e-12)


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
    norms, classes, _ = norm_of(salt, "all.h5")
    assert_same_as_numpy(norms, ["all.h5"])
    assert_same_as_numpy(norms, ["train.h5", "val.h5"])
    assert classes == norm_of(salt, "train.h5", "val.h5", out="other")[1]
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
    norm_of(salt, "train.h5", "--force", out="one")
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
