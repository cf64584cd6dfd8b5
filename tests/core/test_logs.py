"""Loggers that say less for a while."""

from __future__ import annotations

import logging

import pytest

from salt_core.logs import quiet


def test_a_quiet_logger_warns_and_is_itself_again(caplog):
    logger = logging.getLogger("salt_test_of_logs")
    below = logger.getChild("below")
    logger.setLevel(logging.INFO)
    with quiet(logger.name):
        below.info("devices")
        below.warning("no room")
    below.info("on it goes")
    assert caplog.messages == ["no room", "on it goes"]


def test_a_quiet_logger_is_itself_again_after_an_error():
    logger = logging.getLogger("salt_test_of_logs")
    logger.setLevel(logging.INFO)
    with pytest.raises(KeyError), quiet(logger.name):
        raise KeyError
    assert logger.level == logging.INFO
