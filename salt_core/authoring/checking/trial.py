"""How one part is tried in a small training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: The configuration whose model and variables trials have, and what makes it small.
MODEL, DEMO = "GN2.yaml", "demo.yaml"

#: What the part is called in the configuration.
KEY = "checked"


@dataclass(frozen=True)
class Trial:
    """A training, or a call of a command, that tries one part.

    Parameters
    ----------
    part : str
        Such as ``task charge``.
    where : str
        File and line of its class.
    overlay : dict
        What goes on top of the configuration; empty for a call alone.
    words : tuple of str
        The call of ``salt``, where it is no training.
    exports : bool
        Whether the part is in the exported model.
    """

    part: str
    where: str
    overlay: dict[str, Any]
    words: tuple[str, ...] = ()
    exports: bool = False
