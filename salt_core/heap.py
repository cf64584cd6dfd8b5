"""What the C library does with memory that tensors on a processor leave."""

from __future__ import annotations

import ctypes
import os

#: Numbers of glibc's ``mallopt`` (malloc.h): free memory at the heap's end that is given back, and the most
#: blocks that are mapped one by one.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
LARGEST = 2**31 - 1

#: Where a user has chosen, the choice stands.
VARIABLES = ("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, for the next step needs as much again.

    Otherwise it maps each large tensor anew, and the system fills its pages with zeros one by one: a tenth of a
    training step with 1000 jets, a third with 4000. Other C libraries are left as they are.

    Returns
    -------
    bool
        Whether it does so from now on.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in VARIABLES):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
