"""Discovery: plugin by plugin, with every way in which one can fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from salt_core.errors import ConfigError
from salt_core.registry.discovery import Findings, find_plugins

GOOD = """
from salt_core import hookimpl

@hookimpl
def salt_losses():
    return {"NAME": "some_module:SomeLoss"}
"""


def good(name: str) -> str:
    return GOOD.replace("NAME", name)


def names_of(findings: Findings, distribution: str) -> list[tuple[str, str]]:
    return [(p.kind, p.name) for p in findings.providers if p.distribution == distribution]


def reason(findings: Findings, plugin: str) -> str:
    (broken,) = [broken for broken in findings.broken if broken.plugin == plugin]
    return broken.reason


def test_a_distribution_is_found_with_its_version(install):
    install("salt-plugin-a", "1.2.3", {"a": "plugin_a"}, {"plugin_a.py": good("fancy")})
    (provider,) = [p for p in find_plugins([]).providers if p.distribution == "salt-plugin-a"]
    assert (provider.kind, provider.name, provider.target) == ("loss", "fancy", "some_module:SomeLoss")
    assert (provider.plugin, provider.version) == ("a", "1.2.3")
    assert provider.origin == "salt-plugin-a 1.2.3"


def test_the_bundled_plugins_come_in_through_entry_points():
    assert {("encoder", "gn2"), ("task", "classification"), ("loss", "cross_entropy")} <= set(
        names_of(find_plugins([]), "salt-hep")
    )


def test_the_target_of_a_string_is_not_imported(install):
    files = {
        "lazy_plugin/__init__.py": good("lazy").replace("some_module", "lazy_plugin.heavy"),
        "lazy_plugin/heavy.py": "raise RuntimeError('nobody may import this')",
    }
    install("salt-lazy", "1", {"lazy": "lazy_plugin"}, files)
    findings = find_plugins([])
    assert names_of(findings, "salt-lazy") == [("loss", "lazy")]
    assert "lazy_plugin.heavy" not in sys.modules


BROKEN = {
    "on_import": (
        "import a_module_that_nobody_has",
        ["ModuleNotFoundError: No module named 'a_module_that_nobody_has'", "plugin_broken.py:1"],
    ),
    "syntax": ("def salt_tasks(:", ["SyntaxError: invalid syntax", "plugin_broken.py:1"]),
    "exit": ("import sys\nsys.exit('no licence')", ["SystemExit: no licence", "plugin_broken.py:2"]),
    "in_hook": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    return {}['nothing']",
        ["KeyError: 'nothing'", "plugin_broken.py:4"],
    ),
    "misspelt": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_task():\n    return {}",
        ["there is no hook 'salt_task'", "did you mean 'salt_tasks'", "salt_batch_backends"],
    ),
    "misspelt_beside_a_good_one": (
        good("fine") + "@hookimpl\ndef salt_encodres():\n    return {}",
        ["there is no hook 'salt_encodres'", "did you mean 'salt_encoders'"],
    ),
    "unmarked": (
        "def salt_tasks():\n    return {'x': 'm:X'}",
        ["salt_tasks must be marked with @hookimpl"],
    ),
    "unmarked_beside_a_good_one": (
        good("fine") + "def salt_tasks():\n    return {'x': 'm:X'}",
        ["salt_tasks must be marked with @hookimpl"],
    ),
    "no_hook": ("NUMBER = 3", ["offers no hook", "salt_encoders, salt_tasks, salt_losses"]),
    "takes_arguments": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks(config):\n    return {}",
        ["PluginValidationError", "config"],
    ),
    "nothing": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    pass",
        ["salt_tasks returns None, not a mapping", "plugin_broken.py:"],
    ),
    "a_list": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    return ['m:X']",
        ["salt_tasks returns an object of type list, not a mapping"],
    ),
    "a_generator": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    yield {'x': 'm:X'}",
        ["salt_tasks returns an object of type generator, not a mapping"],
    ),
    "an_instance": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    return {'x': object()}",
        ["offers 'x' as an object of type object, neither a class nor \"module:Class\""],
    ),
    "a_dotted_path": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    return {'x': 'module.X'}",
        ["offers 'x' as 'module.X', neither a class nor \"module:Class\""],
    ),
    "a_name_that_is_no_text": (
        "from salt_core import hookimpl\n@hookimpl\ndef salt_tasks():\n    return {3: 'm:X'}",
        ["offers the name 3, which is not a text"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_marked_and_takes_no_other_with_it(install, case):
    source, expected = BROKEN[case]
    install("salt-after", "1", {"zz_after": "plugin_after"}, {"plugin_after.py": good("after")})
    install("salt-broken", "0.9", {"broken": "plugin_broken"}, {"plugin_broken.py": source})
    install("salt-before", "1", {"aa_before": "plugin_before"}, {"plugin_before.py": good("before")})
    findings = find_plugins([])
    text = reason(findings, "broken")
    assert "\n" not in text
    for part in expected:
        assert part in text
    assert names_of(findings, "salt-broken") == []
    assert names_of(findings, "salt-before") == [("loss", "before")]
    assert names_of(findings, "salt-after") == [("loss", "after")]
    (broken,) = [broken for broken in findings.broken if broken.plugin == "broken"]
    assert broken.origin == "salt-broken 0.9"


@pytest.mark.parametrize("value", ["no module", "", "plugin_broken:", "3"])
def test_an_entry_point_that_names_no_module_takes_no_other_with_it(install, value):
    install("salt-broken", "0.9", {"broken": value}, {})
    install("salt-before", "1", {"aa_before": "plugin_before"}, {"plugin_before.py": good("before")})
    findings = find_plugins([])
    assert reason(findings, "broken")
    assert names_of(findings, "salt-broken") == []
    assert names_of(findings, "salt-before") == [("loss", "before")]


def test_an_entry_point_without_module_is_broken(install):
    install("salt-gone", "1", {"gone": "module_that_is_gone"}, {})
    assert "No module named 'module_that_is_gone'" in reason(find_plugins([]), "gone")


def test_an_interruption_is_no_broken_plugin(install):
    install("salt-slow", "1", {"slow": "plugin_slow"}, {"plugin_slow.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        find_plugins([])


def test_two_distributions_may_use_one_entry_point_name(install):
    install("salt-one", "1", {"same": "plugin_one"}, {"plugin_one.py": good("one")})
    install("salt-two", "2", {"same": "plugin_two"}, {"plugin_two.py": good("two")})
    findings = find_plugins([])
    assert names_of(findings, "salt-one") == [("loss", "one")]
    assert names_of(findings, "salt-two") == [("loss", "two")]


def test_two_entry_points_may_name_one_module(install):
    install("salt-one", "1", {"here": "plugin_shared"}, {"plugin_shared.py": good("shared")})
    install("salt-two", "2", {"there": "plugin_shared"}, {})
    findings = find_plugins([])
    assert names_of(findings, "salt-one") == names_of(findings, "salt-two") == [("loss", "shared")]


def test_a_distribution_without_metadata_hides_no_other(install):
    site = install("salt-damaged", "1", {"damaged": "plugin_damaged"}, {"plugin_damaged.py": good("damaged")})
    (site / "salt_damaged-1.dist-info" / "METADATA").unlink()
    findings = find_plugins([])
    assert names_of(findings, "unknown distribution") == [("loss", "damaged")]
    assert ("encoder", "gn2") in names_of(findings, "salt-hep")


def test_name_and_version_are_those_of_the_head_of_the_metadata(install):
    site = install("salt-told", "1", {"told": "plugin_told"}, {"plugin_told.py": good("told")})
    metadata = site / "salt_told-1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + "\nA text.\nName: other\nVersion: 9\n")
    assert names_of(find_plugins([]), "salt-told") == [("loss", "told")]
    metadata.rename(metadata.with_name("PKG-INFO"))
    (provider,) = [p for p in find_plugins([]).providers if p.name == "told"]
    assert provider.origin == "salt-told 1"


def test_an_entry_point_may_name_an_object_of_a_module_that_needs_a_newer_core(install):
    text = 'salt_api = "99.0"\nfrom salt_core import a_name_of_tomorrow'
    install("salt-tomorrow", "1", {"tomorrow": "plugin_tomorrow:hooks"}, {"plugin_tomorrow.py": text})
    assert "upgrade salt-hep (ImportError" in reason(find_plugins([]), "tomorrow")


def test_another_owner_of_the_command_is_told(install):
    install("salt-ml", "0.13", {"salt": "other.cli:main"}, {}, group="console_scripts")
    install("Salt_HEP", "9", {"salt": "salt_core.cli:main"}, {}, group="console_scripts")
    install("salt-of-others", "1", {"salt": "other.module"}, {}, group="no_scripts")
    assert find_plugins([]).script_rivals == ["salt-ml 0.13"]


def test_a_local_file_needs_no_packaging(local_file):
    path = local_file("my_head.py", good("mine"))
    findings = find_plugins([path])
    assert names_of(findings, str(path)) == [("loss", "mine")]
    assert findings.local_files == [path]
    (provider,) = [p for p in findings.providers if p.name == "mine"]
    assert (provider.plugin, provider.version) == ("my_head", "local")


def test_a_local_file_may_name_its_own_class_in_a_string(local_file):
    text = 'class Mine:\n    """Of this file."""\n' + good("mine").replace(
        '"some_module:SomeLoss"', 'f"{__name__}:Mine"'
    )
    (provider,) = [p for p in find_plugins([local_file("my_head.py", text)]).providers if p.name == "mine"]
    assert (provider.summary, provider.state) == ("Of this file.", "ok")


def test_the_environment_names_local_files(local_file, monkeypatch, tmp_path):
    first, second = local_file("first.py", good("first")), local_file("second.py", good("second"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALT_PLUGINS", os.pathsep.join(["first.py", "", str(second)]))
    findings = find_plugins([])
    assert findings.local_files == [first, second]
    assert names_of(findings, str(first)) == [("loss", "first")]


def test_a_missing_file_of_the_environment_is_broken_and_the_others_are_found(
    local_file, monkeypatch, tmp_path
):
    path = local_file("there.py", good("there"))
    monkeypatch.setenv("SALT_PLUGINS", os.pathsep.join([str(tmp_path / "missing.py"), str(path)]))
    findings = find_plugins([])
    assert "SALT_PLUGINS" in reason(findings, "missing")
    assert "No such file" in reason(findings, "missing")
    (missing,) = findings.broken
    assert missing.origin == f"{tmp_path / 'missing.py'} local"
    assert names_of(findings, str(path)) == [("loss", "there")]


def test_a_missing_file_of_the_configuration_is_an_error(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^plugins: the plugin file .*missing\.py cannot be read: No such file"
    ):
        find_plugins([tmp_path / "missing.py"])


def test_a_broken_local_file_is_marked(local_file):
    path = local_file("bad.py", "import a_module_that_nobody_has")
    findings = find_plugins([path])
    assert f"({path}:1)" in reason(findings, "bad")
    assert findings.local_files == []


def test_the_same_content_twice_is_one_plugin(local_file):
    original, copy = local_file("my_head.py", good("mine")), local_file("logs/run/my_head.py", good("mine"))
    other = local_file("other.py", good("other"))
    findings = find_plugins([original, copy, original, other])
    assert [p.distribution for p in findings.providers if p.name == "mine"] == [str(original)]
    assert findings.local_files == [original, other]


def test_a_local_file_that_needs_a_newer_core_says_so(local_file):
    path = local_file("tomorrow.py", 'salt_api = "99.0"\nfrom salt_core import a_name_of_tomorrow')
    findings = find_plugins([path])
    assert "upgrade salt-hep (ImportError" in reason(findings, "tomorrow")
    assert findings.local_files == []


def test_files_of_one_name_and_different_content_are_two_plugins(local_file):
    first, second = local_file("a/head.py", good("one")), local_file("b/head.py", good("two"))
    findings = find_plugins([first, second])
    assert names_of(findings, str(first)) == [("loss", "one")]
    assert names_of(findings, str(second)) == [("loss", "two")]


def test_paths_are_absolute(local_file, monkeypatch, tmp_path):
    local_file("my_head.py", good("mine"))
    monkeypatch.chdir(tmp_path)
    assert find_plugins([Path("my_head.py")]).local_files == [tmp_path / "my_head.py"]
