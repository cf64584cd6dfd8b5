"""`salt check`: everything that a training would trip over in one list, with key paths, and nothing written."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch
from mistakes import CASES
from mistakes.breaking import norms, spoilt


@pytest.fixture
def check(sample, salt):
    """Check the tiny model, and see that nothing is written and no traceback is shown."""

    def run(*words: object):
        before = set(sample.folder.rglob("*"))
        done = salt("check", "--config", sample.config, *words, "--force")
        said = done.err + done.out
        assert "Traceback" not in said
        assert "nobody foresaw" not in said
        assert set(sample.folder.rglob("*")) == before
        return done

    return run


def problems(done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("  - ")]


@pytest.mark.parametrize("name", CASES)
def test_broken(check, sample, name):
    case = CASES[name]
    case.prepare(sample)
    dry = [] if case.writes else ["--trainer.fast_dev_run", "1"]
    done = check(*case.words, *dry)
    assert done.code == 2, done.err
    for said in case.texts:
        assert said in done.err, done.err
    assert len(problems(done)) == case.number, done.err


def test_five_faults_of_all_sorts_are_told_together(check, sample):
    spoilt("train", "jets", "flavour_label", 70, 9)(sample)
    spoilt("val", "tracks", "d0", 3, np.nan)(sample)
    norms(jets__pt={"mean": 0.0, "std": -1.0})(sample)
    done = check("--model.encoder.num_layrs", "3", "--trainer.accelerator", "gpu")
    assert done.code == 2
    found = problems(done)
    assert len(found) == 5, done.err
    for said in (
        "num_layrs",
        "trainer.accelerator",
        "norm_dict, jets/pt",
        "flavour_label holds 9",
        "tracks/d0",
    ):
        assert any(said in line for line in found), said
    assert "not looked at: " in done.err


def test_files_and_labels_are_looked_at_where_the_encoder_cannot_be_made(check, sample):
    spoilt("train", "jets", "flavour_label", 70, 9)(sample)
    done = check("--model.encoder", "gn3", "--data.val_file", "nope.h5")
    assert len(problems(done)) == 3, done.err
    for said in ("there is no encoder 'gn3'", "nope.h5 does not exist", "flavour_label holds 9"):
        assert said in done.err


def test_a_label_is_looked_at_beside_inputs_that_are_not_finite(check, sample):
    spoilt("train", "jets", "flavour_label", 70, 9)(sample)
    spoilt("train", "jets", "eta", 71, np.nan)(sample)
    done = check("--data.variables.tracks", "[d0, nothere]")
    assert len(problems(done)) == 4, done.err  # nothere in two samples and the norm dict, and the label
    assert "flavour_label holds 9" in done.err


def test_a_sound_configuration(check):
    done = check()
    assert done.code == 0, done.err
    assert done.out.startswith("No problem was found.")
    for said in ("100 jets of train.h5, all read", "tracks each", "parameters", "20 jets, 5 steps", "loss "):
        assert said in done.out


def test_the_shape_of_a_small_sample_is_no_problem_but_told(check):
    done = check("--data.batch_size", "1000", "--data.num_workers", "999")
    assert done.code == 0
    assert "note: data.batch_size: 1000 on 1 device is more than the 100 jets" in done.out
    assert "note: data.num_workers: 999 processes" in done.out


def test_json(check):
    done = check("--json", "--data.batch_size", "0", "--data.val_file", "nope.h5")
    assert done.code == 2
    assert [(one["where"], one["kind"]) for one in json.loads(done.out)] == [
        ("data.batch_size", "configuration"),
        ("data.val_file", "configuration"),
    ]
    sound = check("--json")
    assert (sound.code, json.loads(sound.out)) == (0, [])


def test_json_tells_data_from_configuration(check, sample):
    spoilt("train", "jets", "flavour_label", 70, 9)(sample)
    (found,) = json.loads(check("--json").out)
    assert (found["kind"], found["where"]) == ("data", "model.tasks.flavour (data.train_file)")


def test_help_is_light_and_names_the_exit_code(salt):
    done = salt("check", "--help")
    assert done.code == 0
    assert "with its key path" in " ".join(done.out.split())
    assert "--json" in done.out


def test_the_packed_loader_is_checked_without_making_a_store(check, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    done = check("--data.loader", "packed", "--data.cache_dir", cache)
    assert done.code == 0, done.err
    assert not cache.exists()
    assert " in cache" in done.out


Usage = namedtuple("Usage", "total used free")


def test_too_little_room_for_checkpoints_and_store(check, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))
    done = check("--data.loader", "packed", "--data.cache_dir", "cache")
    assert done.code == 2
    assert len(problems(done)) == 2, done.err
    assert "data.cache_dir: " in done.err
    assert "trainer.default_root_dir: " in done.err
    assert "1 KB are free" in done.err


def test_fit_tells_all_problems_of_all_stages(sample, salt):
    spoilt("train", "jets", "flavour_label", 70, 9)(sample)
    norms(jets__pt={"mean": 0.0, "std": -1.0})(sample)
    done = salt("fit", "--config", sample.config, "--force", "--model.encoder.num_layrs", "3")
    assert done.code == 2
    assert len(problems(done)) == 3, done.err
    assert not (sample.folder / "logs").exists()


def test_fit_looks_before_it_makes_a_run_directory(sample, salt):
    spoilt("val", "tracks", "origin", 12, 8)(sample)
    done = salt("fit", "--config", sample.config, "--force")
    assert done.code == 1
    assert "model.tasks.origin (data.val_file): label tracks/origin holds 8" in done.err
    assert not (sample.folder / "logs").exists()


def test_the_look_changes_nothing_of_the_training(sample, salt, monkeypatch, the_run):
    """Dropout, weights and order are the same with the look and without it."""
    words = ("fit", "--config", sample.config, "--force", "--model.encoder.dropout", "0.3", "--log_suffix")
    assert salt(*words, "looked").code == 0
    monkeypatch.setattr("salt_core.training.flow.look_first", lambda *given: None)
    assert salt(*words, "blind").code == 0
    one, other = (
        torch.load(sample.folder / "logs" / f"tiny_{name}" / "ckpts" / "last.ckpt")["state_dict"]
        for name in ("looked", "blind")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_shipped_demo_is_sound(salt):
    done = salt("check", "--config", "GN2.yaml", "--config", "demo.yaml", "--force")
    assert done.code == 0, done.err


def test_pieces_from_all_over_a_large_sample_are_looked_at(check, sample, monkeypatch):
    """Each of them once: a label that is wrong anywhere is found where all pieces are read."""
    monkeypatch.setattr("salt_core.checks.samples.PIECE", 10)
    assert "all read" in check().out
    spoilt("train", "jets", "flavour_label", 97, 9)(sample)
    assert "row 97 of the file" in check().err


def test_a_packed_store_is_looked_at_too(check, sample, salt):
    for name in ("train", "val"):
        words = ("--config", sample.config, "--config", "packed.yaml", "--out", f"{name}_store")
        made = salt("data", "pack", sample.file(name), *words)
        assert made.code == 0, made.err
    files = ("--data.train_file", "train_store", "--data.val_file", "val_store")
    done = check("--data.loader", "packed", *files)
    assert done.code == 0, done.err
    assert "all read" in done.out
