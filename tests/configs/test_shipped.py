"""Every configuration that comes with salt is trained, evaluated and resumed, from any folder."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from salt_core.config.paths import package_folder, shipped_configs

FLAVOURS = ["pb", "pc", "pu", "ptau"]
JET = ["pt_btagJes", "eta_btagJes", "HadronConeExclTruthLabelID", "flavour_label"]
ORIGINS = ["ppileup", "pfake", "pprimary", "pfromB", "pfromBC", "pfromC", "pfromTau", "potherSecondary"]
TRACKS = {"tracks": [*ORIGINS, "VertexIndex"]}
LEPTON = ["pprompt", "pbhadron", "pchadron", "plight"]
TRUE_PT = "ptFromTruthDressedWZJet"
REGRESSION = ["pt_btagJes", "eta_btagJes", TRUE_PT]

#: By configuration: the model's name, columns that it predicts of the global object and those that are copied, and
#: those that it predicts of each stream.
OUTPUT = {
    "GN2": ("GN2", "jets", FLAVOURS, JET, TRACKS),
    "GN2_small": ("GN2_small", "jets", FLAVOURS, JET, TRACKS),
    "GN2_electrons": ("GN2e", "jets", FLAVOURS, JET, TRACKS),
    "GN2_flow": ("GN2_flow", "jets", FLAVOURS, JET, TRACKS),
    "GN2_edges": ("GN2_edges", "jets", FLAVOURS, JET, TRACKS),
    "GN2_parametrised": ("GN2_parametrised", "jets", FLAVOURS, JET, TRACKS),
    "GN2_hits": ("GN2_hits", "jets", FLAVOURS, JET, {}),
    "GN2_open_data": ("GN2_open_data", "jets", FLAVOURS, [*JET[:3], "eventNumber"], TRACKS),
    "GN2X": (
        "GN2X",
        "jets",
        ["phbb", "phcc", "ptop", "pqcd"],
        ["pt", "eta", "mass", "R10TruthLabel_R22v1"],
        TRACKS,
    ),
    "GN3": ("GN3", "jets", FLAVOURS, JET, TRACKS),
    "ParT": ("ParT", "jets", FLAVOURS, JET, TRACKS),
    "DIPS": ("DIPS", "jets", FLAVOURS, JET, {}),
    "DL1": ("DL1", "jets", FLAVOURS, ["pt_btagJes", "absEta_btagJes", *JET[2:]], {}),
    "regression": ("regression", "jets", [TRUE_PT], REGRESSION, {}),
    "regression_weighted": ("regression_weighted", "jets", [TRUE_PT], REGRESSION, {}),
    "regression_nan": ("regression_nan", "jets", ["pt", "hadron_pt", "hadron_lxy"], REGRESSION, {}),
    "regression_gaussian": ("regression_gaussian", "jets", [TRUE_PT, f"{TRUE_PT}_stddev"], REGRESSION, {}),
    "multi_target": ("multi_target", "jets", ["target_pt"], [*JET[:3], "target_pt"], {}),
    "events": (
        "events",
        "events",
        ["psignal", "pttbar", "pother"],
        ["eventNumber", "process_label"],
        {"jets": ["pother", "presonance"]},
    ),
    "electrons": ("electrons", "electrons", LEPTON, ["pt", "eta", "iffClass"], {}),
    "muons": ("muons", "muons", LEPTON, ["pt", "eta", "iffClass"], {}),
    "demo": ("GN2", "jets", FLAVOURS, JET, TRACKS),
    "packed": ("GN2", "jets", FLAVOURS, JET, TRACKS),
}

#: Those that are resumed whenever tests are run; the others in the full suite.
RESUMED = ("GN2_parametrised", "GN2X", "regression_gaussian")

#: Options of encoders that only cost time here.
SMALLER = {
    "gn2": {"num_layers": 1, "embed_dim": 16, "out_dim": 8, "ffn_dim": 16},
    "part": {"embed_dims": "[16, 32, 16]", "num_layers": 1, "num_class_layers": 1},
}

TRAINER = {
    "accelerator": "cpu",
    "precision": "32-true",
    "log_every_n_steps": 1,
    "enable_progress_bar": "false",
    "enable_model_summary": "false",
    "callbacks.loss_curves": "null",
}


def configs_of(name: str) -> list[str]:
    """Return the files that a configuration consists of; the first line of each tells what it goes on top of."""
    first = shipped_configs()[f"{name}.yaml"].read_text().splitlines()[0]
    below = re.match(r"# On top of (\w+)\.yaml", first)
    return [*(configs_of(below[1]) if below else []), f"{name}.yaml"]


def words_of(name: str) -> list[str]:
    return [word for file in configs_of(name) for word in ("--config", file)]


def complete(salt, name: str) -> dict[str, object]:
    done = salt("fit", *words_of(name), "--print_config")
    assert done.code == 0, done.err
    return yaml.safe_load(done.out)


def sizes_of(config) -> list[str]:
    """Return flags that make the model small and the training short."""
    options = SMALLER.get(config["model"]["encoder"]["plugin"], {})
    flags = {f"model.encoder.{key}": value for key, value in options.items()}
    flags |= {f"trainer.{key}": value for key, value in TRAINER.items()}
    flags |= {"data.batch_size": 12, "data.num_workers": 0}
    return [word for key, value in flags.items() for word in (f"--{key}", str(value))]


@pytest.fixture
def trained(salt, samples, tmp_path, monkeypatch, the_run):
    """Train a configuration for two steps; return its run directory."""
    monkeypatch.chdir(tmp_path)

    def train(name: str) -> Path:
        config = complete(salt, name)
        words = [*words_of(name), *sizes_of(config), *samples(config)]
        done = salt("fit", *words, "--force", "--trainer.max_epochs", "1")
        assert done.code == 0, done.err
        return the_run(tmp_path)

    return train


def check_output(path: Path, name: str) -> None:
    """Compare the columns of an output file with the table, and see whether they hold predictions."""
    model, globally, predicted, copied, streams = OUTPUT[name]
    with h5py.File(path) as file:
        rows = file[globally][:]
        assert list(rows.dtype.names) == [*(f"{model}_{column}" for column in predicted), *copied]
        values = np.stack([rows[f"{model}_{column}"] for column in predicted])
        assert np.isfinite(values).all()
        assert len(np.unique(values[0])) > 1
        if len(predicted) > 2 and not name.startswith("regression"):
            assert np.allclose(values.sum(0), 1, atol=1e-5)
        assert set(streams) <= set(file)
        for stream, columns in streams.items():
            found = [column for column in file[stream].dtype.names if column.startswith(f"{model}_")]
            assert found == [f"{model}_{column}" for column in columns]


def resume(salt, run: Path) -> None:
    """Go on from the last checkpoint for one more epoch; its two steps come after those that were taken."""
    words = ("--config", run / "config.yaml", "--ckpt_path", run / "ckpts" / "last.ckpt")
    more = ("--trainer.max_epochs", "2", "--model.lrs_config.last_epoch", "0", "--log_suffix", "resumed")
    done = salt("fit", *words, *more, "--force")
    assert done.code == 0, done.err
    (resumed,) = run.parent.glob("*_resumed")
    state = torch.load(resumed / "ckpts" / "last.ckpt", weights_only=True)
    assert (state["epoch"], state["global_step"]) == (1, 4)


@pytest.mark.parametrize("name", OUTPUT)
def test_trains_and_evaluates(name, trained, salt):
    run = trained(name)
    done = salt("test", "--config", run / "config.yaml", "--data.write_constituents")
    assert done.code == 0, done.err
    (written,) = run.glob("ckpts/*__test_*.h5")
    check_output(written, name)
    if name in RESUMED:
        resume(salt, run)


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in OUTPUT if name not in RESUMED])
def test_is_resumed(name, trained, salt):
    resume(salt, trained(name))


@pytest.mark.full
@pytest.mark.parametrize("name", OUTPUT)
def test_is_checked(name, salt, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = complete(salt, name)
    done = salt("check", *words_of(name), *sizes_of(config), *samples(config), "--force")
    assert done.code == 0, done.err


@pytest.mark.full
@pytest.mark.parametrize("name", OUTPUT)
def test_is_exported(name, trained, salt):
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package, reason="needs the extra 'export'")
    done = salt("export", trained(name), "--num_jets", 30)
    assert done.code == 0, done.err


def test_all_are_here():
    assert {f"{name}.yaml" for name in OUTPUT} == set(shipped_configs()) - {"base.yaml"}


def test_the_docs_have_a_table_of_them():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    assert [name for name in OUTPUT if f"`{name}.yaml`" not in page] == []


@pytest.mark.parametrize("path", shipped_configs().values(), ids=lambda path: path.stem)
def test_they_are_short_and_say_what_they_are(path):
    lines = path.read_text().splitlines()
    assert len(lines) < 80
    assert lines[0].startswith("# ")


def test_full_size_gn2_on_the_shared_samples(salt, shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"train_file": "ttbar_train.h5", "val_file": "ttbar_val.h5"}
    names |= {"norm_dict": "norm_dict.yaml", "class_dict": "class_dict.yaml"}
    files = [word for key, name in names.items() for word in (f"--data.{key}", str(shared_data / name))]
    words = ("--trainer.fast_dev_run", "2", "--trainer.accelerator", "cpu")
    done = salt("fit", "--config", "configs/GN2.yaml", *words, *files)
    assert done.code == 0, done.err
    assert "2.3 M" in done.err + done.out
    assert not list(tmp_path.iterdir())


def test_base_is_what_everything_starts_from(salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = salt("fit", "--config", "GN2.yaml", "--print_config")
    assert done.code == 0, done.err
    assert "monitor: val/loss" in done.out


def test_configs_at_the_top_is_what_is_installed():
    top = Path(__file__).parents[2] / "configs"
    assert top.is_symlink()
    assert top.resolve() == package_folder() / "configs"
