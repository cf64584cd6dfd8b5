"""What ``salt`` sets before any command runs."""

from __future__ import annotations

import os

import pytest

from salt_core.cli import LARGE_PAGES_VARIABLE


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0"), ("1", "1")])
def test_large_pages_are_asked_for_unless_the_user_has_chosen(monkeypatch, salt, before, after):
    monkeypatch.setenv(LARGE_PAGES_VARIABLE, "as before this test")
    if before is None:
        monkeypatch.delenv(LARGE_PAGES_VARIABLE)
    else:
        monkeypatch.setenv(LARGE_PAGES_VARIABLE, before)
    assert salt("--version").code == 0
    assert os.environ[LARGE_PAGES_VARIABLE] == after
