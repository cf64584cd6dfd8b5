"""Amounts of memory as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_core.errors import ConfigError
from salt_core.sizes import bytes_of, readable


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        ("17", 17),
        ("500 MB", 500_000_000),
        ("1.5GiB", 3 * 2**29),
        ("2 TB", 2 * 10**12),
        (" 3 kib ", 3072),
        ("4kb", 4000),
        ("5B", 5),
        ("1 TiB", 2**40),
        ("7 mib", 7 * 2**20),
        ("0.5 GB", 500_000_000),
    ],
)
def test_what_is_written(written, size):
    assert bytes_of(written, "data.max_memory") == size


@pytest.mark.parametrize("written", ["", "GB", "0", "0 MB", 0, -1, "-1 GB", "1 XB", "1e9", "1,5 GB", "a lot"])
def test_what_is_no_size(written):
    with pytest.raises(ConfigError, match=r"^data\.max_memory: .* is not a size; write bytes or"):
        bytes_of(written, "data.max_memory")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1_340_000, "1.34 MB"),
        (2.5e9, "2.5 GB"),
        (4.2e15, "4200 TB"),
    ],
)
def test_what_is_read(size, text):
    assert readable(size) == text


@given(st.integers(1, 10**15))
def test_what_is_read_can_be_written(size):
    assert abs(bytes_of(readable(size), "") - size) <= 0.006 * size
