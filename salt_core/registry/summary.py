"""The first docstring line of a class or a command, read from its source so that nothing is imported."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

import click

UNDOCUMENTED = "(no docstring)"


@dataclass(frozen=True)
class Reading:
    """What the source tells of a class.

    Parameters
    ----------
    summary : str
        First line of the docstring, or in brackets why there is none.
    fault : str, optional
        Why importing the class must fail; empty where nothing speaks against it.
    """

    summary: str
    fault: str = ""


def read_class(target: type) -> Reading:
    """Read the docstring of a class that is already imported."""
    return Reading(_first_line(target.__dict__.get("__doc__")))


def read_command(target: click.Command) -> Reading:
    """Read the help of a command that is already imported."""
    return Reading(_first_line(target.help))


def read_target(target: str) -> Reading:
    """Read the docstring of ``"module:Class"`` without importing the module or its parents."""
    module, _, qualname = target.partition(":")
    try:
        spec = _find_spec(module)
    except Exception:  # finders are anybody's code, and namespace packages want their parents imported
        return _sourceless(module)
    if spec is None:
        return _missing(f"there is no module {module}")
    source = Path(spec.origin or "")
    if source.suffix != ".py":
        return _sourceless(module)
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        return _missing(f"{source} cannot be read: {error}")
    return _read_tree(tree, module, qualname)


def source_of(module: str) -> bytes | None:
    """Read the source of a module without importing it; None where there is none to read."""
    try:
        spec = _find_spec(module)
        return Path(str(spec.origin)).read_bytes() if spec and spec.has_location else None
    except Exception:  # finders are anybody's code
        return None


def _read_tree(tree: ast.Module, module: str, qualname: str) -> Reading:
    found = _find_class(tree.body, qualname) or _find_function(tree.body, qualname)
    if found is not None:
        return Reading(_first_line(ast.get_docstring(found)))
    bound = _names_bound(tree)
    if bound & {qualname.partition(".")[0], "*", "__getattr__"}:
        return Reading(f"(no summary: {qualname} is not written out in {module})")
    return _missing(f"module {module} has no class {qualname}")


def _sourceless(module: str) -> Reading:
    return Reading(f"(no source to read a summary from: {module})")


def _missing(fault: str) -> Reading:
    return Reading(f"({fault})", fault)


def _first_line(docstring: str | None) -> str:
    lines = inspect.cleandoc(docstring or "").splitlines()
    return lines[0] if lines else UNDOCUMENTED


def _find_spec(module: str) -> ModuleSpec | None:
    """Ask the import system where `module` lies, from its top-level package down, importing none."""
    parent = module.rpartition(".")[0]
    if not parent:
        return _find_step(module, None)
    package = _find_spec(parent)
    path = package.submodule_search_locations if package else None
    return None if path is None else _find_step(module, path)


def _find_step(module: str, path: Sequence[str] | None) -> ModuleSpec | None:
    known: ModuleSpec | None = getattr(sys.modules.get(module), "__spec__", None)
    if known is not None:
        return known
    for finder in sys.meta_path:
        spec = finder.find_spec(module, path)
        if spec is not None:
            return spec
    return None


def _find_class(body: Sequence[ast.stmt], qualname: str) -> ast.ClassDef | None:
    name, _, inner = qualname.partition(".")
    found = next((node for node in body if isinstance(node, ast.ClassDef) and node.name == name), None)
    return _find_class(found.body, inner) if found and inner else found


def _find_function(body: Sequence[ast.stmt], name: str) -> ast.FunctionDef | None:
    """Find a function that a decorator makes a command."""
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == name]
    return functions[-1] if functions and functions[-1].decorator_list else None


def _names_bound(tree: ast.Module) -> set[str]:
    """List every name that the module binds anywhere, and ``*`` for a star import."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names
