"""Both loaders from the command line: files that read as one, damage, staging, kills, and several devices."""

from __future__ import annotations

import csv
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from processes import wait_for_session

ROOT = Path(__file__).parents[2]
SEED = random.SystemRandom().randrange(10**6)

ROWS = '''
"""Writes down the rows of every training batch, by rank."""

import time
from pathlib import Path

from lightning.pytorch import Callback

from salt_core import hookimpl


class Rows(Callback):
    """Writes ``rows.RANK`` into a folder.

    Parameters
    ----------
    folder : Path
        Where.
    pause : float, optional
        Seconds to wait in each step.
    """

    def __init__(self, folder: Path, pause: float = 0.0) -> None:
        self.folder = folder
        self.pause = pause

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with (self.folder / f"rows.{trainer.global_rank}").open("a") as file:
            file.write(f"{trainer.current_epoch} {batch.rows.tolist()}\\n")
        time.sleep(self.pause)


@hookimpl
def salt_callbacks():
    return {"rows": Rows}
'''


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("SALT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def fit(sample, salt):
    """Train the tiny model."""

    def run(*words: object, suffix: str = "a"):
        return salt("fit", "--config", sample.config, "-f", "--log_suffix", suffix, *words)

    return run


@pytest.fixture
def losses(sample):
    """Read the losses of a run."""

    def read(suffix: str = "a") -> list[tuple[str, str]]:
        with (sample.folder / "logs" / f"tiny_{suffix}" / "metrics.csv").open() as file:
            found = [(row["train/loss"], row["val/loss"]) for row in csv.DictReader(file)]
        assert any(train for train, _ in found)
        assert any(val for _, val in found)
        return found

    return read


def store_with(cache: Path, num_jets: int) -> Path:
    """Find the one store of so many jets in a cache."""
    (found,) = [
        path.parent
        for path in cache.glob("*/manifest.json")
        if f'"num_jets": {num_jets},' in path.read_text()
    ]
    return found


def flip(path: Path) -> None:
    found = bytearray(path.read_bytes())
    found[len(found) // 2] ^= 16
    path.write_bytes(found)


def one_message(done, code: int) -> str:
    """Return the error that a command ended with, which is one message without a traceback."""
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert len(re.findall(r"^Error", done.err, re.MULTILINE)) <= 1
    return done.err


def test_a_flipped_byte_is_said_and_the_losses_stay_the_same(sample, fit, losses):
    assert fit("--data.loader", "packed").code == 0
    store = store_with(sample.folder / "cache", 100)
    whole = (store / "tracks.inputs").read_bytes()
    flip(store / "tracks.inputs")
    done = fit("--data.loader", "packed", suffix="b")
    assert done.code == 0, done.err
    assert f"is made anew: {store / 'tracks.inputs'} is damaged" in done.err
    assert (store / "tracks.inputs").read_bytes() == whole
    assert losses("b") == losses("a")
    again = fit("--data.loader", "packed", suffix="c")
    assert "anew" not in again.err
    assert losses("c") == losses("a")


def test_without_a_shuffle_both_loaders_train_the_same(fit, losses):
    for loader in ("hdf5", "packed"):
        assert fit("--data.loader", loader, "--data.shuffle", "none", suffix=loader).code == 0
    assert losses("packed") == losses("hdf5")


@pytest.mark.full
def test_a_damaged_store_that_is_named_ends_the_run(sample, salt, fit, losses):
    words = ("--config", sample.config, "--config", "packed.yaml")
    packed = salt("data", "pack", sample.file("train"), "--out", "stored", *words)
    assert packed.code == 0, packed.err
    named = ("--data.loader", "packed", "--data.train_file", "stored")
    assert fit(*named).code == 0
    assert fit("--data.loader", "packed", suffix="b").code == 0
    assert losses("a") == losses("b")
    path = sample.folder / "stored" / "jets.inputs"
    flip(path)
    before = path.read_bytes()
    text = one_message(fit(*named, suffix="c"), 1)
    assert "jets.inputs is damaged" in text
    assert path.read_bytes() == before
    assert not (sample.folder / "logs" / "tiny_c").exists()


def spoil(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        jets = file["jets"][:]
        jets["eta"][7] = np.inf
        file["jets"][...] = jets


@pytest.mark.parametrize("workers", [0, 2])
def test_an_input_that_is_not_finite_is_one_message(sample, fit, workers):
    spoil(sample.file("train"))
    text = one_message(fit("--data.loader", "packed", "--data.num_workers", workers), 1)
    assert f"jets/eta has 1 in 1 of the jets, rows 7 of {sample.file('train')}" in text
    assert [path for path in (sample.folder / "cache").rglob("*") if path.is_file()] == []


def halves(sample, **changes: str) -> list[Path]:
    """Cut the training sample into two files; types of jets' fields may change in the second."""
    (sample.folder / "parts").mkdir()
    made = []
    with h5py.File(sample.file("train")) as source:
        for name, rows, new in (("b", slice(60), {}), ("c", slice(60, None), changes)):
            made.append(sample.folder / "parts" / f"{name}.h5")
            with h5py.File(made[-1], "w") as file:
                jets = source["jets"][rows]
                file["jets"] = jets.astype([(n, new.get(n, t)) for n, t in jets.dtype.descr])
                file["jets"].attrs["flavour_label"] = source["jets"].attrs["flavour_label"]
                file["tracks"] = source["tracks"][rows]
    return made


@pytest.mark.parametrize("loader", [pytest.param("hdf5", marks=pytest.mark.full), "packed"])
def test_wildcards_and_lists_read_as_one_file(sample, fit, losses, loader):
    halves(sample)
    base = ("--data.loader", loader)
    listed = sample.folder / "sub" / "listed.yaml"
    listed.parent.mkdir()
    listed.write_text("data: {train_file: [../parts/b.h5, ../parts/c.h5]}\n")
    ways = {
        "whole": (),
        "wild": ("--data.train_file", "parts/*.h5"),
        "list": ("--data.train_file", "[parts/b.h5, parts/c.h5]"),
        "yaml": ("--config", listed),
    }
    for suffix, words in ways.items():
        done = fit(*base, *words, suffix=suffix)
        assert done.code == 0, done.err
        assert losses(suffix) == losses("whole"), suffix
    turned = fit(*base, "--data.train_file", "[parts/c.h5, parts/b.h5]", suffix="turned")
    assert turned.code == 0
    assert losses("turned") != losses("whole")


@pytest.mark.parametrize("loader", ["hdf5", "packed"])
def test_files_of_different_types(sample, fit, loader):
    one, two = halves(sample, eta="f8")
    text = one_message(fit("--data.loader", loader, "--data.train_file", "parts/*.h5"), 2)
    assert f"data.train_file: /jets/eta is float64 in {two}, but float32 in {one}" in text


def test_a_field_that_nobody_reads_may_differ(sample, fit):
    halves(sample, event="i4")
    words = ("--data.train_file", "parts/*.h5", "--data.extra_vars", "null")
    assert fit(*words, "--trainer.fast_dev_run", "1").code == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--data.train_file", "none_*.h5"), r"data\.train_file: no file fits .*none_\*\.h5"),
        (("--data.train_file", "[train.h5, tr*.h5]"), r"data\.train_file: named more than once: .*train\.h5"),
        (("--data.train_file", "[]"), r"data\.train_file: an empty list of files"),
        (("--data.shuffle", "full"), r"data\.shuffle: the loader hdf5 .* --data\.loader packed"),
        (("--data.shuffle", "best"), r"data\.shuffle"),
        (("--data.max_memory", "lots"), r"data\.max_memory: 'lots' is not a size"),
        (("--data.staging_places", "null", "--data.move_files_temp", "fast"), r"data\.staging: nothing says"),
    ],
)
def test_what_cannot_be_meant(fit, words, text):
    assert re.search(text, one_message(fit(*words), 2), re.DOTALL)


@pytest.fixture
def kinds(monkeypatch):
    """Note which staging copies what, to where."""
    from salt_plugins.staging.copy.staging import Copy

    noted = []
    stage = Copy.stage

    def note(self, files, target):
        noted.append((type(self).__name__, [path.name for path in files], target, self.verify))
        return stage(self, files, target)

    monkeypatch.setattr(Copy, "stage", note)
    return noted


def test_staging_follows_from_the_place(sample, fit, losses, kinds):
    assert fit().code == 0
    done = fit("--data.move_files_temp", "fast", suffix="b")
    assert done.code == 0, done.err
    assert kinds == [("Copy", ["train.h5", "val.h5"], sample.folder / "fast", True)]
    assert f"copied {sample.file('train')}" in done.err
    assert losses("a") == losses("b")
    assert not list(sample.folder.glob("fast/*"))


@pytest.mark.full
def test_what_is_staged_with_packed_are_the_stores(sample, fit, losses, kinds):
    assert fit("--data.loader", "packed").code == 0
    stores = {store_with(sample.folder / "cache", number).name for number in (100, 50)}
    assert fit("--data.loader", "packed", "--data.move_files_temp", "fast", suffix="b").code == 0
    ((_, names, _, _),) = kinds
    assert set(names) == stores
    assert losses("a") == losses("b")
    assert not list(sample.folder.glob("fast/*"))


@pytest.mark.full
def test_the_deepest_place_and_an_explicit_staging_count(sample, fit, kinds):
    fast = sample.folder / "fast"
    config = sample.folder / "places.yaml"
    places = {"/": "shm", str(sample.folder): {"plugin": "copy", "verify": False}}
    config.write_text(yaml.safe_dump({"data": {"staging_places": places, "move_files_temp": str(fast)}}))
    words = ("--config", config, "--trainer.max_steps", "1")
    done = fit(*words)
    assert done.code == 0, done.err
    done = fit(*words, "--data.staging", "copy", suffix="b")
    assert done.code == 0, done.err
    assert [(kind, verify) for kind, _, _, verify in kinds] == [("Copy", False), ("Copy", True)]


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs /dev/shm")
def test_shared_memory_is_chosen_for_its_folder(fit, kinds):
    target = Path(f"/dev/shm/salt-test-{os.getpid()}")
    done = fit("--data.move_files_temp", target, "--trainer.max_steps", "1")
    assert done.code == 0, done.err
    assert kinds[0][0] == "Shm"
    assert not list(target.glob("*"))
    target.rmdir()


@pytest.fixture
def rows_config(sample) -> Path:
    """A configuration that has the rows of every training batch written down."""
    (sample.folder / "rows.py").write_text(ROWS)
    callback = {"plugin": "rows", "folder": str(sample.folder)}
    path = sample.folder / "rows.yaml"
    path.write_text(yaml.safe_dump({"plugins": ["./rows.py"], "trainer": {"callbacks": {"rows": callback}}}))
    return path


def rows_of(path: Path) -> list[tuple[int, list[int]]]:
    """Read the epoch and the rows of each batch; a line that is cut off is left out."""
    text = path.read_text() if path.exists() else ""
    lines = (line.split(" ", 1) for line in text[: text.rfind("\n") + 1].splitlines())
    return [(int(epoch), yaml.safe_load(rows)) for epoch, rows in lines]


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("loader", "workers"), [("packed", 0), ("hdf5", 2)])
def test_a_killed_training_goes_on_with_exactly_the_missing_batches(
    sample, fit, rows_config, loader, workers
):
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test fails
    last = random.Random(SEED).randint(2, 13)
    steps = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint"}
    steps["init_args"] = {"every_n_train_steps": 1, "dirpath": "steps", "save_top_k": 1, "monitor": None}
    config = sample.folder / "steps.yaml"
    config.write_text(yaml.safe_dump({"trainer": {"callbacks": {"steps": steps}}}))
    words = ["--config", rows_config, "--data.loader", loader, "--data.num_workers", workers]
    words += ["--trainer.max_epochs", 3]
    record = sample.folder / "rows.0"
    assert fit(*words).code == 0
    expected = rows_of(record)
    assert len(expected) == 15
    record.unlink()
    command = [
        sys.executable,
        "-m",
        "salt_core",
        "fit",
        "--config",
        sample.config,
        *words,
        "--config",
        config,
    ]
    command += ["-f", "--log_suffix", "killed", "--trainer.callbacks.rows.pause", "0.05"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen(
        [str(word) for word in command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(rows_of(record)) < last and killed.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(killed.pid, signal.SIGKILL)
    _, err = killed.communicate(timeout=20)
    assert killed.returncode == -signal.SIGKILL, err.decode()
    wait_for_session(killed.pid)
    done = rows_of(record)
    assert done == expected[: len(done)]
    (checkpoint,) = sample.folder.glob("**/steps/*.ckpt")
    step = torch.load(checkpoint, weights_only=False)["global_step"]
    assert len(done) - 1 <= step <= len(done)
    record.unlink()
    again = fit(*words, "--ckpt_path", checkpoint, suffix="again")
    assert again.code == 0, again.err
    assert rows_of(record) == expected[step:]


@pytest.mark.full
@pytest.mark.parametrize(
    ("loader", "place"), [("packed", "disk"), ("hdf5", "/dev/shm"), ("packed", None), ("hdf5", None)]
)
def test_two_devices_train_on_each_jet_once_in_equal_steps(
    sample, salt_process, rows_config, tmp_path, loader, place
):
    words = ["--trainer.devices", 2, "--trainer.strategy", "ddp", "--trainer.accelerator", "cpu"]
    words += ["--data.loader", loader, "--data.batch_size", 10, "--config", rows_config]
    target = Path(place or "/nowhere") / f"salt-test-{os.getpid()}" if place != "disk" else tmp_path / "fast"
    if place:
        if not os.access(target.parent, os.W_OK):
            pytest.skip(f"needs {target.parent}")
        words += ["--data.move_files_temp", target]
    done = salt_process("fit", "--config", sample.config, "-f", *words, cwd=sample.folder, timeout=120)
    assert done.code == 0, done.err
    ranks = [[rows for _, rows in rows_of(sample.folder / f"rows.{rank}")] for rank in range(2)]
    assert sorted(row for rank in ranks for batch in rank for row in batch) == list(range(100))
    assert [len(rank) for rank in ranks] == [5, 5]
    if loader == "packed":
        assert [[len(batch) for batch in rank] for rank in ranks] == [[10] * 5] * 2
        assert done.err.count("packed 100 jets") == 1
        assert done.err.count("packed 50 jets") == 1
    if place:
        assert done.err.count("copied ") == 2  # the training and the validation sample, once each
        assert not list(target.glob("*"))
        target.rmdir()
    assert not list(tmp_path.rglob("*.part"))
