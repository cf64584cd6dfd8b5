"""``SALT_TRACE_PLUGINS``: each call of a hook, and who made it."""

from __future__ import annotations

import re

import pytest

from salt_core.registry.discovery import find_plugins

PLUGIN = """
import time
from salt_core import hookimpl

@hookimpl
def salt_losses():
    time.sleep(0.02)
    return {"one": "m:One", "two": "m:Two"}

@hookimpl
def salt_tasks():
    return {}
"""


def lines_of(err: str, plugin: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith(f"trace: {plugin} of ")]


def test_each_call_is_told_with_its_provider_time_and_offers(install, monkeypatch, capsys):
    install("salt-plugin-a", "1.2", {"a": "plugin_a"}, {"plugin_a.py": PLUGIN})
    monkeypatch.setenv("SALT_TRACE_PLUGINS", "1")
    find_plugins([])
    told = lines_of(capsys.readouterr().err, "a")
    assert re.fullmatch(r"trace: a of salt-plugin-a 1.2: import of plugin_a in \d+\.\d ms: done", told[0])
    found = re.fullmatch(r"trace: a of salt-plugin-a 1.2: salt_losses in (\d+\.\d) ms: one, two", told[1])
    assert found
    assert 20 <= float(found[1]) < 500
    assert re.fullmatch(r"trace: a of salt-plugin-a 1.2: salt_tasks in \d+\.\d ms: nothing", told[2])


def test_a_broken_plugin_is_told_with_its_reason(install, monkeypatch, capsys):
    install("salt-plugin-b", "3", {"b": "plugin_b"}, {"plugin_b.py": "raise RuntimeError('no luck')"})
    monkeypatch.setenv("SALT_TRACE_PLUGINS", "1")
    find_plugins([])
    (told,) = lines_of(capsys.readouterr().err, "b")
    said = "trace: b of salt-plugin-b 3: loading of plugin_b in 0.0 ms: broken, RuntimeError: no luck ("
    assert told.startswith(said)


def test_the_import_of_a_local_file_is_told_with_its_name(local_file, monkeypatch, capsys):
    path = local_file("my_head.py", PLUGIN)
    monkeypatch.setenv("SALT_TRACE_PLUGINS", "1")
    find_plugins([path])
    first, *_ = lines_of(capsys.readouterr().err, "my_head")
    assert first.startswith(f"trace: my_head of {path} local: import of my_head.py in ")


@pytest.mark.parametrize("value", ["0", ""])
def test_nothing_is_told_unless_it_is_asked_for(monkeypatch, capsys, value):
    monkeypatch.setenv("SALT_TRACE_PLUGINS", value)
    find_plugins([])
    assert capsys.readouterr().err == ""
