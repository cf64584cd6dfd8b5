"""Clauses that a check names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from salt_core.testing import Breach


@pytest.fixture
def broken() -> Callable[[Callable[[], None]], list[str]]:
    """Run a check, and return the clauses that it names as broken, with what was seen."""

    def run(check: Callable[[], None]) -> list[str]:
        with pytest.raises(Breach) as told:
            check()
        return told.value.clauses

    return run
