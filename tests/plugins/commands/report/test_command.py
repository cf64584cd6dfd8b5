"""``salt report`` on made-up runs: the page, what lacks, and the page in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from salt_core import ConfigError
from salt_plugins.commands.report import reading

CLASSES = ["bjets", "cjets", "ujets", "taus"]
ORIGINS = ["primary", "fromB"]
METRICS = ["epoch", "step", "train/loss", "train/jets_per_s", "val/loss"]
METRICS += ["time/loading", "time/step", "time/validation", "time/other"]
BROWSER_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom")
PICTURE = re.compile(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)"')


def make_run(path: Path, num_jets: int = 400, labels: bool = True, seed: int = 1) -> Path:
    (path / "ckpts").mkdir(parents=True)
    tasks = {
        "flavour": {"plugin": "classification", "input_name": "jets", "label": "flavour_label"},
        "origin": {
            "plugin": "classification",
            "input_name": "tracks",
            "label": "origin",
            "class_names": ORIGINS,
        },
        "vertexing": {"plugin": "vertexing", "input_name": "tracks", "label": "vertex"},
    }
    config = {"name": "m", "model": {"tasks": tasks}, "data": {"global_object": "jets"}}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [f"0,{step},{3 - step / 10},{100 + step},{3 - step / 12},,,," for step in range(9)]
    rows += [f"{epoch},8,,,,1,6,2.5,0.5" for epoch in range(2)]
    (path / "metrics.csv").write_text("\n".join([",".join(METRICS), *rows]))
    write_predictions(path / "ckpts" / "epoch=001__test_x.h5", num_jets, labels, seed)
    return path


def write_predictions(path: Path, num_jets: int, labels: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, num_jets)
    scores = rng.normal(size=(num_jets, 4)) + 2 * np.eye(4)[truth]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    columns = {f"m_{p}": shares[:, i] for i, p in enumerate(("pb", "pc", "pu", "ptau"))}
    columns |= {"pt": rng.exponential(5e4, num_jets) + 2e4, "eta": rng.normal(size=num_jets)}
    columns |= {"flavour_label": truth} if labels else {}
    tracks = {"valid": rng.random((num_jets, 5)) < 0.8, "vertex": rng.integers(-1, 3, (num_jets, 5))}
    tracks |= {"m_VertexIndex": tracks["vertex"], "origin": rng.integers(0, 2, (num_jets, 5))}
    tracks |= {"m_pprimary": rng.random((num_jets, 5)), "m_pfromB": rng.random((num_jets, 5))}
    with h5py.File(path, "w") as file:
        file.attrs["model"] = "m"
        for name, made in (("jets", columns), ("tracks", tracks)):
            first = next(iter(made.values()))
            rows = np.empty(first.shape, [(key, np.asarray(value).dtype) for key, value in made.items()])
            for key, value in made.items():
                rows[key] = value
            file[name] = rows
        file["jets"].attrs["flavour_label"] = CLASSES


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run_a")


def test_constituents_are_read_block_by_block(run, monkeypatch):
    whole = reading.read_predictions(reading.read_run(run), 350).constituents["tracks"]
    assert len(np.unique(whole.jets)) > 340
    assert whole.jets.max() == 349
    monkeypatch.setattr(reading, "JETS_AT_A_TIME", 100)
    parts = reading.read_predictions(reading.read_run(run), 350).constituents["tracks"]
    assert np.array_equal(parts.jets, whole.jets)
    for name, values in whole.columns.items():
        assert np.array_equal(parts.columns[name], values)


def page_of(run: Path) -> str:
    return (run / "report" / "report.html").read_text()


def test_the_report_of_one_run_has_every_part_and_is_one_file(run, salt):
    done = salt("report", run, "--formats", "png", "--working_points", "0.7")
    assert (done.code, done.err) == (0, "")
    page = page_of(run)
    names = {name for name, _ in PICTURE.findall(page)}
    assert names == {
        "learning_curves",
        *(f"{what}_{s}" for s in ("bjets", "cjets") for what in ("discriminant", "roc")),
        *(f"efficiency_{s}_{axis}_70" for s in ("bjets", "cjets") for axis in (0, 1)),
        "confusion_0",
        "calibration",
        "origin_0",
        "vertices",
        "jets_per_second",
        "shares_of_time",
    }
    assert {path.stem for path in (run / "report").glob("*.png")} == names
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<td>adjusted Rand index</td><td>1.00 ± 0.00</td>" in page
    assert "<td>2.0 s</td><td>12.0 s</td><td>5.0 s</td><td>1.0 s</td>" in page
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


@pytest.mark.full
def test_a_second_report_takes_the_place_of_the_first_but_of_nothing_else(run, salt):
    words = ("report", run, "--working_points", "0.7", "--signal", "bjets", "--axis", "eta")
    assert salt(*words).code == 0
    assert (run / "report" / "roc_bjets.pdf").is_file()
    assert (run / "report" / "roc_bjets.png").is_file()
    (run / "report" / "old.png").touch()
    assert salt(*words, "--formats", "svg").code == 0
    assert (run / "report" / "roc_bjets.svg").is_file()
    assert not list((run / "report").glob("*.png"))
    other = run / "mine"
    other.mkdir()
    refused = salt(*words, "--out", other)
    assert (refused.code, "is no report" in refused.err) == (2, True)


def test_what_lacks_is_told_on_the_page(tmp_path, salt):
    unlabelled = make_run(tmp_path / "unlabelled", labels=False)
    empty = make_run(tmp_path / "empty", num_jets=0)
    bare = make_run(tmp_path / "bare")
    shutil.rmtree(bare / "ckpts")
    (bare / "config.yaml").unlink()
    done = salt("report", unlabelled, empty, bare, "--formats", "png")
    assert done.code == 0, done.err
    assert "bare has no predictions; salt test --ckpt_path" in done.out
    page = page_of(unlabelled)
    for told in (
        "unlabelled: the predictions have no labels: test a file that has them, with &#39;flavour_label&#39; in",
        "empty: the file of predictions is empty",
        "bare: no predictions",
        "bare has no config.yaml, which tells the task for origins",
        "bare has no config.yaml, which tells the task for vertices",
    ):
        assert told in page
    assert page.count("empty: the file of predictions is empty") == 3  # flavours, origins and vertices


def test_a_model_without_classes_of_jets_has_a_report_that_says_so(run, salt):
    tasks = {"pt": {"plugin": "regression", "input_name": "jets", "targets": "pt"}}
    (run / "config.yaml").write_text(yaml.safe_dump({"name": "m", "model": {"tasks": tasks}}))
    predictions = run / "ckpts" / "epoch=001__test_x.h5"
    with h5py.File(predictions, "r+") as file:
        jets = file["jets"][:][["pt", "eta", "flavour_label"]]
        del file["jets"]
        file["jets"] = jets
        file["jets"].attrs["flavour_label"] = CLASSES
    assert salt("report", run, "--formats", "png").code == 0
    page = page_of(run)
    for told in ("no task of this model classifies jets", "no task for origins", "no task for vertices"):
        assert f"run_a: {told}" in page or f"run_a has {told}" in page
    assert {name for name, _ in PICTURE.findall(page)} == {
        "learning_curves",
        "jets_per_second",
        "shares_of_time",
    }


def test_a_model_of_constituents_alone_has_a_report_of_them(run, salt):
    config = yaml.safe_load((run / "config.yaml").read_text())
    del config["model"]["tasks"]["flavour"]
    config["data"]["input_map"] = {"tracks": "group/t"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    with h5py.File(run / "ckpts" / "epoch=001__test_x.h5", "r+") as file:
        del file["jets"]
        file["group/t"] = file["tracks"][:]
        del file["tracks"]
    done = salt("report", run, "--formats", "png")
    assert done.code == 0, done.err
    page = page_of(run)
    assert "run_a: no task of this model classifies jets" in page
    assert "<td>adjusted Rand index</td><td>1.00 ± 0.00</td>" in page
    assert "origin_0" in {name for name, _ in PICTURE.findall(page)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--signal", "bjet"), "did you mean 'bjets'"),
        (("--fractions", "cjets=2"), "such as cjets=0.2"),
        (("--working_points", "70"), "no list of shares"),
        (("--formats", "gif"), "none of png, pdf, svg"),
        (("--axis", "phi"), "no column 'phi'"),
        (("--num_jets", "0"), "x>=1"),
        (("--predictions", "a", "--predictions", "b"), "2 files for 1 runs"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_option_is_one_message(run, salt, words, told):
    done = salt("report", run, *words)
    assert (done.code, told in done.err) == (2, True), done.err
    assert not (run / "report").exists()


def test_measures_of_vertices_that_no_jet_has_are_told(run, tmp_path, salt):
    """A model that connects nothing has an efficiency, but no purity; without constituents there is neither."""
    none = make_run(tmp_path / "run_b")
    for path, valid in ((run, True), (none, False)):
        with h5py.File(path / "ckpts" / "epoch=001__test_x.h5", "r+") as file:
            tracks = file["tracks"][:]
            tracks["valid"] &= valid
            tracks["m_VertexIndex"] = np.arange(tracks.shape[1])
            file["tracks"][:] = tracks
            jets = file["jets"][:][["pt", "eta"]]
            del file["jets"]
            file["jets"] = jets
    done = salt("report", run, none, "--formats", "png")
    assert done.code == 0, done.err
    page = page_of(run)
    assert "<td>purity</td><td>fewer than two jets have such vertices</td><td>0</td>" in page
    assert re.search(r"<td>run_a</td><td>all</td><td>efficiency</td><td>0\.\d+ ± ", page)
    assert "run_b: fewer than two jets have such vertices" in page
    assert "vertices" in {name for name, _ in PICTURE.findall(page)}


def write_tables(path: Path, **tables: object) -> None:
    with h5py.File(path, "w") as file:
        for name, rows in tables.items():
            file[name] = rows


def test_a_file_that_is_no_file_of_predictions_is_one_message(run, salt):
    jets = np.zeros(3, [("m_pb", "f4")])
    write_tables(Path(run / "nothing.h5"))
    write_tables(Path(run / "plain.h5"), jets=np.zeros(3), tracks=1.0)
    write_tables(Path(run / "uneven.h5"), jets=jets, tracks=np.zeros((2, 4), [("valid", "?")]))
    (run / "zero.h5").touch()
    (run / "text.h5").write_text("no table\n" * 100)
    (run / "cut.h5").write_bytes((run / "uneven.h5").read_bytes()[:1000])
    made = {
        "nothing": (2, "it has no table 'jets', nor one of constituents; it has: nothing"),
        "plain": (2, "it has: jets, tracks"),
        "uneven": (1, "differ in length: {'jets': 3, 'tracks': 2}"),
        "zero": (2, "zero.h5 is not an HDF5 file"),
        "text": (2, "text.h5 is not an HDF5 file"),
        "cut": (1, "cut.h5 is truncated"),
        "missing": (2, "missing.h5 does not exist"),
    }
    for name, (code, told) in made.items():
        done = salt("report", run, "--predictions", run / f"{name}.h5", "--out", run / "made")
        assert (done.code, told in done.err, done.err.count("\n")) == (code, True, 1), done.err
        assert done.err.startswith("error: --predictions: ")
    assert not (run / "made").exists()


def test_what_is_no_run_is_told(tmp_path, salt):
    (tmp_path / "nothing").mkdir()
    assert "to report on" in salt("report", tmp_path / "nothing").err
    assert salt("report", tmp_path / "missing").code == 2
    make_run(tmp_path / "nothing" / "logs" / "run_b")
    assert "to report on" in salt("report", tmp_path / "nothing" / "logs").err


def test_runs_of_one_name_are_told_apart(tmp_path):
    assert reading.names_of([tmp_path / "a" / "run"]) == ["run"]
    assert reading.names_of([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    assert reading.names_of([tmp_path / "run", tmp_path / "other"]) == ["run", "other"]
    with pytest.raises(ConfigError, match="is named twice"):
        reading.names_of([tmp_path / "run", tmp_path / "other" / ".." / "run"])


def test_two_runs_on_one_page_in_a_browser(run, tmp_path, salt):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs Chromium")
    second = make_run(tmp_path / "run_b", seed=2)
    done = salt("report", run, second, "--formats", "png", "--working_points", "0.7", "--axis", "eta")
    assert done.code == 0, done.err
    page = run / "report" / "report.html"
    script = (
        "<script>addEventListener('load', () => { const all = [...document.images];"
        "document.title = `drawn ${all.filter(i => i.complete && i.naturalWidth > 100).length}`"
        " + ` of ${all.length}`; });</script>"
    )
    looked = tmp_path / "looked.html"
    looked.write_text(page.read_text() + script)
    told = subprocess.run(
        [browser, *BROWSER_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", looked.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    number = len(PICTURE.findall(page.read_text()))
    assert number > 8
    assert f"<title>drawn {number} of {number}</title>" in told.stdout
    assert "CONSOLE" not in told.stderr
