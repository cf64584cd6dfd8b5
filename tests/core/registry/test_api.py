"""The version of the plugin API that a plugin states, and old names of hooks."""

from __future__ import annotations

import pytest

from salt_core import PLUGIN_API
from salt_core.registry import api
from salt_core.registry.discovery import find_plugins
from salt_core.registry.hooks import tell_once

MAJOR, MINOR = PLUGIN_API
GOOD = """
from salt_core import hookimpl

@hookimpl
def salt_losses():
    return {"fine": "m:Fine"}
"""


@pytest.fixture
def reason(install):
    """Install a plugin of a text; return why it is broken, empty where it is not."""

    def found(text: str) -> str:
        install("salt-plugin-a", "1.2", {"a": "plugin_a"}, {"plugin_a.py": text})
        findings = find_plugins([])
        assert ("encoder", "gn2") in {(one.kind, one.name) for one in findings.providers}
        loaded = [one for one in findings.providers if one.plugin == "a"]
        broken = [one.reason for one in findings.broken if one.plugin == "a"]
        assert len(loaded) + len(broken) == 1
        return broken[0] if broken else ""

    return found


@pytest.mark.parametrize("stated", ["", f'salt_api = "{MAJOR}.{MINOR}"'])
def test_a_plugin_of_this_version_or_of_none_is_taken(reason, stated):
    assert reason(GOOD + stated) == ""


@pytest.mark.parametrize("newer", [f"{MAJOR}.{MINOR + 1}", f"{MAJOR + 1}.0", f"{MAJOR}.{MINOR + 10}"])
def test_one_that_asks_for_a_newer_version_says_what_to_upgrade(reason, newer):
    told = reason(GOOD + f'salt_api = "{newer}"')
    assert told == (
        f"it asks for plugin API {newer}, and this salt-hep has {MAJOR}.{MINOR}: upgrade salt-hep"
    )


def test_one_that_needs_a_newer_core_to_be_imported_says_so_too(reason):
    told = reason(f'salt_api = "{MAJOR}.{MINOR + 1}"\nfrom salt_core import a_name_of_tomorrow')
    assert "upgrade salt-hep (ImportError: cannot import name 'a_name_of_tomorrow'" in told


def test_an_import_that_fails_without_a_statement_is_told_as_it_is(reason):
    assert reason("from salt_core import a_name_of_tomorrow").startswith("ImportError: cannot import")


def test_one_of_an_older_major_version_is_to_be_upgraded(reason, monkeypatch):
    monkeypatch.setattr(api, "PLUGIN_API", (2, 3))
    assert reason(GOOD + 'salt_api = "1.9"') == (
        "it was written for plugin API 1.9, and this salt-hep has 2.3: upgrade the plugin"
    )


def test_one_of_an_older_minor_version_is_taken(reason, monkeypatch):
    monkeypatch.setattr(api, "PLUGIN_API", (2, 3))
    assert reason(GOOD + 'salt_api = "2.1"') == ""


@pytest.mark.parametrize("stated", ["1.0", "'1'", "(1, 0)", "'1.0.0'"])
def test_what_is_no_version_is_told(reason, stated):
    assert f'write it as "{MAJOR}.{MINOR}"' in reason(GOOD + f"salt_api = {stated}")


def test_an_old_name_of_a_hook_works_and_is_told_once_with_the_new_one(install, monkeypatch, caplog):
    tell_once.cache_clear()
    renamed = api.Renamed("salt_losses", "0.3")
    monkeypatch.setattr(api, "RENAMED_HOOKS", {"salt_criteria": renamed})
    old = GOOD.replace("salt_losses", "salt_criteria")
    install("salt-plugin-a", "1.2", {"a": "plugin_a"}, {"plugin_a.py": old})
    for _ in range(2):
        (found,) = [one for one in find_plugins([]).providers if one.plugin == "a"]
        assert (found.kind, found.name) == ("loss", "fine")
    assert caplog.messages == [
        "warning: a of salt-plugin-a 1.2: the hook salt_criteria is called salt_losses now; "
        "salt-hep 0.3 knows it no more"
    ]
