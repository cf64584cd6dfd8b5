"""Checkpoints: reading them and finding the best."""

from __future__ import annotations

import pytest
import torch

from salt_core.errors import ConfigError, DataError
from salt_core.training.checkpoints import best_checkpoint, read_checkpoint


def test_the_lowest_loss_in_the_names(tmp_path):
    (tmp_path / "ckpts").mkdir()
    for name in (
        "epoch=000-val_loss=0.61000",
        "epoch=001-val_loss=-0.20000",
        "epoch=002-val_loss=1e-03-v1",
        "last",
    ):
        (tmp_path / "ckpts" / f"{name}.ckpt").touch()
    assert best_checkpoint(tmp_path).name == "epoch=001-val_loss=-0.20000.ckpt"


def test_no_checkpoint_with_a_loss(tmp_path):
    with pytest.raises(ConfigError, match=r"^--ckpt_path: .* holds no checkpoint: there is none in ckpts/"):
        best_checkpoint(tmp_path, "--ckpt_path")
    (tmp_path / "ckpts").mkdir()
    for name in ("first", "last"):
        (tmp_path / "ckpts" / f"{name}.ckpt").touch()
    with pytest.raises(ConfigError, match=r"in its name; name one of first\.ckpt, last\.ckpt"):
        best_checkpoint(tmp_path)


def test_a_folder_or_nothing(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        read_checkpoint(tmp_path / "x.ckpt")


def test_a_checkpoint_of_something_else(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "x.ckpt")
    with pytest.raises(ConfigError, match="no checkpoint of salt"):
        read_checkpoint(tmp_path / "x.ckpt")


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


def test_no_code_is_run(tmp_path, capsys):
    torch.save({"state_dict": Harmful()}, tmp_path / "x.ckpt")
    with pytest.raises(DataError, match="cannot be read"):
        read_checkpoint(tmp_path / "x.ckpt")
    assert capsys.readouterr().out == ""
