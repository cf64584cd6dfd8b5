"""How a sample is cut into batches for one or several ranks."""

from __future__ import annotations

from itertools import pairwise

Rows = tuple[int, int]


def equal_pieces(num_jets: int, pieces: int) -> list[Rows]:
    """Cut rows 0 to `num_jets` into `pieces` whose sizes differ by one at most.

    Returns
    -------
    list of (int, int)
        First and last row (excluded) of each.
    """
    return list(pairwise(num_jets * i // pieces for i in range(pieces + 1)))


def training_pieces(num_jets: int, batch_size: int, ranks: int) -> list[Rows]:
    """Cut a sample into pieces of `batch_size` jets at most, equally many for each rank, all of equal size.

    No jet is left out, and no step is noisier than the others for having less of them.
    """
    steps = -(-num_jets // (batch_size * ranks))
    return equal_pieces(num_jets, ranks * max(min(steps, num_jets // ranks), 1))


def evaluation_pieces(num_jets: int, batch_size: int, ranks: int) -> list[Rows]:
    """Cut a sample into batches in the order of the file, equally many for each rank.

    A rank with more batches would wait for the others.
    """
    if ranks == 1:
        return [(start, min(start + batch_size, num_jets)) for start in range(0, num_jets, batch_size)]
    return training_pieces(num_jets, batch_size, ranks)
