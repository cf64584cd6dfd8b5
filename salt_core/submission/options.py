"""Options of a plugin as options of a command."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import click

from salt_core.registry.options import Option, options_of
from salt_core.registry.slots import is_union


def click_options(cls: type, short: Mapping[str, str]) -> list[click.Option]:
    """Make the options of a command of a class's typed ``__init__`` and its docstring."""
    return [_click_option(option, short.get(option.name)) for option in options_of(cls)]


def _click_option(option: Option, short: str | None) -> click.Option:
    kind = _kind(option.annotation)
    flag = kind is bool
    # To click a default of None is one, and nothing would be missing.
    default = {} if option.required else {"default": option.default}
    return click.Option(
        [option.name, *_written(option.name, flag and option.default is True), *([short] if short else [])],
        help=option.description,
        required=option.required,
        is_flag=flag,
        type=None if flag else _type(kind),
        show_default=option.default is not None and not flag,
        metavar=None if flag or typing.get_origin(kind) is Literal else option.name.upper(),
        **default,
    )


def _written(name: str, on_by_default: bool) -> list[str]:
    """Return an option with underscores and with dashes; what is on by default can be turned off."""
    spellings = dict.fromkeys([name, name.replace("_", "-")])
    return [f"--{spelt}/--no-{spelt}" if on_by_default else f"--{spelt}" for spelt in spellings]


def _kind(annotation: Any) -> Any:
    """Return the annotation without None."""
    parts: Sequence[Any] = typing.get_args(annotation) if is_union(annotation) else (annotation,)
    return next(part for part in parts if part is not type(None))


def _type(kind: Any) -> Any:
    if typing.get_origin(kind) is Literal:
        return click.Choice(typing.get_args(kind))
    return kind if kind in (int, float, str) else str
