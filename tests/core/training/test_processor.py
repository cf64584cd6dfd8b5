"""No machine here has every kind of processor: what PyTorch says of its units is put in its mouth."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import Trainer

from salt_core.training import processor

KEEPS = "salt_core.training.processor.keep_freed_memory"


def trainer_of(tmp_path, precision):
    options = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(accelerator="cpu", precision=precision, default_root_dir=tmp_path, **options)


@pytest.mark.parametrize(
    ("units", "precision", "warned"),
    [
        ({"avx2": True}, "bf16-mixed", True),
        ({"avx2": True, "amx_bf16": False}, "bf16-true", True),
        ({"avx2": True}, "32-true", False),
        ({"avx512_bf16": True}, "bf16-mixed", False),
        ({"amx_bf16": True}, "bf16-mixed", False),
        ({"neon": True, "bf16": True}, "bf16-mixed", False),
    ],
)
def test_bf16_without_units_for_it_is_warned_of(tmp_path, monkeypatch, caplog, units, precision, warned):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    monkeypatch.setattr(KEEPS, lambda: True)
    processor.prepare_processor(trainer_of(tmp_path, precision))
    assert ("Give --trainer.precision 32-true" in caplog.text) == warned
    assert (f"trainer.precision: {precision}" in caplog.text) == warned


def test_a_pytorch_that_does_not_tell_leaves_it_open(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert processor.multiplies_bf16() is None


def test_freed_memory_is_kept_on_a_processor(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(KEEPS, lambda: calls.append("kept"))
    processor.prepare_processor(trainer_of(tmp_path, "32-true"))
    assert calls == ["kept"]
