"""Hooks of a module, each with its own mistakes."""

from __future__ import annotations

from types import ModuleType

import pytest

from salt_core.authoring.checking.hooks import look_at_hooks


def look(source: str) -> tuple[list[str], list[str]]:
    module = ModuleType("planted")
    exec(compile(f"from salt_core import hookimpl\n{source}", "planted.py", "exec"), vars(module))
    findings, offers = look_at_hooks(module, "planted.py", "planted of salt-plugin-planted")
    return [str(finding) for finding in findings], [name for _, name, _ in offers]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "planted.py: it offers no hook; mark one with @hookimpl: salt_encoders, "),
        (
            "@hookimpl\ndef salt_task(): return {}",
            "salt_task: there is no hook 'salt_task': did you mean 'salt_tasks'",
        ),
        (
            "def salt_loses(): return {}",
            "salt_loses: no hook is called so; did you mean salt_losses",
        ),
        ("def salt_losses(): return {}", "salt_losses must be marked with @hookimpl of salt_core"),
        (
            "@hookimpl\ndef salt_losses(registry): return {}",
            "it takes registry: a hook that offers something takes no argument",
        ),
        (
            "@hookimpl\ndef salt_run_ended(run, result): pass",
            "it takes result: a hook that offers something takes no argument; those of a run",
        ),
        (
            "@hookimpl\ndef salt_losses(): pass",
            "salt_losses returns None, not a mapping from names to classes",
        ),
        (
            "@hookimpl\ndef salt_losses(): return 1 / 0",
            "calling it raises ZeroDivisionError: division by zero",
        ),
        ("@hookimpl\ndef salt_losses(): raise SystemExit(3)", "calling it raises SystemExit: 3"),
        (
            "@hookimpl\ndef salt_losses(): return {'x': 'package.module.Class'}",
            "salt_losses offers 'x' as 'package.module.Class', neither a class nor \"module:Class\"",
        ),
        ("@hookimpl\ndef salt_losses(): return {'': object}", "offers the name '', which is not a text"),
        (
            "salt_api = '9.0'\n@hookimpl\ndef salt_losses(): return {}",
            "salt_api: it asks for plugin API 9.0, and this salt-hep has",
        ),
    ],
)
def test_a_mistake_is_told(source, message):
    findings, _ = look(source)
    assert len(findings) == 1
    assert message in findings[0]


def test_mistakes_of_several_hooks_are_told_and_the_rest_is_taken():
    source = """
@hookimpl
def salt_losses(): return None

@hookimpl
def salt_taks(): return {}

@hookimpl
def salt_encoders(): return {"mine": "package.encoder:Mine"}
"""
    findings, offers = look(source)
    assert len(findings) == 2
    assert findings[0].startswith("planted.py:3: salt_losses: salt_losses returns None")
    assert offers == ["mine"]


def test_every_target_of_a_hook_that_is_none_is_told():
    source = "@hookimpl\ndef salt_losses(): return {'x': 'a.Class', 'good': 'a:Class', 'y': 3, '': object}"
    findings, offers = look(source)
    assert len(findings) == 1
    assert (
        "salt_losses offers 'x' as 'a.Class', neither a class nor \"module:Class\", and 'y' as" in findings[0]
    )
    assert "and the name '', which is not a text" in findings[0]
    assert "good" not in findings[0]
    assert offers == []


def test_other_functions_are_let_alone():
    source = "def salt_of_the_earth(): pass\n@hookimpl\ndef salt_losses(): return {}"
    assert look(source) == ([], [])
