"""Lengths of time."""

from __future__ import annotations

import pytest

from salt_core.durations import seconds_of
from salt_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), ("90", 90), ("1:30", 5400), ("00:01:30", 90), ("11:30:00", 41400), ("2-01:00:00", 176400)],
)
def test_what_people_write(text, seconds):
    assert seconds_of(text, "x") == seconds


@pytest.mark.parametrize("text", ["", "0", 0, "0:00", "-5", "1.5", "1h", "1:2:3:4", "٣"])
def test_what_is_no_length(text):
    with pytest.raises(ConfigError, match=r"^time: .* is no length of time"):
        seconds_of(text, "time")
