"""GPUs that are asked for and not there."""

from __future__ import annotations

import pytest
import torch

from salt_core.checks.devices import check_devices
from salt_core.errors import ConfigError


@pytest.fixture(params=[0, 1, 2])
def there(request, monkeypatch) -> int:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 0)
    return request.param


@pytest.mark.parametrize(
    ("devices", "needed"),
    [(1, 1), (2, 2), ([0], 1), ([1], 2), ("1", 1), ("2", 2), ("0,1", 2), ("auto", 1), (-1, 1), (None, 1)],
    ids=str,
)
def test_as_many_as_are_there(there, devices, needed):
    options = {"accelerator": "gpu", "devices": devices}
    if there >= needed:
        check_devices(options)
        return
    where = "trainer.devices" if there else "trainer.accelerator"
    with pytest.raises(ConfigError, match=f"^{where}: "):
        check_devices(options)


@pytest.mark.parametrize("accelerator", ["cpu", "auto", "tpuu"])
def test_other_accelerators_are_lightning_s_to_judge(there, accelerator):
    check_devices({"accelerator": accelerator, "devices": 64})
