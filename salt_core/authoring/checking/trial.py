"""How one part is tried in a small training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    overlay : mapping, optional
        What goes on top of the configuration.
    words : sequence of str, optional
        The call of ``salt``, where it is no training.
    exports : bool, optional
        Whether the part is in the exported model.
    """

    part: str
    where: str
    overlay: Mapping[str, Any] = field(default_factory=dict)
    words: Sequence[str] = ()
    exports: bool = False
