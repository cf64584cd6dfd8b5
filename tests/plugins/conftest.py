"""Ranks of a distributed training as threads of this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import torch
from torch import distributed


@pytest.fixture
def on_ranks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Run steps at the same time, each as one rank; sums over ranks are sums over the steps."""

    def run(*steps: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(steps), timeout=30)
        parts: list[torch.Tensor] = []

        def all_reduce(tensor: torch.Tensor) -> None:
            parts.append(tensor.clone())
            barrier.wait()
            total = torch.stack(parts).sum(0)
            barrier.wait()
            tensor.copy_(total)
            if barrier.wait() == 0:
                parts.clear()
            barrier.wait()

        monkeypatch.setattr(distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(distributed, "get_world_size", lambda: len(steps))
        monkeypatch.setattr(distributed, "all_reduce", all_reduce)
        with ThreadPoolExecutor(len(steps)) as pool:
            results = [future.result() for future in [pool.submit(step) for step in steps]]
        monkeypatch.undo()
        return results

    return run
