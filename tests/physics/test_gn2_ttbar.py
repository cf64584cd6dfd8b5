"""What the demo-size GN2 reaches on the simulated ttbar sample, for three seeds (long)."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

DATA = {
    "train_file": "ttbar_train.h5",
    "val_file": "ttbar_val.h5",
    "test_file": "ttbar_test.h5",
    "norm_dict": "norm_dict.yaml",
    "class_dict": "class_dict.yaml",
}
SEEDS = (42, 1, 2)
LINE = re.compile(r"^  (\w+) +\d+ +([\d.]+) +([\d.]+)$", re.MULTILINE)
LEAST = {"auc_light": 0.952, "auc_c": 0.848, "light": 115.0, "c": 6.2}


def train_and_evaluate(seed, data, folder, salt_process, the_run) -> dict[str, float]:
    files = [word for key, name in DATA.items() for word in (f"--data.{key}", data / name)]
    setting = ["--trainer.max_epochs", "4", "--data.batch_size", "1000", "--seed_everything", seed]
    words = [
        "--config",
        "GN2.yaml",
        "--config",
        "demo.yaml",
        *files,
        *setting,
        "--force",
        "--log_suffix",
        seed,
    ]
    start = time.monotonic()
    trained = salt_process("fit", *words, cwd=folder, timeout=3000, threads=2)
    assert trained.code == 0, trained.err
    minutes = (time.monotonic() - start) / 60
    run = the_run(folder, f"logs/*_{seed}")
    done = salt_process("test", "--config", run / "config.yaml", cwd=folder, threads=2)
    assert done.code == 0, done.err
    found = {name: (float(rejection), float(auc)) for name, rejection, auc in LINE.findall(done.err)}
    (light, auc_light), (c, auc_c) = found["ujets"], found["cjets"]
    return {"auc_light": auc_light, "auc_c": auc_c, "light": light, "c": c, "minutes": minutes}


@pytest.mark.full
def test_three_seeds(shared_data, tmp_path, salt_process, the_run, capsys):
    results = [train_and_evaluate(seed, shared_data, tmp_path, salt_process, the_run) for seed in SEEDS]
    with capsys.disabled():
        print()  # noqa: T201 - the figures are what the long tests are for
        for seed, result in zip(SEEDS, results, strict=True):
            print(seed, {key: round(value, 4) for key, value in result.items()})  # noqa: T201
    for key, least in LEAST.items():
        assert np.median([result[key] for result in results]) >= least, key
