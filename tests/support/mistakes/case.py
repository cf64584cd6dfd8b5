"""A mistake, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A broken configuration or file.

    Parameters
    ----------
    words : sequence of str
        Flags.
    texts : sequence of str
        What the list must say.
    number : int
        How many problems there are.
    prepare : callable
        Breaks the sample.
    writes : bool
        Whether it is about a run that would write something.
    """

    words: Sequence[str]
    texts: Sequence[str]
    number: int = 1
    prepare: Callable[..., Any] = lambda sample: None
    writes: bool = False
