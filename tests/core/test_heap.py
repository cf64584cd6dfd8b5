"""What the C library does with memory that tensors leave."""

import platform
import subprocess
import sys

import pytest

# Pages that the system has to fill while large blocks come and go.
FAULTS = """
import resource, sys
import numpy as np
from salt_core.heap import keep_freed_memory

if sys.argv[1] == "keep":
    print(keep_freed_memory(), end=" ")
use = lambda: [np.ones(8_000_000) for _ in range(2)]  # 64 MB each
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def told(how, **environment):
    command = [sys.executable, "-c", FAULTS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_is_used_again_instead_of_fetched_anew():
    kept, faults = told("keep")
    assert kept == "True"
    (otherwise,) = told("leave")
    assert int(faults) < int(otherwise) / 10


def test_the_choice_of_a_user_stands():
    assert told("keep", GLIBC_TUNABLES="glibc.malloc.mmap_max=100")[0] == "False"
