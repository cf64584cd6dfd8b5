"""The plugin API: which version a plugin was written for, and names of hooks that have changed."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from salt_core.registry.faults import HookError
from salt_core.version import PLUGIN_API

#: What a plugin's module states its version by.
STATEMENT = "salt_api"

_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Renamed:
    """A hook that is called otherwise now.

    Parameters
    ----------
    new : str
        The name that takes its place.
    until : str
        The release of ``salt-hep`` that no longer knows the old name.
    """

    new: str
    until: str


#: Old names of hooks that one more release understands.
RENAMED_HOOKS: Mapping[str, Renamed] = {}


def check_api(stated: object) -> None:
    """Check the version that a plugin states; one that states none is taken.

    Parameters
    ----------
    stated : object
        Such as ``"1.0"``, or None.

    Raises
    ------
    HookError
        Where it is no version, a newer one, or of an older major version.
    """
    if stated is None:
        return
    found = _VERSION.fullmatch(stated) if isinstance(stated, str) else None
    if found is None:
        raise HookError(f'{STATEMENT} is {stated!r}; write it as "{_text(PLUGIN_API)}"')
    version = (int(found[1]), int(found[2]))
    if version > PLUGIN_API:
        raise HookError(
            f"it asks for plugin API {_text(version)}, and this salt-hep has {_text(PLUGIN_API)}: "
            "upgrade salt-hep"
        )
    if version[0] < PLUGIN_API[0]:
        raise HookError(
            f"it was written for plugin API {_text(version)}, and this salt-hep has {_text(PLUGIN_API)}: "
            "upgrade the plugin"
        )


def stated_in(source: str | bytes) -> object:
    """Read the statement of a module that cannot be imported, such as one that needs a newer core."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    constants = [
        (node.targets, node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    ]
    stated = [value for targets, value in constants if STATEMENT in map(ast.unparse, targets)]
    return stated[-1] if stated else None


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
