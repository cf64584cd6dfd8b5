"""Summaries: read from the source, nothing imported."""

from __future__ import annotations

import sys

import pytest

from salt_core.registry.provider import Provider
from salt_core.registry.summary import UNDOCUMENTED, read_class, read_target, source_of

MODULE = '''
"""A module that nobody may import."""
from elsewhere import Imported
raise RuntimeError

class Plain:
    """First line.

    Second paragraph.
    """

class Bare:
    pass

class Late:
    """
    Starts on the second line.
    """

class Outer:
    class Inner:
        """Within."""

Alias = Plain

def decorated(function):
    return function

@decorated
def twice():
    """First."""

@decorated
def twice():
    """Second.

    More.
    """

@decorated
def made():
    pass

import top.below

if True:
    class Guarded:
        """Not at the top."""
'''


@pytest.fixture
def summary_of(install):
    files = {f"summary_package/{name}": "raise RuntimeError" for name in ("__init__.py", "sub/__init__.py")}
    files["summary_package/sub/mod.py"] = MODULE
    install("salt-summary", "1", {}, files)

    def read(name):
        return read_target(f"summary_package.sub.mod:{name}")

    yield read
    assert not [name for name in sys.modules if name.startswith("summary_package")]


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("Plain", "First line."),
        ("Late", "Starts on the second line."),
        ("Outer.Inner", "Within."),
        ("Bare", UNDOCUMENTED),
        ("twice", "Second."),
        ("made", UNDOCUMENTED),
    ],
)
def test_the_first_line_is_read_without_import(summary_of, name, summary):
    reading = summary_of(name)
    assert (reading.summary, reading.fault) == (summary, "")


@pytest.mark.parametrize("name", ["Imported", "Alias", "Guarded", "decorated", "top"])
def test_a_class_that_is_not_written_out_is_no_fault(summary_of, name):
    reading = summary_of(name)
    assert reading.fault == ""
    assert reading.summary == f"(no summary: {name} is not written out in summary_package.sub.mod)"


def test_a_class_that_is_not_there_is_a_fault(summary_of):
    reading = summary_of("Nothing")
    assert reading.fault == "module summary_package.sub.mod has no class Nothing"
    assert reading.summary == f"({reading.fault})"


def test_a_name_within_a_class_may_come_from_anywhere(summary_of):
    assert summary_of("Outer.Nothing").fault == ""


@pytest.mark.parametrize(
    "module",
    [
        "module_that_is_gone",
        "package_that_is_gone.deeper",
        "summary_package.gone",
        "salt_core.errors.deeper",
        "salt_core.errors.json",
    ],
)
def test_a_module_that_is_not_there_is_a_fault(summary_of, module):
    assert read_target(f"{module}:X").fault == f"there is no module {module}"


def test_a_module_with_a_wrong_line_is_a_fault(install):
    site = install("salt-wrong", "1", {}, {"module_with_fault.py": "class X(:\n"})
    fault = read_target("module_with_fault:X").fault
    assert fault.startswith(f"{site / 'module_with_fault.py'} cannot be read: invalid syntax")


def test_a_module_without_source_is_no_fault():
    reading = read_target("math:X")
    assert reading.fault == ""
    assert reading.summary == "(no source to read a summary from: math)"


def test_folders_without_init(install):
    files = {
        "spaces/sub/mod.py": MODULE,
        "packed/__init__.py": "raise RuntimeError",
        "packed/sub/mod.py": MODULE,
    }
    install("salt-spaces", "1", {}, files)
    for package in ("spaces", "packed"):  # only their import would tell where they lie
        reading = read_target(f"{package}.sub.mod:Plain")
        assert reading.summary == f"(no source to read a summary from: {package}.sub.mod)"
        assert reading.fault == ""


def test_a_star_import_may_bring_the_class(install):
    install("salt-star", "1", {}, {"module_with_star.py": "from elsewhere import *\n"})
    assert read_target("module_with_star:X").fault == ""


def test_a_module_may_make_a_class_when_it_is_asked_for(install):
    install("salt-asked", "1", {}, {"module_that_is_asked.py": "def __getattr__(name): ...\n"})
    reading = read_target("module_that_is_asked:X")
    assert (reading.summary, reading.fault) == (
        "(no summary: X is not written out in module_that_is_asked)",
        "",
    )


def test_the_source_of_a_module(install, tmp_path, monkeypatch):
    install("salt-source", "1", {}, {"package_with_source/__init__.py": "A = 1\n", "folder_alone/x.py": ""})
    assert source_of("package_with_source") == b"A = 1\n"
    (tmp_path / "built-in").write_text("not the source of sys")
    monkeypatch.chdir(tmp_path)
    for module in ("sys", "module_that_is_gone", "package_with_source.gone", "folder_alone"):
        assert source_of(module) is None


def test_a_class_at_hand_speaks_for_itself_not_for_its_parent():
    class Parent:
        """Parent."""

    class Child(Parent):
        pass

    class Documented(Parent):
        """Child.

        More.
        """

    assert read_class(Child).summary == UNDOCUMENTED
    assert read_class(Documented).summary == "Child."


@pytest.mark.parametrize(
    ("target", "conflict", "state"),
    [
        ("salt_core.errors:SaltError", False, "ok"),
        ("salt_core.errors:SaltError", True, "conflict"),
        ("salt_core.errors:Gone", False, "broken"),
        ("salt_core.errors:Gone", True, "broken"),
    ],
)
def test_the_state_of_a_provider(target, conflict, state):
    assert Provider("loss", "x", target, "p", "d", "1", conflict).state == state


def test_the_path_of_a_provider():
    assert Provider("loss", "x", "m:A", "p", "d", "1").path == "m:A"
    assert Provider("loss", "x", Provider, "p", "d", "1").path == "salt_core.registry.provider:Provider"
