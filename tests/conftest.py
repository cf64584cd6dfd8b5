"""Small files of jets, the command line in this process or in one of its own, and the shared data."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

JET_FIELDS = [("pt", "f4"), ("eta", "f4"), ("flavour_label", "i4"), ("event", "i8")]
TRACK_FIELDS = [
    ("d0", "f2"),
    ("z0", "f4"),
    ("hits", "i1"),
    ("origin", "i4"),
    ("vertex", "i4"),
    ("valid", "?"),
]
CLASSES = ["bjets", "cjets", "ujets", "taus"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Parameters
    ----------
    code : int
        The exit code.
    out, err : str
        What it printed.
    """

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Sample:
    """A folder with small random samples, their dicts and a configuration of a tiny model."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "tiny.yaml"

    @property
    def run(self) -> Path:
        """The run directory that `trained` has."""
        return self.folder / "logs" / "tiny_a"

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.h5"


def write_jets(path: Path, num_jets: int, seed: int, slots: int = 6) -> None:
    """Write random jets; constituents are valid anywhere in the row, and some jets have none."""
    rng = np.random.default_rng(seed)
    jets = np.zeros(num_jets, dtype=JET_FIELDS)
    jets["pt"] = rng.exponential(50.0, num_jets)
    jets["eta"] = rng.normal(size=num_jets)
    jets["flavour_label"] = rng.integers(0, 4, num_jets)
    jets["event"] = np.arange(num_jets)
    tracks = np.zeros((num_jets, slots), dtype=TRACK_FIELDS)
    tracks["valid"] = rng.random((num_jets, slots)) < 0.5
    tracks["valid"][:2] = False
    tracks["d0"] = rng.normal(size=tracks.shape) + 0.3 * jets["flavour_label"][:, None]
    tracks["z0"] = rng.normal(size=tracks.shape)
    tracks["hits"] = rng.integers(0, 10, tracks.shape)
    tracks["origin"] = rng.integers(0, 8, tracks.shape)
    tracks["vertex"] = rng.integers(-2, 3, tracks.shape)
    tracks["d0"][~tracks["valid"]] = np.nan
    with h5py.File(path, "w") as file:
        file["jets"] = jets
        file["jets"].attrs["flavour_label"] = CLASSES
        file["tracks"] = tracks


def tiny_config() -> dict[str, object]:
    head = {"hidden_layers": [8]}
    return {
        "name": "tiny",
        "model": {
            "encoder": {
                "plugin": "gn2",
                "init_nets": {"tracks": {"hidden_layers": [8]}},
                "num_layers": 1,
                "embed_dim": 8,
                "num_heads": 2,
                "out_dim": 8,
            },
            "tasks": {
                "flavour": {
                    "plugin": "classification",
                    "input_name": "jets",
                    "label": "flavour_label",
                    "loss": {"plugin": "cross_entropy", "weight": "class_dict"},
                    **head,
                },
                "origin": {
                    "plugin": "classification",
                    "input_name": "tracks",
                    "label": "origin",
                    "class_names": [f"o{i}" for i in range(8)],
                    "loss": "cross_entropy",
                    **head,
                },
                "vertexing": {
                    "plugin": "vertexing",
                    "input_name": "tracks",
                    "label": "vertex",
                    "origin_label": "origin",
                    "loss": "binary_cross_entropy",
                    **head,
                },
            },
        },
        "data": {
            "variables": {"jets": ["pt", "eta"], "tracks": ["d0", "z0", "hits"]},
            **{f"{name}_file": f"{name}.h5" for name in ("train", "val", "test")},
            "norm_dict": "norm_dict.yaml",
            "class_dict": "class_dict.yaml",
            "batch_size": 20,
            "num_workers": 0,
            "extra_vars": {"jets": ["event", "flavour_label"]},
        },
        "trainer": {
            "max_epochs": 1,
            "accelerator": "cpu",
            "precision": "32-true",
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": {"loss_curves": None},  # to draw takes as long as the training
        },
    }


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Leave no handler behind that writes to a test's standard error when that is closed."""
    yield
    logger = logging.getLogger("salt")
    logger.handlers.clear()
    logger.propagate = True


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep stores and notes of a test out of the user's folders."""
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("SALT_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("SALT_STATE_DIR", str(folder / "state"))


def make_sample(folder: Path) -> Sample:
    """Write small samples, their dicts and a configuration into an empty folder."""
    for seed, (name, num_jets) in enumerate((("train", 100), ("val", 50), ("test", 45))):
        write_jets(folder / f"{name}.h5", num_jets, seed)
    scale = {"mean": 0.5, "std": 2.0}
    norms = {"jets": {"pt": {"mean": 50.0, "std": 50.0}, "eta": scale}}
    norms["tracks"] = {"d0": scale, "z0": scale, "hits": {"mean": 5.0, "std": 3.0}}
    (folder / "norm_dict.yaml").write_text(yaml.safe_dump(norms))
    (folder / "class_dict.yaml").write_text("jets: {flavour_label: [1.0, 2.0, 0.5, 3.0]}\n")
    made = Sample(folder)
    made.config.write_text(yaml.safe_dump(tiny_config(), sort_keys=False))
    return made


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """Small samples in an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return make_sample(tmp_path)


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Train the tiny model; return the folder of its samples and a copy of that."""
    from salt_core.cli import main

    folder, kept, own = (tmp_path_factory.mktemp(name) for name in ("trained", "kept", "own"))
    config = make_sample(folder).config
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SALT_CACHE_DIR", str(own / "cache"))
        patch.setenv("SALT_STATE_DIR", str(own / "state"))
        assert main(["fit", "--config", str(config), "--force", "--log_suffix", "a"]) == 0
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    return folder, kept


@pytest.fixture
def trained(_trained_once: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Sample:
    """Small samples and the run directory of a training on them, as it left both, in the current folder.

    The training is one for all tests of a process. Its paths are absolute, so the folder is always the same.
    """
    folder, kept = _trained_once
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    monkeypatch.chdir(folder)
    return Sample(folder)


def point_logs_at_stderr() -> None:
    """Have handlers of an earlier test write to this test's standard error, for theirs is closed."""
    for logger in (logging.getLogger(name) for name in list(logging.root.manager.loggerDict)):
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.stream = sys.stderr  # setStream would flush the closed one


@pytest.fixture
def salt(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run ``salt`` in this process; what it prints is captured."""
    from salt_core.cli import main

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        point_logs_at_stderr()
        code = main([str(word) for word in words])
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def salt_process() -> Callable[..., Outcome]:
    """Run ``salt`` in a process of its own."""

    def run(*words: object, cwd: Path | None = None, timeout: float = 300, threads: int = 1) -> Outcome:
        command = [sys.executable, "-m", "salt_core", *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=timeout, check=False
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The simulated samples beside a checkout; without them the test is skipped."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs the simulated samples in ../shared/data")
    return folder


def only_run(folder: Path, pattern: str = "logs/*") -> Path:
    """Return the one run directory below `folder`."""
    runs: Sequence[Path] = sorted(folder.glob(pattern))
    assert len(runs) == 1, runs
    return runs[0]


@pytest.fixture
def the_run() -> Callable[..., Path]:
    """Find the one run directory of a folder."""
    return only_run
