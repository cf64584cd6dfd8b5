"""Hooks that are told of something: what they get, and that they cannot spoil it."""

from __future__ import annotations

import json
import sys
import time

import pytest

from salt_core.interfaces.run import Outcome, Run
from salt_core.registry import Registry, events
from salt_core.registry.events import tell

RUN = Run("logs/a_1", "a", "salt fit")
PLUGIN = '''
from salt_core import hookimpl

heard = []

@hookimpl
def salt_run_started(run):
    """Hear of the start."""
    heard.append(run)

@hookimpl
def salt_run_ended(outcome):
    heard.append(outcome)
'''


@pytest.fixture
def listeners(install):
    """Install plugins of texts; return their listeners."""

    def found(**texts: str):
        for name, text in texts.items():
            install(f"salt-{name}", "1", {name: f"plugin_{name}"}, {f"plugin_{name}.py": text})
        return [one for one in Registry.discover().listeners if one.plugin in texts]

    return found


def test_each_gets_the_arguments_that_it_takes(listeners):
    told = listeners(a=PLUGIN)
    tell(told, "salt_run_started", run=RUN)
    tell(told, "salt_run_ended", run=RUN, outcome=Outcome("finished", 0))
    assert sys.modules["plugin_a"].heard == [RUN, Outcome("finished", 0)]


def test_one_that_raises_is_a_warning_and_the_next_is_told(listeners, caplog):
    spoilt = PLUGIN.replace("heard.append(run)", "raise SystemExit('no network')")
    tell(listeners(a=spoilt, b=PLUGIN), "salt_run_started", run=RUN)
    assert sys.modules["plugin_b"].heard == [RUN]
    (message,) = caplog.messages
    assert message.startswith("warning: salt_run_started of a of salt-a 1: SystemExit: no network (")
    assert message.endswith("plugin_a.py:9); the run is not affected")


def test_one_that_hangs_is_not_waited_for(listeners, caplog, monkeypatch):
    monkeypatch.setattr(events, "PATIENCE", 0.1)
    slow = PLUGIN.replace("heard.append(run)", "import time; time.sleep(5)")
    start = time.monotonic()
    tell(listeners(a=slow), "salt_run_started", run=RUN)
    assert time.monotonic() - start < 3
    assert "takes longer than 0.1 s, and is not waited for" in caplog.text


def test_one_that_hangs_does_not_keep_the_process_from_its_end(listeners):
    said = PLUGIN.replace(
        "heard.append(run)", "import threading; heard.append(threading.current_thread().daemon)"
    )
    tell(listeners(a=said), "salt_run_started", run=RUN)
    assert sys.modules["plugin_a"].heard == [True]


def test_an_argument_that_there_is_not_makes_the_plugin_broken(listeners):
    assert listeners(a=PLUGIN.replace("(run)", "(run, trainer)")) == []
    (broken,) = [one for one in Registry.discover().broken if one.plugin == "a"]
    assert "trainer" in broken.reason


def test_a_call_is_traced(listeners, monkeypatch, capsys):
    told = listeners(a=PLUGIN)
    monkeypatch.setenv("SALT_TRACE_PLUGINS", "1")
    tell(told, "salt_run_started", run=RUN)
    said = capsys.readouterr().err.strip()
    assert said.startswith("trace: a of salt-a 1: salt_run_started in ")
    assert said.endswith(" ms: done")


def test_the_listing_shows_them(listeners, salt):
    listeners(a=PLUGIN)
    rows = [row for row in json.loads(salt("plugins", "list", "--json").out) if row["plugin"] == "a"]
    assert sorted((row["kind"], row["name"], row["summary"]) for row in rows) == [
        ("event", "salt_run_ended", ""),
        ("event", "salt_run_started", "Hear of the start."),
    ]
