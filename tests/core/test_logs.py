"""Loggers that say less for a while."""

from __future__ import annotations

import logging

import pytest

from salt_core.logs import quiet


def test_a_quiet_logger_warns_and_is_itself_again(caplog):
    logger = logging.getLogger("salt_test_of_logs")
    below = logger.getChild("below")
    logger.setLevel(logging.INFO)
    with pytest.raises(KeyError), quiet(logger.name):
        below.info("devices")
        below.warning("no room")
        raise KeyError
    below.info("on it goes")
    assert caplog.messages == ["no room", "on it goes"]
