"""The options of a plugin: its typed ``__init__`` and its docstring, read as a schema."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import docstring_parser
from docstring_parser import DocstringStyle

from salt_core.registry.slots import Slot, base_kind, is_union, kind_of

__all__ = ["Option", "Slot", "kind_of", "options_of", "type_text"]


@dataclass(frozen=True)
class Option:
    """One parameter of a plugin.

    Parameters
    ----------
    name : str
        The key that YAML uses.
    annotation : object
        The resolved annotation; its text where it cannot be resolved; `Any` where there is none.
    type_text : str
        The annotation as users read it, such as ``'auto' | 'runs'`` or ``loss plugin``.
    default : object
        The default; None where `required`.
    required : bool
        Whether a value must be given.
    description : str
        From the docstring, in one line; empty where it says nothing.
    inner : type, optional
        The dataclass that describes the value, or the values of the mapping or list; no plugin.
    """

    name: str
    annotation: Any
    type_text: str
    default: Any
    required: bool
    description: str
    inner: type | None = None


def options_of(cls: type) -> list[Option]:
    """Read the options of a class from its ``__init__``, inherited or not, and its docstrings.

    Parameters
    ----------
    cls : type
        The class of a plugin.

    Returns
    -------
    list of Option
        In the order of the signature, without ``self``, ``*args`` and ``**kwargs``.
    """
    init = inspect.unwrap(cls.__init__)  # type: ignore[misc]
    parameters = list(inspect.signature(init).parameters.values())[1:]
    descriptions = _descriptions(cls)
    hints = _hints(init)
    factories = _made_defaults(cls)
    return [
        _option(
            parameter.replace(default=factories.get(parameter.name, parameter.default)),
            hints.get(parameter.name, Any),
            descriptions.get(parameter.name, ""),
        )
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def type_text(annotation: object) -> str:
    """Write an annotation as users read it."""
    if isinstance(annotation, str):
        return annotation
    base = base_kind(annotation)
    if base:
        return f"{base} plugin"
    if annotation is None or annotation is type(None):
        return "None"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if is_union(annotation):
        return " | ".join(type_text(part) for part in arguments)
    if origin is Literal:
        return " | ".join(repr(choice) for choice in arguments)
    if origin is not None:
        return f"{_plain_name(origin)}[{', '.join(_argument_text(part) for part in arguments)}]"
    return _plain_name(annotation)


def _argument_text(argument: object) -> str:
    if argument is Ellipsis:
        return "..."
    if isinstance(argument, list):
        return f"[{', '.join(type_text(part) for part in argument)}]"
    return type_text(argument)


def _plain_name(annotation: object) -> str:
    return str(getattr(annotation, "__name__", annotation))


def _option(parameter: inspect.Parameter, annotation: Any, description: str) -> Option:
    required = parameter.default is parameter.empty
    return Option(
        name=parameter.name,
        annotation=annotation,
        type_text=type_text(annotation),
        default=None if required else parameter.default,
        required=required,
        description=description,
        inner=_dataclass_in(annotation),
    )


def _dataclass_in(annotation: object) -> type | None:
    """Find the dataclass that an annotation is or has among its arguments."""
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return annotation
    return next(filter(None, map(_dataclass_in, typing.get_args(annotation))), None)


def _made_defaults(cls: type) -> dict[str, Any]:
    """Return the defaults that a dataclass makes anew for each object."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return {f.name: f.default_factory() for f in fields if f.default_factory is not dataclasses.MISSING}


def _hints(init: Callable[..., Any]) -> dict[str, Any]:
    """Resolve annotations; one that cannot be resolved stays text and spoils no other."""
    hints = {}
    scope = getattr(init, "__globals__", None)
    for name, annotation in inspect.get_annotations(init).items():
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            hints[name] = typing.get_type_hints(holder, scope)[name]
        except Exception:  # the text of an annotation may be any expression
            hints[name] = str(annotation)
    return hints


@cache
def _descriptions(cls: type) -> dict[str, str]:
    """Collect what the docstrings say of parameters, the class's own words before its parents'."""
    found: dict[str, str] = {}
    for parent in cls.__mro__[:-1]:
        for docstring in (
            parent.__dict__.get("__doc__"),
            getattr(parent.__dict__.get("__init__"), "__doc__", None),
        ):
            for name, text in _parameters(docstring or "").items():
                found.setdefault(name, text)
    return found


def _parameters(docstring: str) -> dict[str, str]:
    """Read a NumPy docstring, or a Google one where there is nothing in NumPy's style."""
    for style in (DocstringStyle.NUMPYDOC, DocstringStyle.GOOGLE):
        entries = docstring_parser.parse(docstring, style).params
        found = {
            name.strip(): " ".join((entry.description or "").split())
            for entry in entries
            if entry.args[0] != "attribute"
            for name in entry.arg_name.split(",")
        }
        if found:
            return found
    return {}
