"""Every configuration that comes with salt trains for two steps, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.paths import package_folder, shipped_configs

DEMO_FILES = {"train_file": "demo_train.h5", "val_file": "demo_val.h5"}
DICTS = {"norm_dict": "norm_dict.yaml", "class_dict": "class_dict.yaml"}
NOT_A_MODEL = {"base.yaml"}
ON_TOP_OF = {"demo.yaml": "GN2.yaml", "packed.yaml": "GN2.yaml"}


def files_in(folder: Path, names: dict[str, str]) -> list[str]:
    return [word for key, name in names.items() for word in (f"--data.{key}", str(folder / name))]


@pytest.mark.parametrize("name", sorted(set(shipped_configs()) - NOT_A_MODEL))
def test_two_steps(name, salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configs = [part for part in (ON_TOP_OF.get(name), name) if part]
    demo = package_folder() / "demo"
    words = [word for part in configs for word in ("--config", part)]
    words += ["--data.batch_size", "100", "--trainer.fast_dev_run", "2", "--trainer.accelerator", "cpu"]
    done = salt("fit", *words, *files_in(demo, DEMO_FILES | DICTS))
    assert done.code == 0, done.err
    assert not list(tmp_path.iterdir())


def test_full_size_gn2_on_the_shared_samples(salt, shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"train_file": "ttbar_train.h5", "val_file": "ttbar_val.h5"} | DICTS
    words = ("--trainer.fast_dev_run", "2", "--trainer.accelerator", "cpu")
    done = salt("fit", "--config", "configs/GN2.yaml", *words, *files_in(shared_data, names))
    assert done.code == 0, done.err
    assert "2.3 M" in done.err + done.out


def test_base_is_what_everything_starts_from(salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = salt("fit", "--config", "GN2.yaml", "--print_config")
    assert done.code == 0, done.err
    assert "monitor: val/loss" in done.out


def test_configs_at_the_top_is_what_is_installed():
    top = Path(__file__).parents[2] / "configs"
    assert top.is_symlink()
    assert top.resolve() == package_folder() / "configs"
