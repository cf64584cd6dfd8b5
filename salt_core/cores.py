"""Work side by side on the cores of a processor.

PyTorch divides each operation among all cores and waits for the last one. The operations on a batch of
jets are short, so that the waiting, and all that happens in between on one core alone, add up. Where the
work comes in pieces, each core goes through pieces of its own instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self, TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")

#: Tokens whose vectors, a kilobyte or so each, fit the cache of a processor with the weights of a layer.
ROWS_IN_CACHE = 2048

#: Tokens that take much longer than to start a thread.
ROWS_WORTH_A_THREAD = 256


def num_pieces(rows: int) -> int:
    """Return into how many pieces to cut a batch of `rows` tokens, so that all cores have as much to do."""
    cores = torch.get_num_threads()
    number = max(-(-rows // ROWS_IN_CACHE), 1)
    evenly = -(-number // cores) * cores
    return max(number, min(evenly, rows // ROWS_WORTH_A_THREAD))


def side_by_side(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Do `work` on all pieces, as many at a time as PyTorch has cores.

    Parameters
    ----------
    work : callable
        What is done with a piece, in a thread of its own and in the caller's modes of gradients and
        precision. It must not change what other pieces read.
    pieces : sequence
        What to do it with.

    Returns
    -------
    list
        The results in the order of `pieces`.
    """
    cores = torch.get_num_threads()
    if min(cores, len(pieces)) < 2:
        return [work(piece) for piece in pieces]
    modes = _Modes.current()

    def in_modes(piece: Piece) -> Result:
        with modes.entered():
            return work(piece)

    # The threads live as long as the call, for a process that forks later would lose them.
    shared = max(cores // len(pieces), 1)
    threads = ThreadPoolExecutor(min(cores, len(pieces)), initializer=partial(torch.set_num_threads, shared))
    try:
        return list(threads.map(in_modes, pieces))
    finally:
        threads.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # of threads that start later, which PyTorch gives what was set last


@dataclass(frozen=True)
class _Modes:
    """What PyTorch holds for each thread by itself."""

    inference: bool
    gradients: bool
    autocast: bool
    precision: torch.dtype

    @classmethod
    def current(cls) -> Self:
        return cls(
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
        )

    @contextmanager
    def entered(self) -> Iterator[None]:
        with (
            torch.inference_mode(self.inference),
            torch.set_grad_enabled(self.gradients),
            torch.autocast("cpu", dtype=self.precision, enabled=self.autocast),
        ):
            yield
