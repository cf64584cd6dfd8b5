"""docs/hooks.md holds every hook, and the signatures in it are those of the code."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import salt_core
from salt_core import hookspecs
from salt_core.interfaces import batch, dataloader, encoder, loss, run, task
from salt_core.kinds import BY_HOOK, EVENTS, KINDS

HANDED = "What plugins are handed"
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "salt_spec")]
HELPERS = {
    "salt_encoders": [encoder.Encoded],
    "salt_losses": [loss.Target],
    "salt_dataloaders": [
        dataloader.JetLoader,
        dataloader.LoadRequest,
        dataloader.Contents,
        dataloader.Selection,
        dataloader.Position,
    ],
    "salt_batch_backends": [batch.Job, batch.State],
    "salt_run_started": [run.Run],
    "salt_run_ended": [run.Outcome],
    HANDED: [
        salt_core.JetBatch,
        salt_core.Packed,
        salt_core.Layout,
        salt_core.data.batch.Runs,
        salt_core.DataFacts,
    ],
}


def base_of(hook: str) -> type:
    module, _, name = BY_HOOK[hook].base.partition(":")
    return getattr(importlib.import_module(module), name)


def classes_of(heading: str) -> list[type]:
    extended = heading in BY_HOOK and not BY_HOOK[heading].made
    return ([base_of(heading)] if extended else []) + HELPERS.get(heading, [])


OURS = [
    (heading, cls)
    for heading in (*HOOKS, HANDED)
    for cls in classes_of(heading)
    if cls.__module__.startswith("salt_core.")
]


def test_every_kind_has_a_hook_and_every_hook_a_kind_or_is_told_something():
    assert [*(kind.hook for kind in KINDS), *EVENTS] == HOOKS


def test_every_hook_has_a_chapter_and_every_chapter_a_hook(chapters):
    assert [name for name in chapters if name.startswith("salt_")] == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hookspec_has_an_example_that_runs(hook):
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(hookspecs, hook), hook, globs={})
    handed = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"def {hook}({handed})" in "".join(example.source for example in found.examples)
    assert any(example.want for example in found.examples)
    result = doctest.DocTestRunner(verbose=False).run(found)
    assert (result.failed, result.attempted) == (0, len(found.examples))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_an_example_in_its_chapter(hook, code_of):
    tree = ast.parse(code_of(hook)[-1])
    implementations = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and [ast.unparse(mark) for mark in node.decorator_list] == ["hookimpl"]
    ]
    assert implementations == [hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook):
    tests = Path(__file__).parents[1].rglob("test_*.py")
    named = [path for path in tests if re.search(rf"^def test_{hook}\b", path.read_text(), re.MULTILINE)]
    assert named != []


@pytest.mark.parametrize(("heading", "cls"), OURS, ids=lambda value: getattr(value, "__name__", value))
def test_signatures_in_the_chapters_are_those_of_the_code(heading, cls, code_of):
    shown = _class_in(code_of(heading), cls.__name__)
    assert _methods_shown(shown) == _methods_of(cls)
    assert _fields_shown(shown) == _fields_of(cls)


def test_signatures_of_callbacks_are_lightning_s(code_of):
    shown = _class_in(code_of("salt_callbacks"), "Callback")
    callback = base_of("salt_callbacks")
    methods = [node for node in shown.body if isinstance(node, ast.FunctionDef)]
    assert methods != []
    for node in methods:
        expected = list(inspect.signature(getattr(callback, node.name)).parameters)
        assert [argument.arg for argument in node.args.args] == expected, node.name


def test_no_class_is_shown_that_is_not_compared(code_of):
    for heading in (*HOOKS, HANDED):
        pieces = code_of(heading) if heading == HANDED else code_of(heading)[:-1]
        shown = [node.name for piece in pieces for node in ast.parse(piece).body]
        assert shown == [cls.__name__ for cls in classes_of(heading)]


def test_a_wrong_signature_would_be_seen():
    right = _methods_of(task.Task)
    assert right["loss"] == ("self", "predictions: Tensor", "batch: JetBatch", "-> Tensor")
    wrong = "class Task:\n    def loss(self, predictions: Tensor, batch: Tensor) -> Tensor: ..."
    assert _methods_shown(ast.parse(wrong).body[0])["loss"] != right["loss"]


def _class_in(pieces: list[str], name: str) -> ast.ClassDef:
    nodes = [node for piece in pieces for node in ast.parse(piece).body if isinstance(node, ast.ClassDef)]
    (found,) = [node for node in nodes if node.name == name]
    return found


def _methods_shown(shown: ast.ClassDef) -> dict[str, tuple[str, ...]]:
    return {
        node.name: (*_arguments(node.args), f"-> {ast.unparse(node.returns) if node.returns else None}")
        for node in shown.body
        if isinstance(node, ast.FunctionDef)
    }


def _arguments(arguments: ast.arguments) -> list[str]:
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    return [
        _parameter(a.arg, a.annotation and ast.unparse(a.annotation), default and ast.unparse(default))
        for a, default in zip(arguments.args, defaults, strict=True)
    ]


def _methods_of(cls: type) -> dict[str, tuple[str, ...]]:
    """Return the signatures of the public methods and properties that `cls` itself defines."""
    told = {}
    for name, member in vars(cls).items():
        function = _function(member)
        if function is None or (name.startswith("_") and not _is_own_protocol(cls, name)):
            continue
        signature = inspect.signature(function)
        parameters = [
            _parameter(
                p.name,
                None if p.annotation is p.empty else _plain(p.annotation),
                None if p.default is p.empty else repr(p.default),
            )
            for p in signature.parameters.values()
        ]
        told[name] = (*parameters, f"-> {_plain(signature.return_annotation)}")
    return told


def _is_own_protocol(cls: type, name: str) -> bool:
    made = is_dataclass(cls) or getattr(cls, "_is_protocol", False)
    return name in ("__len__", "__iter__") or (name == "__init__" and not made)


def _function(member: object) -> object:
    if isinstance(member, property):
        return member.fget
    if isinstance(member, functools.cached_property):
        return member.func
    if isinstance(member, classmethod):
        return member.__func__
    return member if inspect.isfunction(member) else None


def _parameter(name: str, annotation: str | None, default: str | None) -> str:
    text = f"{name}: {annotation}" if annotation else name
    return text if default is None else f"{text} = {default}"


def _plain(annotation: str) -> str:
    return ast.unparse(ast.parse(annotation, mode="eval"))


def _fields_shown(shown: ast.ClassDef) -> list[tuple[str, str, bool]]:
    return [
        (node.target.id, ast.unparse(node.annotation), node.value is not None)
        for node in shown.body
        if isinstance(node, ast.AnnAssign)
    ]


def _fields_of(cls: type) -> list[tuple[str, str, bool]]:
    parameters = inspect.signature(cls).parameters if is_dataclass(cls) else {}
    return [
        (field.name, _plain(field.type), parameters[field.name].default is not inspect.Parameter.empty)
        for field in (fields(cls) if is_dataclass(cls) else ())
    ]
